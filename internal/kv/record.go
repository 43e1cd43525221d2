package kv

import (
	"encoding/binary"
	"fmt"

	"github.com/katakv/katakv"
)

// A record is the value under a 'k' key:
//
//	+--------------+-------+------------------+------------------+---------+
//	| version|type | flags | expireAt ms, u64 | revision, u64    | payload |
//	| 4 + 4 bits   | 1 B   | 8 B big endian   | 8 B big endian   | rest    |
//	+--------------+-------+------------------+------------------+---------+
//
// expireAt is 0 for a record that stays. The revision is that of the last write: index and position, packed.
const (
	recordVersion     = 1
	typeString        = 0
	recordHeaderBytes = 18
)

// record is a decoded value. Its payload aliases the encoded form.
type record struct {
	expireAt int64 // wall clock, ms; 0 is never
	revision katakv.Revision
	payload  []byte
}

// putRecordHeader fills the header of a string that never expires.
func putRecordHeader(dst []byte, revision katakv.Revision) {
	dst[0] = recordVersion<<4 | typeString
	dst[1] = 0
	binary.BigEndian.PutUint64(dst[2:], 0)
	binary.BigEndian.PutUint64(dst[10:], uint64(revision))
}

func decodeRecord(data []byte) (record, error) {
	if len(data) < recordHeaderBytes {
		return record{}, fmt.Errorf("record of %d bytes, shorter than its header", len(data))
	}
	if data[0] != recordVersion<<4|typeString || data[1] != 0 {
		return record{}, fmt.Errorf("record of version and type %#x, flags %#x: a newer version wrote it", data[0], data[1])
	}
	return record{
		expireAt: int64(binary.BigEndian.Uint64(data[2:])),
		revision: katakv.Revision(binary.BigEndian.Uint64(data[10:])),
		payload:  data[recordHeaderBytes:],
	}, nil
}

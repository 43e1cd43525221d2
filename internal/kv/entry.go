package kv

import (
	"encoding/binary"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// The payload of a Raft entry is the operations that one proposal packed together:
//
//	+---------+-------+-------------------+-----------------+--------------+
//	| version | flags | stamp ms (uvarint)| count (uvarint) | operations   |
//	| 1 B     | 1 B   | 6 B               | 1..3 B          | see command  |
//	+---------+-------+-------------------+-----------------+--------------+
//
// Flag 1 is set when some operation needs the present value of a key or a remembered request: the Writer must know
// it before the first one is applied. The stamp is what the leader makes of the time when it proposes, in milliseconds
// since 1970; zero for none. Entries of version 1 have no stamp. Raft's own empty entries have no payload at all.
const (
	unstampedVersion = 1
	entryVersion     = 2
	entryReads       = 1

	// maxStamp is far beyond any date, and leaves room for adding to it.
	maxStamp = 1 << 60

	// MaxEntryOperations bounds the operations of an entry.
	MaxEntryOperations = katakv.MaxCommandArgs
)

// AppendEntry appends the payload of an entry with ops, at least one, to dst and returns the longer slice.
// Each must be well formed; see [command.Operation.Check]. stamp is what the shard's clock is to show at least, in
// milliseconds since 1970. It keeps nothing.
func AppendEntry(dst []byte, stamp int64, ops []*command.Operation) []byte {
	flags := byte(0)
	for _, op := range ops {
		if op.Reads() {
			flags |= entryReads
			break
		}
	}
	dst = append(dst, entryVersion, flags)
	dst = binary.AppendUvarint(dst, uint64(stamp))
	dst = binary.AppendUvarint(dst, uint64(len(ops)))
	for _, op := range ops {
		dst = command.AppendOperation(dst, op)
	}
	return dst
}

// entryHeader is what stands before the operations of an entry.
type entryHeader struct {
	reads bool
	stamp int64 // zero: none
	count int
}

// takeEntryHeader reads the header of an entry's payload.
func takeEntryHeader(data []byte) (h entryHeader, rest []byte, err error) {
	if len(data) < 3 {
		return h, nil, fmt.Errorf("entry of %d bytes", len(data))
	}
	if data[0] != entryVersion && data[0] != unstampedVersion || data[1]&^entryReads != 0 {
		return h, nil, fmt.Errorf("entry of version %d, flags %#x: a newer version wrote it", data[0], data[1])
	}
	h.reads, rest = data[1]&entryReads != 0, data[2:]
	if data[0] == entryVersion {
		stamp, size := binary.Uvarint(rest)
		if size <= 0 || stamp > maxStamp {
			return h, nil, fmt.Errorf("entry with a stamp of %d ms", stamp)
		}
		h.stamp, rest = int64(stamp), rest[size:]
	}
	n, size := binary.Uvarint(rest)
	if size <= 0 || n > MaxEntryOperations || n > uint64(len(data)) {
		return h, nil, fmt.Errorf("entry with a count of %d operations in %d bytes", n, len(data))
	}
	h.count = int(n)
	return h, rest[size:], nil
}

package kv

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
)

// A snapshot stream is a shard's whole state in one run of bytes, cut into chunks anywhere:
//
//	+---------+-------------------------------------------------+------------------------+
//	| version | records, by ascending engine key                | end                    |
//	| 1 B     | uvarint key length, key, uvarint length, value  | uvarint 0, CRC-64 (BE) |
//	+---------+-------------------------------------------------+------------------------+
//
// The checksum (ECMA polynomial) covers everything before it. The Meta record is among the records, with the
// sender's replica id, which the receiver replaces by its own.
const streamVersion = 1

var crcTable = crc64.MakeTable(crc64.ECMA)

// SnapshotReader writes the stream of one shard from an engine snapshot, piece by piece.
type SnapshotReader struct {
	snapshot engine.Snapshot
	meta     Meta
	// spans are what is left to read; the first begins where reading goes on.
	spans []engine.Span
	// pending is what was read and not handed out; sum covers it and everything before.
	pending []byte
	sum     uint64
	ended   bool
}

// NewSnapshotReader reads shard from s, which the caller closes after the last Next. engine.ErrNotFound,
// wrapped, when s holds no replica of shard.
func NewSnapshotReader(s engine.Snapshot, shard katakv.ShardID) (*SnapshotReader, error) {
	meta, err := ReadMeta(s, shard)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	r := &SnapshotReader{snapshot: s, meta: meta, spans: spans(shard, meta.Slots)}
	r.pending = append(r.pending, streamVersion)
	r.sum = crc64.Update(0, crcTable, r.pending)
	return r, nil
}

// Meta returns the Meta that the snapshot holds: of the sender's replica.
func (r *SnapshotReader) Meta() Meta { return r.meta }

// Next returns the next at most maxBytes of the stream, in memory that the caller owns, and whether they are
// the last. It must not be called after that.
func (r *SnapshotReader) Next(maxBytes int) (data []byte, final bool, err error) {
	for len(r.pending) < maxBytes && !r.ended {
		if err := r.fill(maxBytes); err != nil {
			return nil, false, fmt.Errorf("read snapshot: %w", err)
		}
	}
	n := min(maxBytes, len(r.pending))
	data = append(make([]byte, 0, n), r.pending[:n]...)
	r.pending = append(r.pending[:0], r.pending[n:]...)
	return data, r.ended && len(r.pending) == 0, nil
}

// fill reads on in the first span that is left, or writes the end when none is.
func (r *SnapshotReader) fill(maxBytes int) error {
	if len(r.spans) == 0 {
		r.pending = append(r.pending, 0)
		r.sum = crc64.Update(r.sum, crcTable, r.pending[len(r.pending)-1:])
		r.pending = binary.BigEndian.AppendUint64(r.pending, r.sum)
		r.ended = true
		return nil
	}
	stopped := false
	err := r.snapshot.Scan(r.spans[0], func(key, value []byte) bool {
		before := len(r.pending)
		r.pending = appendStreamRecord(r.pending, key, value)
		r.sum = crc64.Update(r.sum, crcTable, r.pending[before:])
		if len(r.pending) < maxBytes {
			return true
		}
		stopped = true
		r.spans[0].Start = append(append([]byte{}, key...), 0) // the next possible key
		return false
	})
	if !stopped {
		r.spans = r.spans[1:]
	}
	return err
}

func appendStreamRecord(dst, key, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// Checksum returns a checksum of everything that r holds of shard, and the applied index it belongs to. It is
// equal on all replicas at equal applied index: the replica's own id is left out. Give it a snapshot.
func Checksum(r engine.Reader, shard katakv.ShardID) (sum uint64, applied katakv.Index, err error) {
	meta, err := ReadMeta(r, shard)
	if err != nil {
		return 0, 0, fmt.Errorf("checksum: %w", err)
	}
	neutral := meta
	neutral.Replica = 0
	own := string(metaKey(shard, subMeta))
	var room []byte
	for _, span := range spans(shard, meta.Slots) {
		err := r.Scan(span, func(key, value []byte) bool {
			if string(key) == own {
				value = encodeMeta(&neutral)
			}
			room = appendStreamRecord(room[:0], key, value)
			sum = crc64.Update(sum, crcTable, room)
			return true
		})
		if err != nil {
			return 0, 0, fmt.Errorf("checksum of %v: %w", shard, err)
		}
	}
	return sum, meta.Applied, nil
}

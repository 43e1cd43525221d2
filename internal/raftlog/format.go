package raftlog

// The format. All integers are little-endian; a checksum is CRC32C (Castagnoli) of everything after itself.
//
//	directory
//	    0000000000000001.raftlog ...   segments, named by their id in hexadecimal, without a hole
//	    0000000000000003.spare ...     dead segments kept to be written again
//
//	segment
//	+--------+---------+---------+-- - - --+---------+------------------+
//	| header | batch   | batch   |         | seal    | unused           |
//	| 64     | 40+8n   | 40+8n   |         | 40      | zeroes or stale  |
//	+--------+---------+---------+-- - - --+---------+------------------+
//
//	segment header, 64 bytes
//	 0        8         12        14        16        24        32                    64
//	+---------+---------+---------+---------+---------+---------+---------------------+
//	| KATARLOG| checksum| version | 0       | segment | oldest  | 0                   |
//	+---------+---------+---------+---------+---------+---------+---------------------+
//
//	batch: what one write made durable, and so all or nothing
//	 0        4         8         12   13   14   16        24        32        40
//	+---------+---------+---------+----+----+----+---------+---------+---------+-- - - --+
//	| KRLB    | checksum| length  | ver| flg| 0  | segment | offset  | oldest  | records |
//	+---------+---------+---------+----+----+----+---------+---------+---------+-- - - --+
//
//	length   of the records in bytes, a multiple of 8: zeroes pad it
//	flags    1: seal. The segment ends here and its successor exists.
//	segment  the id of this segment: a batch of a recycled segment's earlier life never validates
//	offset   of this batch in its segment; every byte of the log below it was synced before this batch was
//	         written. (segment, offset) is the synced position that Open trusts.
//	oldest   the oldest segment that is still needed; older ones may be missing

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	formatVersion = 1

	segmentMagic       = "KATARLOG"
	segmentHeaderBytes = 64

	batchMagic       = "KRLB"
	batchHeaderBytes = 40
	batchAlign       = 8

	// sealBytes is kept free at the end of every segment for its seal, a batch without records.
	sealBytes = batchHeaderBytes

	flagSeal = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentHeader is what a segment says of itself.
type segmentHeader struct {
	segment uint64
	oldest  uint64
}

// appendSegmentHeader appends the 64 bytes of h.
func appendSegmentHeader(b []byte, h segmentHeader) []byte {
	start := len(b)
	b = append(b, make([]byte, segmentHeaderBytes)...)
	head := b[start:]
	copy(head, segmentMagic)
	binary.LittleEndian.PutUint16(head[12:], formatVersion)
	binary.LittleEndian.PutUint64(head[16:], h.segment)
	binary.LittleEndian.PutUint64(head[24:], h.oldest)
	binary.LittleEndian.PutUint32(head[8:], crc32.Checksum(head[12:], castagnoli))
	return b
}

// parseSegmentHeader reads the header at the start of data and checks that it belongs to segment.
func parseSegmentHeader(data []byte, segment uint64) (segmentHeader, error) {
	if len(data) < segmentHeaderBytes {
		return segmentHeader{}, errShort
	}
	head := data[:segmentHeaderBytes]
	if string(head[:8]) != segmentMagic {
		return segmentHeader{}, errMagic
	}
	if crc32.Checksum(head[12:], castagnoli) != binary.LittleEndian.Uint32(head[8:]) {
		return segmentHeader{}, errChecksum
	}
	h := segmentHeader{segment: binary.LittleEndian.Uint64(head[16:]), oldest: binary.LittleEndian.Uint64(head[24:])}
	if h.segment != segment {
		return segmentHeader{}, errSegment
	}
	if v := binary.LittleEndian.Uint16(head[12:]); v != formatVersion {
		return segmentHeader{}, fmt.Errorf("segment of version %d, this program knows %d: %w", v, formatVersion, ErrVersion)
	}
	return h, nil
}

// batch is one checked batch; records alias the segment's bytes.
type batch struct {
	offset  int
	end     int
	oldest  uint64
	sealed  bool
	records []byte
}

// beginBatch returns b emptied, with room for a batch header.
func beginBatch(b []byte) []byte {
	var head [batchHeaderBytes]byte
	return append(b[:0], head[:]...)
}

// finishBatch pads b, which beginBatch began, and fills in its header.
func finishBatch(b []byte, segment uint64, offset int64, oldest uint64, flags byte) []byte {
	for len(b)%batchAlign != 0 {
		b = append(b, 0)
	}
	copy(b, batchMagic)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-batchHeaderBytes))
	b[12], b[13] = formatVersion, flags
	binary.LittleEndian.PutUint64(b[16:], segment)
	binary.LittleEndian.PutUint64(b[24:], uint64(offset))
	binary.LittleEndian.PutUint64(b[32:], oldest)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// parseBatch checks the batch of segment that begins at offset. An error that is not ErrVersion means that no
// valid batch is there, and says in what way.
func parseBatch(data []byte, offset int, segment uint64) (batch, error) {
	if len(data)-offset < batchHeaderBytes {
		return batch{}, errShort
	}
	b := data[offset:]
	switch {
	case string(b[:4]) != batchMagic:
		return batch{}, errMagic
	case binary.LittleEndian.Uint64(b[16:]) != segment:
		return batch{}, errSegment
	case binary.LittleEndian.Uint64(b[24:]) != uint64(offset):
		return batch{}, errOffset
	}
	length := int64(binary.LittleEndian.Uint32(b[8:]))
	if length%batchAlign != 0 || length > int64(len(b)-batchHeaderBytes) {
		return batch{}, errLength
	}
	end := batchHeaderBytes + int(length)
	if crc32.Checksum(b[8:end], castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return batch{}, errChecksum
	}
	if b[12] != formatVersion || b[13]&^flagSeal != 0 {
		return batch{}, fmt.Errorf("batch at offset %d of version %d, flags %#x, this program knows version %d: %w",
			offset, b[12], b[13], formatVersion, ErrVersion)
	}
	return batch{
		offset: offset, end: offset + end, oldest: binary.LittleEndian.Uint64(b[32:]),
		sealed: b[13]&flagSeal != 0, records: b[batchHeaderBytes:end],
	}, nil
}

// looksTorn reports whether the bytes at offset began as a batch of this segment. Stale bytes do not.
func looksTorn(data []byte, offset int, segment uint64) bool {
	b := data[offset:]
	return len(b) >= batchHeaderBytes && string(b[:4]) == batchMagic && binary.LittleEndian.Uint64(b[16:]) == segment
}

// findBatch returns the offset of the first valid batch of segment at or after offset.
func findBatch(data []byte, offset int, segment uint64) (int, bool) {
	// A batch states its own offset, so chance or a client's bytes cannot make this scan check many long ones.
	for at := (offset + batchAlign - 1) / batchAlign * batchAlign; at+batchHeaderBytes <= len(data); at += batchAlign {
		if _, err := parseBatch(data, at, segment); err == nil {
			return at, true
		}
	}
	return 0, false
}

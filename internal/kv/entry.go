package kv

import (
	"encoding/binary"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// The payload of a Raft entry is the operations that one proposal packed together:
//
//	+---------+-------+-----------------+--------------+
//	| version | flags | count (uvarint) | operations   |
//	| 1 B     | 1 B   | 1..3 B          | see command  |
//	+---------+-------+-----------------+--------------+
//
// Flag 1 is set when some operation needs the present value of a key: the Writer must know it before the first
// one is applied. Raft's own empty entries have no payload at all.
const (
	entryVersion = 1
	entryReads   = 1

	// MaxEntryOperations bounds the operations of an entry.
	MaxEntryOperations = katakv.MaxCommandArgs
)

// AppendEntry appends the payload of an entry with ops, at least one, to dst and returns the longer slice.
// Each must be well formed; see [command.Operation.Check]. It keeps nothing.
func AppendEntry(dst []byte, ops []*command.Operation) []byte {
	flags := byte(0)
	for _, op := range ops {
		if op.Reads() {
			flags |= entryReads
			break
		}
	}
	dst = append(dst, entryVersion, flags)
	dst = binary.AppendUvarint(dst, uint64(len(ops)))
	for _, op := range ops {
		dst = command.AppendOperation(dst, op)
	}
	return dst
}

// takeEntryHeader reads the header of an entry's payload.
func takeEntryHeader(data []byte) (count int, reads bool, rest []byte, err error) {
	if len(data) < 3 {
		return 0, false, nil, fmt.Errorf("entry of %d bytes", len(data))
	}
	if data[0] != entryVersion || data[1]&^entryReads != 0 {
		return 0, false, nil, fmt.Errorf("entry of version %d, flags %#x: a newer version wrote it", data[0], data[1])
	}
	n, size := binary.Uvarint(data[2:])
	if size <= 0 || n > MaxEntryOperations || n > uint64(len(data)) {
		return 0, false, nil, fmt.Errorf("entry with a count of %d operations in %d bytes", n, len(data))
	}
	return int(n), data[1]&entryReads != 0, data[2+size:], nil
}

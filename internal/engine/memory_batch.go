package engine

import "errors"

// errClosed is returned by a Memory that was closed.
var errClosed = errors.New("engine is closed")

type writeKind uint8

const (
	writeSet writeKind = iota
	writeDelete
	writeDeleteRange
)

// write is one change. For a range, record holds its start and end.
type write struct {
	kind   writeKind
	record record
}

// memoryBatch is the changes in order. Each owns its bytes, because trees keep them.
type memoryBatch struct {
	writes []write
	bytes  int
}

var _ Batch = (*memoryBatch)(nil)

// Set implements [Batch].
func (b *memoryBatch) Set(key, value []byte) { b.add(writeSet, key, value) }

// SetDeferred implements [Batch].
func (b *memoryBatch) SetDeferred(keyBytes, valueBytes int) (key, value []byte) {
	return b.room(writeSet, keyBytes, valueBytes)
}

// Delete implements [Batch].
func (b *memoryBatch) Delete(key []byte) { b.add(writeDelete, key, nil) }

// DeleteRange implements [Batch].
func (b *memoryBatch) DeleteRange(span Span) { b.add(writeDeleteRange, span.Start, span.End) }

// Empty implements [Batch].
func (b *memoryBatch) Empty() bool { return len(b.writes) == 0 }

// Bytes implements [Batch].
func (b *memoryBatch) Bytes() int { return b.bytes }

func (b *memoryBatch) add(kind writeKind, key, value []byte) {
	k, v := b.room(kind, len(key), len(value))
	copy(k, key)
	copy(v, value)
}

// room adds a change with space for its key and value, in one allocation.
func (b *memoryBatch) room(kind writeKind, keyBytes, valueBytes int) (key, value []byte) {
	data := make([]byte, keyBytes+valueBytes)
	key, value = data[:keyBytes:keyBytes], data[keyBytes:]
	b.writes = append(b.writes, write{kind: kind, record: record{key: key, value: value}})
	b.bytes += len(data)
	return key, value
}

func (b *memoryBatch) reset() {
	clear(b.writes)
	b.writes = b.writes[:0]
	b.bytes = 0
}

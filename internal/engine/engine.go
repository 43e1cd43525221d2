package engine

import "errors"

// ErrNotFound is returned by Get for a key that is absent.
var ErrNotFound = errors.New("key not found")

// Reader reads one consistent state.
type Reader interface {
	// Get returns the value of key in memory that the caller owns, or ErrNotFound. It does not keep key.
	Get(key []byte) ([]byte, error)

	// Scan calls visit for each key in [span.Start, span.End) in ascending order until visit returns false.
	// The slices are valid only during the call.
	Scan(span Span, visit func(key, value []byte) bool) error
}

// Span is the half-open range [Start, End) of keys.
type Span struct {
	Start, End []byte
}

// Contains reports whether key lies in the span.
func (s Span) Contains(key []byte) bool {
	return string(key) >= string(s.Start) && string(key) < string(s.End)
}

// Batch collects writes that take effect together. Later writes to a key win. Set, Delete and DeleteRange
// copy what they are given.
type Batch interface {
	Set(key, value []byte)
	// SetDeferred is Set without a copy: it returns room for a key and a value inside the batch, which the
	// caller fills before its next use of the batch and does not keep.
	SetDeferred(keyBytes, valueBytes int) (key, value []byte)
	Delete(key []byte)
	DeleteRange(span Span)
	// Empty reports whether nothing was written since the batch was made or reset.
	Empty() bool
	// Bytes is the approximate size of the writes held.
	Bytes() int
}

// Snapshot is an immutable view. Close releases it; an open snapshot pins old data, so it must be closed.
type Snapshot interface {
	Reader
	Close() error
}

// Ingestion stages a whole replacement of some spans and swaps it in at once.
type Ingestion interface {
	// Set adds a record. Keys must ascend strictly over all calls and lie inside the spans.
	Set(key, value []byte) error
	// Commit deletes everything in the spans, adds the records, and returns when that is durable. It takes
	// effect whole or not at all, also across a crash. Writes to the same spans must not run beside it.
	// Commits made before it to keys outside the spans do not become durable by it.
	Commit() error
	// Abort drops what was staged. It is safe after Commit, and then does nothing.
	Abort()
}

// Engine is the ordered key space of one node.
type Engine interface {
	Reader

	// NewBatch returns an empty batch. A batch is used by one goroutine.
	NewBatch() Batch
	// Commit applies b atomically and empties it for reuse. The effect is visible on return, durable later.
	// An error is final: the engine must not be used further.
	Commit(b Batch) error

	// NewSnapshot returns a view of everything committed so far. One goroutine at a time uses it.
	NewSnapshot() Snapshot

	// Flush makes everything committed before the call durable. It blocks; run it beside the core.
	Flush() error
	// Durable returns a view of what a crash at this moment would leave. One goroutine at a time uses it.
	Durable() (Snapshot, error)

	// NewIngestion stages a replacement of spans, which must be disjoint and ascending.
	NewIngestion(spans []Span) (Ingestion, error)

	// Metrics returns sizes for operators.
	Metrics() Metrics

	// Close flushes nothing by itself; it releases files and memory. Snapshots must be closed before.
	Close() error
}

// Metrics are sizes in bytes and counts since the engine was opened.
type Metrics struct {
	DiskBytes     int64
	MemTableBytes int64
	CacheBytes    int64
	Flushes       int64
	Compactions   int64
	WriteStalls   int64
}

package engine

import (
	"bytes"
	"errors"
	"fmt"
)

// SpanCursor checks what [Ingestion] demands of its callers: spans disjoint and ascending, keys ascending
// strictly and inside the spans. Both implementations use it, so they refuse alike.
type SpanCursor struct {
	spans []Span
	at    int
	last  []byte
	any   bool
}

// NewSpanCursor checks spans and keeps them.
func NewSpanCursor(spans []Span) (SpanCursor, error) {
	for i, s := range spans {
		if bytes.Compare(s.Start, s.End) >= 0 {
			return SpanCursor{}, fmt.Errorf("span %d: [%x, %x) is empty", i, s.Start, s.End)
		}
		if i > 0 && bytes.Compare(spans[i-1].End, s.Start) > 0 {
			return SpanCursor{}, fmt.Errorf("span %d: starts at %x before the end %x of the one before",
				i, s.Start, spans[i-1].End)
		}
	}
	return SpanCursor{spans: spans}, nil
}

// Advance moves to key and returns the index of its span, or an error for a key out of order or out of place.
func (c *SpanCursor) Advance(key []byte) (int, error) {
	if c.any && bytes.Compare(key, c.last) <= 0 {
		return 0, fmt.Errorf("key %x does not ascend from %x", key, c.last)
	}
	at := c.at
	for at < len(c.spans) && bytes.Compare(key, c.spans[at].End) >= 0 {
		at++
	}
	if at == len(c.spans) || bytes.Compare(key, c.spans[at].Start) < 0 {
		return 0, fmt.Errorf("key %x lies in no span", key)
	}
	c.at = at
	c.last = append(c.last[:0], key...)
	c.any = true
	return at, nil
}

// memoryIngestion holds what was staged until Commit.
type memoryIngestion struct {
	owner  *Memory
	cursor SpanCursor
	staged []record
	done   bool
}

// NewIngestion implements [Engine].
func (m *Memory) NewIngestion(spans []Span) (Ingestion, error) {
	own := make([]Span, len(spans))
	for i, s := range spans {
		own[i] = Span{Start: bytes.Clone(s.Start), End: bytes.Clone(s.End)}
	}
	cursor, err := NewSpanCursor(own)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	return &memoryIngestion{owner: m, cursor: cursor}, nil
}

// Set implements [Ingestion].
func (in *memoryIngestion) Set(key, value []byte) error {
	if in.done {
		return errIngestionDone
	}
	if _, err := in.cursor.Advance(key); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	in.staged = append(in.staged, record{key: bytes.Clone(key), value: bytes.Clone(value)})
	return nil
}

// Commit implements [Ingestion]. What is durable changes in the ingestion's spans only: earlier commits
// elsewhere stay as volatile as they were.
func (in *memoryIngestion) Commit() error {
	if in.done {
		return errIngestionDone
	}
	in.done = true
	m := in.owner
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return errClosed
	}
	for _, state := range []*tree{m.mu.live, m.mu.durable} {
		for _, span := range in.cursor.spans {
			deleteRange(state, span)
		}
		for _, r := range in.staged {
			state.ReplaceOrInsert(r)
		}
	}
	in.staged = nil
	return nil
}

// Abort implements [Ingestion].
func (in *memoryIngestion) Abort() { in.done, in.staged = true, nil }

var errIngestionDone = errors.New("ingestion was committed or aborted")

package engine

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/google/btree"

	"github.com/katakv/katakv/internal/invariant"
)

// btreeDegree trades copying on write (small nodes) against depth; 32 measured best for records of 200 bytes.
const btreeDegree = 32

// record is one key and its value. Both are immutable once in a tree: trees share records.
type record struct {
	key, value []byte
}

func lessRecord(a, b record) bool { return bytes.Compare(a.key, b.key) < 0 }

// tree is a copy-on-write B-tree of records.
type tree = btree.BTreeG[record]

// Memory is an [Engine] in memory with the exact durability contract of one on disk, and nothing that
// depends on time or chance: what is durable changes only in Flush and in an ingestion's Commit. A clone of
// the tree costs next to nothing, so snapshots and the durable view are clones.
//
//	           Commit            Flush
//	batch ───────────────> live ────────> durable ──Crash──> live of the next Memory
type Memory struct {
	mu struct {
		sync.RWMutex
		live    *tree
		durable *tree
		// open counts snapshots that were not closed.
		open    int
		flushes int64
		closed  bool
	}
}

var _ Engine = (*Memory)(nil)

// NewMemory returns an empty engine.
func NewMemory() *Memory { return newMemory(btree.NewG(btreeDegree, lessRecord)) }

func newMemory(state *tree) *Memory {
	m := &Memory{}
	m.mu.live = state
	m.mu.durable = state.Clone()
	return m
}

// Crash returns the engine that a crash at this moment would leave: what is durable, and nothing else. The
// receiver stays as it is; the two share nothing that changes.
func (m *Memory) Crash() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return newMemory(m.mu.durable.Clone())
}

// Get implements [Reader].
func (m *Memory) Get(key []byte) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return get(m.mu.live, key)
}

// Scan implements [Reader]. It sees one state, and visit may use the engine.
func (m *Memory) Scan(span Span, visit func(key, value []byte) bool) error {
	m.mu.Lock()
	view := m.mu.live.Clone()
	m.mu.Unlock()
	scan(view, span, visit)
	return nil
}

// NewBatch implements [Engine].
func (m *Memory) NewBatch() Batch { return &memoryBatch{} }

// Commit implements [Engine]. It fails only for a batch of another engine, or after Close.
func (m *Memory) Commit(b Batch) error {
	batch, ok := b.(*memoryBatch)
	if !ok {
		return fmt.Errorf("commit a %T to an engine in memory", b)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return errClosed
	}
	for i := range batch.writes {
		w := &batch.writes[i]
		switch w.kind {
		case writeSet:
			m.mu.live.ReplaceOrInsert(w.record)
		case writeDelete:
			m.mu.live.Delete(w.record)
		case writeDeleteRange:
			deleteRange(m.mu.live, Span{Start: w.record.key, End: w.record.value})
		}
	}
	batch.reset()
	return nil
}

// NewSnapshot implements [Engine].
func (m *Memory) NewSnapshot() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.open++
	return &memorySnapshot{owner: m, state: m.mu.live.Clone()}
}

// Flush implements [Engine].
func (m *Memory) Flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return errClosed
	}
	m.mu.durable = m.mu.live.Clone()
	m.mu.flushes++
	return nil
}

// Durable implements [Engine].
func (m *Memory) Durable() (Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return nil, errClosed
	}
	m.mu.open++
	return &memorySnapshot{owner: m, state: m.mu.durable.Clone()}, nil
}

// Metrics implements [Engine]. Only Flushes is counted: the rest means nothing in memory.
func (m *Memory) Metrics() Metrics {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Metrics{Flushes: m.mu.flushes}
}

// Close implements [Engine]. It fails when a snapshot is still open, which would be a leak.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.closed = true
	if m.mu.open != 0 {
		return fmt.Errorf("close engine: %d snapshots are open", m.mu.open)
	}
	return nil
}

// memorySnapshot is a clone of a tree, which nothing changes.
type memorySnapshot struct {
	owner *Memory
	state *tree
}

// Get implements [Reader].
func (s *memorySnapshot) Get(key []byte) ([]byte, error) {
	invariant.Check(s.state != nil, "read of a closed snapshot")
	return get(s.state, key)
}

// Scan implements [Reader].
func (s *memorySnapshot) Scan(span Span, visit func(key, value []byte) bool) error {
	invariant.Check(s.state != nil, "scan of a closed snapshot")
	scan(s.state, span, visit)
	return nil
}

// Close implements [Snapshot]. It is safe to call twice.
func (s *memorySnapshot) Close() error {
	if s.state == nil {
		return nil
	}
	s.state = nil
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	s.owner.mu.open--
	return nil
}

func get(t *tree, key []byte) ([]byte, error) {
	found, ok := t.Get(record{key: key})
	if !ok {
		return nil, ErrNotFound
	}
	return append(make([]byte, 0, len(found.value)), found.value...), nil
}

func scan(t *tree, span Span, visit func(key, value []byte) bool) {
	t.AscendRange(record{key: span.Start}, record{key: span.End}, func(r record) bool {
		return visit(r.key, r.value)
	})
}

// deleteRange removes the records of span one by one: a tree must not change under its iterator.
func deleteRange(t *tree, span Span) {
	var doomed []record
	t.AscendRange(record{key: span.Start}, record{key: span.End}, func(r record) bool {
		doomed = append(doomed, r)
		return true
	})
	for _, r := range doomed {
		t.Delete(r)
	}
}

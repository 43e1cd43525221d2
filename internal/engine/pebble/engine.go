package pebble

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/invariant"
)

// stagingName is the directory, inside the engine's, in which ingestions write their tables.
const stagingName = "staging"

// Engine is an engine.Engine on disk.
type Engine struct {
	db       *pebble.DB
	fs       vfs.FS
	options  *pebble.Options
	staging  string
	removals *lateRemovals // nil: Pebble's own goroutines decide when files go
	counters counters
	tables   tableNumbers
}

var _ engine.Engine = (*Engine)(nil)

// Open opens the engine in dir, which is created when it is absent and must be used by nobody else. Whatever
// an ingestion that was cut short has left is removed.
func Open(dir string, opts Options) (*Engine, error) {
	if opts.FS == nil {
		opts.FS = vfs.Default
	}
	e := &Engine{}
	if opts.ManualCompaction {
		e.removals = newLateRemovals(opts.FS)
		opts.FS = e.removals
	}
	e.fs, e.staging = opts.FS, opts.FS.PathJoin(dir, stagingName)
	e.options = opts.pebbleOptions(&e.counters)
	cache := pebble.NewCache(orDefault(opts.CacheBytes, DefaultCacheBytes))
	defer cache.Unref()
	e.options.Cache = cache
	db, err := pebble.Open(dir, e.options)
	if err != nil {
		return nil, fmt.Errorf("open state engine in %s: %w", dir, err)
	}
	e.db = db
	if err := errors.Join(e.rest(), e.clearStaging()); err != nil {
		return nil, errors.Join(fmt.Errorf("open state engine: clear %s: %w", e.staging, err), db.Close())
	}
	return e, nil
}

// clearStaging makes the staging directory anew. Only Open calls it, under Pebble's lock on the directory.
func (e *Engine) clearStaging() error {
	if err := e.fs.RemoveAll(e.staging); err != nil {
		return err
	}
	return e.fs.MkdirAll(e.staging, 0o755)
}

// Get implements engine.Reader.
func (e *Engine) Get(key []byte) ([]byte, error) { return get(e.db, key) }

// Scan implements engine.Reader.
func (e *Engine) Scan(span engine.Span, visit func(key, value []byte) bool) error {
	return scan(e.db, span, visit)
}

// NewBatch implements engine.Engine.
func (e *Engine) NewBatch() engine.Batch {
	return &batch{b: e.db.NewBatch(pebble.WithMaxRetainedSizeBytes(retainedBatchBytes))}
}

// Commit implements engine.Engine. It may wait while too many memtables wait for their flush.
func (e *Engine) Commit(b engine.Batch) error {
	own, ok := b.(*batch)
	invariant.Check(ok, "commit a %T to an engine on Pebble", b)
	if own.b.Empty() {
		return nil
	}
	if err := e.db.Apply(own.b, pebble.NoSync); err != nil {
		return fmt.Errorf("commit to state engine: %w", err)
	}
	own.b.Reset()
	return nil
}

// NewSnapshot implements engine.Engine.
func (e *Engine) NewSnapshot() engine.Snapshot { return snapshot{s: e.db.NewSnapshot()} }

// Flush implements engine.Engine.
func (e *Engine) Flush() error {
	if err := e.db.Flush(); err != nil {
		return fmt.Errorf("flush state engine: %w", err)
	}
	return e.rest()
}

// rest removes, in an engine for tests that repeat, the files that are no longer needed: what is on the disk at a moment
// must not depend on how fast Pebble's goroutines are.
func (e *Engine) rest() error {
	if e.removals == nil {
		return nil
	}
	e.db.TestOnlyWaitForCleaning()
	if err := e.removals.carryOut(); err != nil {
		return fmt.Errorf("remove files of the state engine: %w", err)
	}
	return nil
}

// Durable implements engine.Engine.
func (e *Engine) Durable() (engine.Snapshot, error) {
	it, err := e.db.NewIter(&pebble.IterOptions{OnlyReadGuaranteedDurable: true})
	if err != nil {
		return nil, fmt.Errorf("read durable state: %w", err)
	}
	return &durable{it: it}, nil
}

// Metrics implements engine.Engine. It locks the engine for some microseconds: for scrapes, not for loops.
func (e *Engine) Metrics() engine.Metrics {
	m := e.db.Metrics()
	return engine.Metrics{
		DiskBytes:     int64(m.DiskSpaceUsage()),
		MemTableBytes: int64(m.MemTable.Size),
		CacheBytes:    m.BlockCache.Size,
		Flushes:       m.Flush.Count,
		Compactions:   m.Compact.Count,
		WriteStalls:   e.counters.writeStalls.Load(),
	}
}

// Close implements engine.Engine. It waits for flushes and compactions that run, and starts none.
func (e *Engine) Close() error {
	err := e.db.Close()
	if e.removals != nil {
		err = errors.Join(err, e.removals.carryOut())
	}
	if err != nil {
		return fmt.Errorf("close state engine: %w", err)
	}
	return nil
}

// batch is an engine.Batch. Pebble's methods on batches that are not indexed return no errors.
type batch struct {
	b *pebble.Batch
}

// Set implements engine.Batch.
func (b *batch) Set(key, value []byte) {
	k, v := b.SetDeferred(len(key), len(value))
	copy(k, key)
	copy(v, value)
}

// SetDeferred implements engine.Batch.
func (b *batch) SetDeferred(keyBytes, valueBytes int) (key, value []byte) {
	op := b.b.SetDeferred(keyBytes, valueBytes)
	return op.Key, op.Value
}

// Delete implements engine.Batch.
func (b *batch) Delete(key []byte) {
	op := b.b.DeleteDeferred(len(key))
	copy(op.Key, key)
}

// DeleteRange implements engine.Batch.
func (b *batch) DeleteRange(span engine.Span) {
	if string(span.Start) >= string(span.End) {
		return
	}
	op := b.b.DeleteRangeDeferred(len(span.Start), len(span.End))
	copy(op.Key, span.Start)
	copy(op.Value, span.End)
}

// Empty implements engine.Batch.
func (b *batch) Empty() bool { return b.b.Empty() }

// Bytes implements engine.Batch.
func (b *batch) Bytes() int { return b.b.Len() }

package pebble

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/katakv/katakv/internal/engine"
)

// get reads one key from the database or a snapshot.
func get(r pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, engine.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read state engine: %w", err)
	}
	own := append(make([]byte, 0, len(value)), value...)
	if err := closer.Close(); err != nil {
		return nil, fmt.Errorf("read state engine: %w", err)
	}
	return own, nil
}

func scan(r pebble.Reader, span engine.Span, visit func(key, value []byte) bool) error {
	if string(span.Start) >= string(span.End) {
		return nil
	}
	it, err := r.NewIter(bounds(span))
	if err != nil {
		return fmt.Errorf("scan state engine: %w", err)
	}
	return visitAll(it, visit)
}

func bounds(span engine.Span) *pebble.IterOptions {
	opts := &pebble.IterOptions{UpperBound: span.End}
	if len(span.Start) > 0 { // Pebble wants nil for no bound, not an empty one
		opts.LowerBound = span.Start
	}
	return opts
}

// visitAll walks it from its first key and closes it.
func visitAll(it *pebble.Iterator, visit func(key, value []byte) bool) error {
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(fmt.Errorf("scan state engine: %w", err), it.Close())
		}
		if !visit(it.Key(), value) {
			break
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("scan state engine: %w", err)
	}
	return nil
}

// snapshot is an engine.Snapshot of everything that was committed.
type snapshot struct {
	s *pebble.Snapshot
}

// Get implements engine.Reader.
func (s snapshot) Get(key []byte) ([]byte, error) { return get(s.s, key) }

// Scan implements engine.Reader.
func (s snapshot) Scan(span engine.Span, visit func(key, value []byte) bool) error {
	return scan(s.s, span, visit)
}

// Close implements engine.Snapshot.
func (s snapshot) Close() error { return s.s.Close() }

// durable is an engine.Snapshot of what a crash would leave. Pebble offers that to iterators only, so one
// iterator is the view: reads seek in it, scans clone it.
type durable struct {
	it *pebble.Iterator
}

// Get implements engine.Reader.
func (d *durable) Get(key []byte) ([]byte, error) {
	if !d.it.SeekGE(key) || string(d.it.Key()) != string(key) {
		if err := d.it.Error(); err != nil {
			return nil, fmt.Errorf("read durable state: %w", err)
		}
		return nil, engine.ErrNotFound
	}
	value, err := d.it.ValueAndErr()
	if err != nil {
		return nil, fmt.Errorf("read durable state: %w", err)
	}
	return append(make([]byte, 0, len(value)), value...), nil
}

// Scan implements engine.Reader.
func (d *durable) Scan(span engine.Span, visit func(key, value []byte) bool) error {
	if string(span.Start) >= string(span.End) {
		return nil
	}
	opts := bounds(span)
	opts.OnlyReadGuaranteedDurable = true
	it, err := d.it.Clone(pebble.CloneOptions{IterOptions: opts})
	if err != nil {
		return fmt.Errorf("scan durable state: %w", err)
	}
	return visitAll(it, visit)
}

// Close implements engine.Snapshot. It is safe to call twice.
func (d *durable) Close() error {
	if d.it == nil {
		return nil
	}
	it := d.it
	d.it = nil
	return it.Close()
}

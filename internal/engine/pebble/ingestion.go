package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv/internal/engine"
)

// tableNumbers gives staged tables their names; several ingestions may run at once.
type tableNumbers struct{ last atomic.Uint64 }

var errIngestionDone = errors.New("ingestion was committed or aborted")

// ingestion writes sorted tables. Each covers a part of one span, from where the one before it ended:
//
//	span       [──────────────────────────────)[───────)
//	table      [range deletion)[range deletion)[..)
//	records      r  r  r  r      r   r   r      r
//
// A table never covers more than one span: its bounds would then cover keys of others as well, and Pebble
// would take those for an overlap with the memtable.
type ingestion struct {
	e      *Engine
	cursor engine.SpanCursor
	spans  []engine.Span
	// covered is the number of spans whose end is reached.
	covered int
	// bare are the spans among them without a record. Whether they need a table is decided in Commit: until then
	// others may write there.
	bare []engine.Span
	// start is where the open table's range deletion begins. Valid while w is set.
	start  []byte
	w      *sstable.Writer
	bytes  int
	tables []string
	done   bool
}

// NewIngestion implements engine.Engine.
func (e *Engine) NewIngestion(spans []engine.Span) (engine.Ingestion, error) {
	own := make([]engine.Span, len(spans))
	for i, s := range spans {
		own[i] = engine.Span{Start: bytes.Clone(s.Start), End: bytes.Clone(s.End)}
	}
	cursor, err := engine.NewSpanCursor(own)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	return &ingestion{e: e, cursor: cursor, spans: own}, nil
}

// Set implements engine.Ingestion.
func (in *ingestion) Set(key, value []byte) error {
	if in.done {
		return errIngestionDone
	}
	at, err := in.cursor.Advance(key)
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := in.place(at, key); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := in.w.Set(key, value); err != nil {
		return fmt.Errorf("ingest: write %s: %w", in.tables[len(in.tables)-1], err)
	}
	in.bytes += len(key) + len(value)
	return nil
}

// place ends the open table where it must and makes sure that one is open for key, in span at.
func (in *ingestion) place(at int, key []byte) error {
	if err := in.coverUntil(at); err != nil {
		return err
	}
	if in.w == nil {
		return in.openTable(in.spans[at].Start)
	}
	if in.bytes < stagedTableBytes {
		return nil
	}
	if err := in.closeTable(key); err != nil {
		return err
	}
	return in.openTable(key)
}

// coverUntil ends every span before at.
func (in *ingestion) coverUntil(at int) error {
	for ; in.covered < at; in.covered++ {
		span := in.spans[in.covered]
		if in.w == nil {
			in.bare = append(in.bare, span)
			continue
		}
		if err := in.closeTable(span.End); err != nil {
			return err
		}
	}
	return nil
}

// clearBare writes a table of nothing but a range deletion for each span without a record in which there is
// something to delete.
func (in *ingestion) clearBare() error {
	for _, span := range in.bare {
		empty, err := in.nothingIn(span)
		if err != nil {
			return err
		}
		if empty {
			continue
		}
		if err := in.openTable(span.Start); err != nil {
			return err
		}
		if err := in.closeTable(span.End); err != nil {
			return err
		}
	}
	return nil
}

// nothingIn reports whether the engine holds nothing in span, so that no table is needed to delete it. Nobody writes
// there during Commit.
func (in *ingestion) nothingIn(span engine.Span) (bool, error) {
	empty := true
	err := in.e.Scan(span, func(_, _ []byte) bool {
		empty = false
		return false
	})
	return empty, err
}

func (in *ingestion) openTable(start []byte) error {
	name := in.e.fs.PathJoin(in.e.staging, fmt.Sprintf("%06d.sst", in.e.tables.last.Add(1)))
	file, err := in.e.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	in.tables = append(in.tables, name)
	const level = 0 // only its block sizes and compression matter, and they are the same in all
	in.w = sstable.NewWriter(objstorageprovider.NewFileWritable(file),
		in.e.options.MakeWriterOptions(level, in.e.db.TableFormat()))
	in.start = append(in.start[:0], start...)
	in.bytes = 0
	return nil
}

// closeTable ends the open table before end and syncs it.
func (in *ingestion) closeTable(end []byte) error {
	name := in.tables[len(in.tables)-1]
	w := in.w
	in.w = nil
	if err := w.DeleteRange(in.start, end); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), w.Close())
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("close %s: %w", name, err)
	}
	return nil
}

// Commit implements engine.Ingestion.
func (in *ingestion) Commit() error {
	if in.done {
		return errIngestionDone
	}
	defer in.Abort()
	// First, so that an absent key in a span is absent on disk too when its table is left out.
	if err := in.e.Flush(); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := in.stage(); err != nil {
		return err
	}
	return in.ingest()
}

// stage writes the tables that are still missing.
func (in *ingestion) stage() error {
	if err := in.coverUntil(len(in.spans)); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := in.clearBare(); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

// ingest adds all tables at once. It is durable on return.
func (in *ingestion) ingest() error {
	if len(in.tables) == 0 {
		return nil // nothing to delete and nothing to add
	}
	if err := in.e.db.Ingest(context.Background(), in.tables); err != nil {
		return fmt.Errorf("ingest %d tables: %w", len(in.tables), err)
	}
	in.tables = nil // Pebble has removed them
	return in.e.rest()
}

// Abort implements engine.Ingestion. What cannot be removed now is removed by the next Open.
func (in *ingestion) Abort() {
	in.done = true
	if in.w != nil {
		_ = in.w.Close() // the file goes next
		in.w = nil
	}
	for _, name := range in.tables {
		_ = in.e.fs.Remove(name)
	}
	in.tables = nil
}

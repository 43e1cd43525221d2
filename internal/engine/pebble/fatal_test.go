package pebble

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/katakv/katakv/internal/engine"
)

var errBroken = errors.New("the disk is broken")

// flushOn opens an engine, breaks its disk by inject, and flushes. It returns what Fatal was told; the engine is parked
// then, and so not closed either.
func flushOn(t *testing.T, inject errorfs.InjectorFunc, tune func(*pebble.Options)) error {
	t.Helper()
	var on errorfs.Toggle
	on.Injector = inject
	fatal := make(chan error, 10)
	opts := Options{
		FS: errorfs.Wrap(vfs.NewMem(), &on), CacheBytes: 1 << 20, MemTableBytes: 1 << 20,
		Fatal: func(err error) { fatal <- err },
	}
	if tune != nil {
		opts.Tune(tune)
	}
	e, err := Open("state", opts)
	if err != nil {
		t.Fatal(err)
	}
	b := e.NewBatch()
	b.Set([]byte("k"), []byte("v"))
	if err := e.Commit(b); err != nil {
		t.Fatal(err)
	}
	on.On()
	go func() { _ = e.Flush() }() // never returns
	return <-fatal
}

// TestFailedSyncIsFatal checks that a sync which fails in a flush reaches Fatal, and that nothing goes on
// behind it.
func TestFailedSyncIsFatal(t *testing.T) {
	err := flushOn(t, func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			return errBroken
		}
		return nil
	}, nil)
	if !strings.Contains(err.Error(), errBroken.Error()) {
		t.Fatalf("got %v, want %v", err, errBroken)
	}
}

// TestFailedDirectorySyncIsFatal: where it moves a marker to a new manifest, Pebble itself panics instead of telling.
func TestFailedDirectorySyncIsFatal(t *testing.T) {
	moving := false
	err := flushOn(t, func(op errorfs.Op) error {
		moving = moving || op.Kind == errorfs.OpCreate && strings.Contains(op.Path, "marker")
		if moving && op.Kind == errorfs.OpFileSync && op.Path == "state" {
			return errBroken
		}
		return nil
	}, func(o *pebble.Options) { o.MaxManifestFileSize = 1 })
	if !errors.Is(err, errBroken) {
		t.Fatalf("got %v, want %v", err, errBroken)
	}
}

// TestIngestOverMemtableIsDurable leaves out the flush that Commit makes first: with flushable ingests
// disabled, Pebble itself must flush an overlapping memtable before an ingest returns.
func TestIngestOverMemtableIsDurable(t *testing.T) {
	const crashes = 20
	for i := range crashes {
		fs := vfs.NewCrashableMem()
		opts := Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Fatal: func(err error) { panic(err) }}
		e, err := Open("state", opts)
		if err != nil {
			t.Fatal(err)
		}
		b := e.NewBatch()
		b.Set([]byte("k1"), []byte("old"))
		b.Set([]byte("k2"), []byte("old"))
		if err := e.Commit(b); err != nil {
			t.Fatal(err)
		}
		made, err := e.NewIngestion([]engine.Span{{Start: []byte("k"), End: []byte("l")}})
		if err != nil {
			t.Fatal(err)
		}
		in := made.(*ingestion)
		if err := in.Set([]byte("k2"), []byte("new")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(in.stage(), in.ingest()); err != nil {
			t.Fatal(err)
		}
		opts.FS = fs.CrashClone(vfs.CrashCloneCfg{})
		left, err := Open("state", opts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := left.Get([]byte("k2"))
		if err != nil || string(got) != "new" {
			t.Fatalf("crash %d: k2: got %q, %v; want new", i, got, err)
		}
		if got, err := left.Get([]byte("k1")); !errors.Is(err, engine.ErrNotFound) {
			t.Fatalf("crash %d: k1: got %q, %v; want ErrNotFound", i, got, err)
		}
		if err := errors.Join(left.Close(), e.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

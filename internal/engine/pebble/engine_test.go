package pebble_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/engine/enginetest"
	"github.com/katakv/katakv/internal/engine/pebble"
)

const dir = "state"

// open opens an engine on fs with small caches, and fails the test where the engine would stop the node.
func open(t testing.TB, fs vfs.FS, change ...func(*pebble.Options)) *pebble.Engine {
	t.Helper()
	opts := pebble.Options{
		FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20,
		Fatal: func(err error) { panic(err) },
	}
	for _, c := range change {
		c(&opts)
	}
	e, err := pebble.Open(dir, opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return e
}

func closeEngine(t testing.TB, e *pebble.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func TestEngine(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine { return open(t, vfs.NewMem()) })
}

func TestEngineOnDisk(t *testing.T) {
	dir := t.TempDir()
	for run := range 3 {
		e, err := pebble.Open(dir, pebble.Options{CacheBytes: 1 << 20, Fatal: func(err error) { panic(err) }})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(enginetest.Contents(t, e)); got != run {
			t.Fatalf("run %d: got %d records, want %d", run, got, run)
		}
		b := e.NewBatch()
		b.Set(fmt.Appendf(nil, "key%d", run), []byte("value"))
		if err := errors.Join(e.Commit(b), e.Flush()); err != nil {
			t.Fatal(err)
		}
		m := e.Metrics()
		if m.DiskBytes <= 0 || m.MemTableBytes <= 0 || m.Flushes < 1 {
			t.Errorf("metrics: %+v", m)
		}
		closeEngine(t, e)
	}
}

// TestCrashLeavesPrefix crashes at random moments while memtables fill and flush by themselves, and checks
// that what is left is a prefix of the commits, no shorter than what Durable or Flush had promised.
func TestCrashLeavesPrefix(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testCrashes(t, seed) })
	}
}

func testCrashes(t *testing.T, seed uint64) {
	const crashes, steps = 12, 30
	rng := rand.New(rand.NewPCG(seed, 7))
	fs := vfs.NewCrashableMem()
	// Small memtables, so that flushes happen by themselves too. A value of 3 KiB fills one in some 80.
	small := func(o *pebble.Options) { o.MemTableBytes = 256 << 10 }
	e := open(t, fs, small)
	commits := 0 // commit n sets "last" to n and one random key to n and a filler
	state := map[string]string{}
	states := []map[string]string{maps.Clone(state)}
	filler := strings.Repeat("f", 3<<10)
	for crash := range crashes {
		promised := 0
		for range 1 + rng.IntN(steps) {
			commits++
			b := e.NewBatch()
			set := func(key, value string) {
				b.Set([]byte(key), []byte(value))
				state[key] = value
			}
			set("last", fmt.Sprint(commits))
			set(fmt.Sprintf("k%02d", rng.IntN(50)), fmt.Sprint(commits)+filler)
			if rng.IntN(5) == 0 {
				from, to := fmt.Sprintf("k%02d", rng.IntN(25)), fmt.Sprintf("k%02d", 25+rng.IntN(25))
				b.DeleteRange(engine.Span{Start: []byte(from), End: []byte(to)})
				maps.DeleteFunc(state, func(k, _ string) bool { return k >= from && k < to })
			}
			if err := e.Commit(b); err != nil {
				t.Fatal(err)
			}
			states = append(states, maps.Clone(state))
			switch rng.IntN(12) {
			case 0:
				if err := e.Flush(); err != nil {
					t.Fatal(err)
				}
				promised = commits
			case 1:
				promised = max(promised, durableCommits(t, e))
			}
		}
		left := fs.CrashClone(vfs.CrashCloneCfg{})
		closeEngine(t, e)
		fs, e = left, open(t, left, small)
		n := lastCommit(t, e)
		if n < promised || n > commits {
			t.Fatalf("crash %d: %d commits left, promised %d of %d", crash, n, promised, commits)
		}
		if got := enginetest.Contents(t, e); !maps.Equal(got, states[n]) {
			t.Fatalf("crash %d: what is left is not what %d commits leave", crash, n)
		}
		commits, state, states = n, maps.Clone(states[n]), states[:n+1]
	}
	closeEngine(t, e)
}

func durableCommits(t *testing.T, e engine.Engine) int {
	t.Helper()
	d, err := e.Durable()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	return lastCommit(t, d)
}

// lastCommit reads the number that every commit sets.
func lastCommit(t *testing.T, r engine.Reader) int {
	t.Helper()
	value, err := r.Get([]byte("last"))
	if errors.Is(err, engine.ErrNotFound) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := fmt.Sscan(string(value), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCrashAfterIngest crashes right after an ingestion over data that is in the memtable, and once in the
// middle: it must be there whole after Commit, and never half.
func TestCrashAfterIngest(t *testing.T) {
	const crashes = 25
	for i := range crashes {
		fs := vfs.NewCrashableMem()
		e := open(t, fs)
		write(t, e, "old", "a0", "k1", "k5", "m1", "z")
		if i%2 == 0 {
			if err := e.Flush(); err != nil {
				t.Fatal(err)
			}
			write(t, e, "old", "k2", "k6") // still in the memtable, inside the span
		}
		write(t, e, "outside", "l") // in the memtable, outside
		before := enginetest.Contents(t, e)
		in := stage(t, e, "new", "k1", "k3", "m2")
		staged := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := in.Commit(); err != nil {
			t.Fatal(err)
		}
		left := fs.CrashClone(vfs.CrashCloneCfg{})
		closeEngine(t, e)

		after := open(t, left)
		want := maps.Clone(before)
		maps.DeleteFunc(want, func(k, _ string) bool { return k[0] == 'k' || k[0] == 'm' })
		maps.Copy(want, map[string]string{"k1": "new", "k3": "new", "m2": "new"})
		if got := enginetest.Contents(t, after); !maps.Equal(got, want) {
			t.Fatalf("crash %d after commit: got %v, want %v", i, got, want)
		}
		wantNoStaged(t, left)
		closeEngine(t, after)

		after = open(t, staged)
		for key, value := range enginetest.Contents(t, after) {
			if value == "new" {
				t.Fatalf("crash %d before commit: %q is there", i, key)
			}
		}
		wantNoStaged(t, staged)
		closeEngine(t, after)
	}
}

// TestCrashDuringIngest takes a clone before each change that an ingestion's Commit makes to the file system:
// in each the ingestion is there whole or not at all.
func TestCrashDuringIngest(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var mu struct { // Pebble's own goroutines use the file system too
		sync.Mutex
		watching bool
		clones   []*vfs.MemFS
	}
	watch := errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if mu.watching && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.clones = append(mu.clones, mem.CrashClone(vfs.CrashCloneCfg{}))
		}
		return nil
	})
	e := open(t, errorfs.Wrap(mem, watch))
	write(t, e, "old", "k1", "k3", "m2")
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	in := stage(t, e, "new", "k1", "k3", "m2")
	mu.Lock()
	mu.watching = true
	mu.Unlock()
	if err := in.Commit(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	mu.watching = false
	clones := append(mu.clones, mem.CrashClone(vfs.CrashCloneCfg{}))
	mu.Unlock()
	for i, clone := range clones {
		left := open(t, clone)
		got := enginetest.Contents(t, left)
		whole := func(v string) bool { return len(got) == 3 && got["k1"] == v && got["k3"] == v && got["m2"] == v }
		if last := i == len(clones)-1; !whole("new") && (last || !whole("old")) {
			t.Fatalf("clone %d of %d: %v", i, len(clones), got)
		}
		closeEngine(t, left)
	}
	if len(clones) < 10 {
		t.Errorf("got %d clones: the ingestion was not watched", len(clones))
	}
	closeEngine(t, e)
}

func write(t *testing.T, e engine.Engine, value string, keys ...string) {
	t.Helper()
	b := e.NewBatch()
	for _, key := range keys {
		b.Set([]byte(key), []byte(value))
	}
	if err := e.Commit(b); err != nil {
		t.Fatal(err)
	}
}

func stage(t *testing.T, e engine.Engine, value string, keys ...string) engine.Ingestion {
	t.Helper()
	in, err := e.NewIngestion([]engine.Span{
		{Start: []byte("k"), End: []byte("l")}, {Start: []byte("m"), End: []byte("n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if err := in.Set([]byte(key), []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

func wantNoStaged(t *testing.T, fs vfs.FS) {
	t.Helper()
	names, err := fs.List(fs.PathJoin(dir, "staging"))
	if err != nil || len(names) != 0 {
		t.Fatalf("staged files: got %v, %v; want none", names, err)
	}
}

func TestStagingIsCleaned(t *testing.T) {
	fs := vfs.NewMem()
	e := open(t, fs)
	in := stage(t, e, "new", "k1", "k2")
	in.Abort()
	wantNoStaged(t, fs)
	in = stage(t, e, "new", "k1", "m1")
	if err := in.Commit(); err != nil {
		t.Fatal(err)
	}
	wantNoStaged(t, fs)
	stage(t, e, "new", "k1", "m1") // left behind
	closeEngine(t, e)
	e = open(t, fs)
	wantNoStaged(t, fs)
	closeEngine(t, e)
}

func TestOnFlush(t *testing.T) {
	var flushes atomic.Int64
	told := make(chan struct{}, 100)
	e := open(t, vfs.NewMem(), func(o *pebble.Options) {
		o.OnFlush = func() {
			flushes.Add(1)
			told <- struct{}{}
		}
	})
	write(t, e, "value", "k")
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	<-told
	// Without being asked, when the memtable is full.
	before := flushes.Load()
	value := strings.Repeat("v", 64<<10)
	for i := range 40 {
		write(t, e, value, fmt.Sprint("k", i))
	}
	for flushes.Load() == before {
		<-told
	}
	closeEngine(t, e)
}

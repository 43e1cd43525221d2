package raftlog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/crashfs"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/require"
)

// hookFS calls hook before every operation that changes the disk.
type hookFS struct {
	vfs.FS
	hook func()
}

func (fs hookFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	fs.hook()
	f, err := fs.FS.Create(name, c)
	return hookFile{f, fs.hook}, err
}

func (fs hookFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.OpenReadWrite(name, c, o...)
	return hookFile{f, fs.hook}, err
}

func (fs hookFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	return hookFile{f, fs.hook}, err
}

func (fs hookFS) Rename(from, to string) error {
	fs.hook()
	return fs.FS.Rename(from, to)
}

func (fs hookFS) Remove(name string) error {
	fs.hook()
	return fs.FS.Remove(name)
}

type hookFile struct {
	vfs.File
	hook func()
}

func (f hookFile) WriteAt(p []byte, off int64) (int, error) {
	f.hook()
	return f.File.WriteAt(p, off)
}

func (f hookFile) Sync() error {
	f.hook()
	return f.File.Sync()
}

func (f hookFile) SyncData() error {
	f.hook()
	return f.File.SyncData()
}

// crasher runs a workload and now and then forks a crashed copy of the disk, which must recover.
type crasher struct {
	rng      *rand.Rand
	mem      *crashfs.FS
	w        *workload
	acked    *model // what Append has acknowledged
	inFlight *model // with the batch that is being appended
	depth    int
	crashes  *int
	torn     *int64
	inHook   bool
	failed   error
}

// TestCrash crashes at every kind of disk operation: appends, roll-overs, moves, removals, and recovery itself.
func TestCrash(t *testing.T) {
	crashes, torn := 0, int64(0)
	for _, seed := range require.Seeds(t, 8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			c := &crasher{
				rng: rng, mem: crashfs.New(), w: newWorkload(rng, 5, 9000),
				acked: newModel(), crashes: &crashes, torn: &torn,
			}
			c.inFlight = c.acked
			makeParent(t, c.mem)
			if err := c.run(250); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		})
	}
	t.Logf("%d crashes, %d bytes torn", crashes, torn)
	if crashes < 2000 || torn == 0 {
		t.Errorf("the test must crash and tear: got %d crashes, %d torn bytes", crashes, torn)
	}
}

// makeParent makes the directory that the log's lies in, durably: that is left to others.
func makeParent(t *testing.T, mem *crashfs.FS) {
	t.Helper()
	must(t, mem.MkdirAll(mem.PathDir(dir), 0o755))
	root, err := mem.OpenDir("/")
	must(t, err)
	must(t, root.Sync())
	must(t, root.Close())
}

// run opens the disk, checks what is recovered, and works on for some steps.
func (c *crasher) run(steps int) error {
	opts := raftlog.Options{FS: hookFS{c.mem, c.maybeCrash}, SegmentBytes: 12 << 10}
	l, rec, err := raftlog.Open(dir, opts)
	if err != nil {
		return err
	}
	*c.torn += rec.TornBytes
	if err := c.acked.check(rec); err != nil {
		if other := c.inFlight.check(rec); other != nil {
			return fmt.Errorf("neither acknowledged state: %w, nor with the batch in flight: %w", err, other)
		}
		c.acked = c.inFlight
	}
	c.inFlight = c.acked
	for range steps {
		switch p := c.rng.IntN(100); {
		case p < 60:
			b := c.w.batch(c.acked)
			c.inFlight = c.acked.clone()
			c.inFlight.apply(b)
			err = l.Append([]*raftlog.Batch{b})
			c.acked = c.inFlight
		case p < 70:
			c.w.release(c.acked, l)
		default:
			err = l.Tidy()
		}
		if err != nil {
			return err
		}
		if c.failed != nil {
			return c.failed
		}
	}
	return l.Close()
}

// maybeCrash forks a crashed copy and recovers it, sometimes with a second crash while it works on.
func (c *crasher) maybeCrash() {
	// A copy of a copy crashes less often, or the forks would never end.
	if c.inHook || c.failed != nil || c.depth > 2 || c.rng.IntN(2+6*c.depth) > 0 {
		return
	}
	c.inHook = true
	defer func() { c.inHook = false }()
	*c.crashes++
	rng := rand.New(rand.NewPCG(c.rng.Uint64(), 0))
	left, how := crash(c.mem, rng)
	w := *c.w
	w.rng, w.replicas = rng, map[int]katakv.ReplicaID{}
	w.next += 1000
	fork := &crasher{
		rng: rng, mem: left, w: &w,
		acked: c.acked.clone(), depth: c.depth + 1, crashes: c.crashes, torn: c.torn,
	}
	for shard, id := range c.w.replicas {
		w.replicas[shard] = id
	}
	fork.inFlight = fork.acked
	if c.inFlight != c.acked {
		fork.inFlight = c.inFlight.clone()
	}
	if err := fork.run(rng.IntN(12)); err != nil {
		c.failed = fmt.Errorf("crash %d, depth %d, %s: %w", *c.crashes, fork.depth, how, err)
	}
}

// crash returns what is left of mem, and how it was lost.
func crash(mem *crashfs.FS, rng *rand.Rand) (left *crashfs.FS, how string) {
	switch rng.IntN(4) {
	case 0:
		return mem.Crash(crashfs.KeepSynced, rng), "lost all that was not synced"
	case 1:
		return mem.Clone(), "only the process died"
	default:
		return mem.Crash(crashfs.KeepSome, rng), "lost some of what was not synced"
	}
}

// TestRecoveredIsSynced: when only the process died, its last batch may be in the page cache alone. What Open returns
// is durable nevertheless, because the replicas act on it.
func TestRecoveredIsSynced(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l, _, err := raftlog.Open(dir, raftlog.Options{FS: mem, SegmentBytes: 4096})
	must(t, err)
	must(t, l.Append(one(raftlog.Update{Shard: 1, Replica: 1, HardState: hard(1, 1, 0)})))
	must(t, l.Close())
	l, _, err = raftlog.Open(dir, raftlog.Options{FS: noSyncFS{mem}, SegmentBytes: 4096})
	must(t, err)
	must(t, l.Append(one(raftlog.Update{Shard: 1, Replica: 1, HardState: hard(2, 3, 0)})))
	must(t, l.Close())

	_, first, err := raftlog.Open(dir, raftlog.Options{FS: mem, SegmentBytes: 4096})
	must(t, err)
	_, second, err := raftlog.Open(dir, raftlog.Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), SegmentBytes: 4096})
	must(t, err)
	if want := "s1/r1 hs=2,3,0 mark=0,0"; render(first) != want || render(second) != want {
		t.Errorf("got %s, after a crash %s, want %s", render(first), render(second), want)
	}
}

// TestDeathThenPowerCut kills the process before every operation on the disk, lets another one go on from what is in
// the page cache, and then cuts the power. What the second one recovered or appended must be there.
func TestDeathThenPowerCut(t *testing.T) {
	mem, ops := crashfs.New(), 0
	makeParent(t, mem)
	after := func(disk *crashfs.FS) {
		opts := raftlog.Options{FS: disk, SegmentBytes: 768}
		l, rec, err := raftlog.Open(dir, opts)
		must(t, err)
		want := newModel()
		for _, r := range rec.Replicas {
			want.apply(&raftlog.Batch{Updates: []raftlog.Update{{Shard: r.Shard, Replica: r.Replica, HardState: r.HardState}}})
		}
		b := &raftlog.Batch{Updates: []raftlog.Update{{Shard: 9, Replica: 9, HardState: hard(1, 1, 0)}}}
		must(t, l.Append([]*raftlog.Batch{b}))
		want.apply(b)
		must(t, l.Close())
		opts.FS = disk.Crash(crashfs.KeepSynced, nil)
		if _, rec, err = raftlog.Open(dir, opts); err == nil {
			err = want.check(rec)
		}
		if err != nil {
			t.Fatalf("operation %d: %v", ops, err)
		}
	}
	mem.Intercept(func(errorfs.Op) error {
		ops++
		after(mem.Clone())
		return nil
	})
	l, _, err := raftlog.Open(dir, raftlog.Options{FS: mem, SegmentBytes: 768})
	must(t, err)
	for i := range uint64(40) {
		update := raftlog.Update{Shard: katakv.ShardID(i % 3), Replica: katakv.ReplicaID(1 + i%3), HardState: hard(i+1, 1, 0)}
		must(t, l.Append([]*raftlog.Batch{{Updates: []raftlog.Update{update}}}))
		must(t, l.Tidy())
	}
	if l.Stats().RemovedSegments == 0 {
		t.Error("the test must remove segments")
	}
}

// noSyncFS forgets to sync data, as a process does that is killed first.
type noSyncFS struct{ vfs.FS }

func (fs noSyncFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.OpenReadWrite(name, c, o...)
	return noSyncFile{f}, err
}

type noSyncFile struct{ vfs.File }

func (noSyncFile) SyncData() error { return nil }

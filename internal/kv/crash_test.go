package kv_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/crashfs"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/require"
)

// disk is a node's whole disk: the Raft log and the state engine crash together.
type disk struct {
	*world
	fs  *crashfs.FS
	log *raftlog.Log
	// acked counts the entries of each shard that the log acknowledged; flushed is what a flush did, by index.
	acked   [modelShards]int
	flushed []katakv.Index

	later struct {
		sync.Mutex
		left int // operations on the disk until a crash; 0 for none
		rng  *rand.Rand
		fs   *crashfs.FS
		// acked and flushed as they were at that moment.
		acked   [modelShards]int
		flushed []katakv.Index
	}
	crashes, replayed int
}

// TestOneDiskCrashes runs machines over Pebble and a Raft log on one disk, which crashes between steps and at
// operations of either, torn and in part. Whatever is left, the log must reach from what the engine holds to what was
// acknowledged, and applying it must give the model's state.
func TestOneDiskCrashes(t *testing.T) {
	seeds, steps := 4, 150
	if require.Full() {
		seeds, steps = 60, 600
	}
	crashes, replayed := 0, 0
	for _, seed := range require.Seeds(t, seeds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			d := newDisk(t, seed)
			for range steps {
				d.step()
			}
			d.check()
			d.close()
			crashes += d.crashes
			replayed += d.replayed
		})
	}
	t.Logf("%d crashes, %d entries applied again", crashes, replayed)
	if crashes == 0 || replayed == 0 {
		t.Error("the test must crash and apply again")
	}
}

func newDisk(t *testing.T, seed uint64) *disk {
	d := &disk{fs: crashfs.New(), flushed: []katakv.Index{10, 10, 10}}
	d.openLog(t)
	b := &raftlog.Batch{}
	for i := range modelShards {
		b.Updates = append(b.Updates, raftlog.Update{
			Shard: katakv.ShardID(i + 1), Replica: katakv.ReplicaID(11 + i),
			Snapshot: raftlog.SnapshotMark{Index: 10, Term: 1}, HardState: hardState(10),
		})
	}
	if err := d.log.Append([]*raftlog.Batch{b}); err != nil {
		t.Fatal(err)
	}
	d.world = newWorld(t, openPebble(t, d.fs), seed)
	return d
}

func (d *disk) openLog(t *testing.T) raftlog.Recovered {
	t.Helper()
	log, recovered, err := raftlog.Open("log", raftlog.Options{FS: d.fs, SegmentBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	d.log = log
	return recovered
}

func hardState(commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: new(uint64(1)), Vote: new(uint64(0)), Commit: &commit}
}

func (d *disk) close() {
	if err := d.engine.Close(); err != nil {
		d.t.Fatal(err)
	}
	if err := d.log.Close(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) step() {
	for range d.rng.IntN(6) {
		d.grow(d.rng.IntN(modelShards))
	}
	d.append()
	if !d.crashedMeanwhile() {
		d.pass(1 + d.rng.IntN(4))
		d.check()
	}
	switch d.rng.IntN(12) {
	case 0, 1:
		d.flush()
	case 2:
		d.restart(crashOf(d.fs, d.rng), d.acked, d.flushed)
	case 3, 4:
		d.crashLater()
	case 5:
		d.transfer(d.rng.IntN(modelShards))
	}
	d.crashedMeanwhile()
}

// append makes the entries that are new durable in the log.
func (d *disk) append() {
	b := &raftlog.Batch{}
	for i := range d.logs {
		u := raftlog.Update{Shard: katakv.ShardID(i + 1), Replica: katakv.ReplicaID(11 + i)}
		for at := d.acked[i]; at < len(d.logs[i].entries); at++ {
			u.Entries = append(u.Entries, &raftpb.Entry{
				Index: new(uint64(11 + at)), Term: new(uint64(1)), Data: d.logs[i].entries[at],
			})
		}
		if len(u.Entries) > 0 {
			u.HardState = hardState(uint64(10 + len(d.logs[i].entries)))
			b.Updates = append(b.Updates, u)
		}
	}
	if err := d.log.Append([]*raftlog.Batch{b}); err != nil {
		d.t.Fatal(err)
	}
	d.later.Lock() // Pebble's goroutines copy it when they meet the crash
	defer d.later.Unlock()
	for i := range d.logs {
		d.acked[i] = len(d.logs[i].entries)
	}
}

// flush makes what is applied durable and lets the log forget it.
func (d *disk) flush() {
	if err := d.engine.Flush(); err != nil {
		d.t.Fatal(err)
	}
	var flushed []katakv.Index // anew: a crash may have kept the old one
	for i, m := range d.machines {
		flushed = append(flushed, m.Meta().Applied)
		d.log.Release(m.Shard(), katakv.ReplicaID(11+i), m.Meta().Applied)
	}
	d.later.Lock()
	d.flushed = flushed
	d.later.Unlock()
	if err := d.log.Tidy(); err != nil {
		d.t.Fatal(err)
	}
}

func crashOf(fs *crashfs.FS, rng *rand.Rand) *crashfs.FS {
	switch rng.IntN(4) {
	case 0:
		return fs.Crash(crashfs.KeepSynced, nil)
	case 1:
		return fs.Clone()
	default:
		return fs.Crash(crashfs.KeepSome, rng)
	}
}

// crashLater takes a crashed copy at a coming operation on the disk.
func (d *disk) crashLater() {
	fs, later := d.fs, &d.later
	later.Lock()
	later.left, later.rng = 1+d.rng.IntN(40), rand.New(rand.NewPCG(d.rng.Uint64(), 0))
	later.Unlock()
	fs.Intercept(func(errorfs.Op) error {
		later.Lock()
		defer later.Unlock()
		if later.left--; later.left == 0 {
			later.fs = crashOf(fs, later.rng)
			later.acked, later.flushed = d.acked, d.flushed
		}
		return nil
	})
}

func (d *disk) crashedMeanwhile() bool {
	d.later.Lock()
	fs, acked, flushed := d.later.fs, d.later.acked, d.later.flushed
	d.later.fs = nil
	d.later.Unlock()
	if fs == nil {
		return false
	}
	d.restart(fs, acked, flushed)
	return true
}

// restart goes on with what a crash left, which must hold what was acknowledged and flushed.
func (d *disk) restart(fs *crashfs.FS, acked [modelShards]int, flushed []katakv.Index) {
	d.crashes++
	d.close()
	d.later.Lock()
	d.later.left, d.later.fs = 0, nil
	d.later.Unlock()
	d.fs.Intercept(nil)
	d.fs, d.flushed = fs, nil
	recovered := d.openLog(d.t)
	d.world.restart(openPebble(d.t, fs), flushed)
	if len(recovered.Replicas) != modelShards {
		d.t.Fatalf("crash %d: %d replicas in the log", d.crashes, len(recovered.Replicas))
	}
	for i, r := range recovered.Replicas {
		d.recoverShard(i, r, acked[i])
		d.flushed = append(d.flushed, d.machines[i].Meta().Applied)
	}
	d.check()
}

// recoverShard compares the log of a shard with what was appended, and forgets what the crash took of it.
func (d *disk) recoverShard(i int, r raftlog.RecoveredReplica, acked int) {
	h := &d.logs[i]
	applied := int(d.machines[i].Meta().Applied) - 10
	last := 0
	for at, e := range r.Entries {
		last = int(e.GetIndex()) - 10
		if at == 0 && last > applied+1 {
			d.t.Fatalf("shard %d: the log begins with entry %d, the engine ends with %d", i, last, applied)
		}
		if last > len(h.entries) || !bytes.Equal(e.GetData(), h.entries[last-1]) {
			d.t.Fatalf("shard %d: entry %d is not what was appended", i, last)
		}
	}
	if last < acked || last < applied {
		d.t.Fatalf("shard %d: the log ends at %d, acknowledged were %d and applied %d", i, last, acked, applied)
	}
	d.replayed += last - applied
	h.entries, h.replies, h.states = h.entries[:last], h.replies[:last], h.states[:last+1]
	h.requests = h.requests[:last+1]
	d.acked[i] = last
}

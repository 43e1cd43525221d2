package raftlog_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/raftlog"
)

// model is the log as a plain map: what must be recovered.
type model struct {
	replicas  map[raftlog.ReplicaKey]*modelReplica
	destroyed map[raftlog.ReplicaKey]bool
}

// modelReplica keeps released entries too: they may be recovered, and must then be right.
type modelReplica struct {
	hardState *[3]uint64 // term, vote, commit
	mark      raftlog.SnapshotMark
	released  uint64
	first     uint64 // index of entries[0]
	entries   []*raftpb.Entry
}

func newModel() *model {
	return &model{replicas: map[raftlog.ReplicaKey]*modelReplica{}, destroyed: map[raftlog.ReplicaKey]bool{}}
}

func (m *model) clone() *model {
	c := &model{replicas: map[raftlog.ReplicaKey]*modelReplica{}, destroyed: maps.Clone(m.destroyed)}
	for key, r := range m.replicas {
		copied := *r
		copied.entries = slices.Clone(r.entries)
		c.replicas[key] = &copied
	}
	return c
}

func (r *modelReplica) last() uint64 { return r.first + uint64(len(r.entries)) - 1 }

func (m *model) replica(key raftlog.ReplicaKey) *modelReplica {
	r := m.replicas[key]
	if r == nil {
		r = &modelReplica{first: 1}
		m.replicas[key] = r
	}
	return r
}

func (m *model) apply(b *raftlog.Batch) {
	for _, u := range b.Updates {
		key := raftlog.ReplicaKey{Shard: u.Shard, Replica: u.Replica}
		if u.Destroyed {
			delete(m.replicas, key)
			m.destroyed[key] = true
			continue
		}
		r := m.replica(key)
		if u.Snapshot.Index != 0 {
			r.mark, r.entries, r.first = u.Snapshot, nil, uint64(u.Snapshot.Index)+1
		}
		if len(u.Entries) > 0 {
			r.entries = append(r.entries[:u.Entries[0].GetIndex()-r.first:u.Entries[0].GetIndex()-r.first], u.Entries...)
		}
		if u.HardState != nil {
			r.hardState = &[3]uint64{u.HardState.GetTerm(), u.HardState.GetVote(), u.HardState.GetCommit()}
		}
	}
}

// check tells how rec differs from what the model allows, or returns nil.
func (m *model) check(rec raftlog.Recovered) error {
	if !sort.SliceIsSorted(rec.Replicas, func(i, j int) bool {
		a, b := rec.Replicas[i], rec.Replicas[j]
		return a.Shard < b.Shard || a.Shard == b.Shard && a.Replica < b.Replica
	}) {
		return fmt.Errorf("replicas are not sorted")
	}
	seen := map[raftlog.ReplicaKey]bool{}
	for _, got := range rec.Replicas {
		key := raftlog.ReplicaKey{Shard: got.Shard, Replica: got.Replica}
		seen[key] = true
		want := m.replicas[key]
		if want == nil {
			return fmt.Errorf("%v: recovered though absent or destroyed", key)
		}
		if err := want.check(got); err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
	}
	for _, key := range rec.Tombstones {
		if !m.destroyed[key] {
			return fmt.Errorf("%v: tombstone of a living replica", key)
		}
	}
	for key, r := range m.replicas {
		if !seen[key] && (r.hardState != nil || r.mark.Index != 0 || len(r.entries) > 0) {
			return fmt.Errorf("%v: lost", key)
		}
	}
	return nil
}

func (r *modelReplica) check(got raftlog.RecoveredReplica) error {
	if got.Snapshot != r.mark {
		return fmt.Errorf("got mark %v, want %v", got.Snapshot, r.mark)
	}
	last := uint64(r.mark.Index)
	if n := len(got.Entries); n > 0 {
		last = got.Entries[n-1].GetIndex()
		first := got.Entries[0].GetIndex()
		if last != r.last() || first < r.first || first > max(r.released, r.first) {
			return fmt.Errorf("got entries %d to %d, want some from %d to %d, released %d", first, last, r.first, r.last(), r.released)
		}
		for i, e := range got.Entries {
			if want := r.entries[first+uint64(i)-r.first]; !sameEntry(e, want) {
				return fmt.Errorf("got entry %v, want %v", e, want)
			}
		}
	} else if len(r.entries) > 0 {
		return fmt.Errorf("got no entries, want %d to %d, released %d", r.first, r.last(), r.released)
	}
	if (got.HardState == nil) != (r.hardState == nil) {
		return fmt.Errorf("got hard state %v, want %v", got.HardState, r.hardState)
	}
	if r.hardState != nil {
		want := [3]uint64{r.hardState[0], r.hardState[1], min(r.hardState[2], last)}
		if have := [3]uint64{got.HardState.GetTerm(), got.HardState.GetVote(), got.HardState.GetCommit()}; have != want {
			return fmt.Errorf("got hard state %v, want %v", have, want)
		}
	}
	return nil
}

func sameEntry(a, b *raftpb.Entry) bool {
	return a.GetIndex() == b.GetIndex() && a.GetTerm() == b.GetTerm() && a.GetType() == b.GetType() &&
		bytes.Equal(a.Data, b.Data) && (a.Data == nil) == (b.Data == nil)
}

// entry builds an entry.
func entry(index, term uint64, data []byte) *raftpb.Entry {
	kind := raftpb.EntryNormal
	return &raftpb.Entry{Index: &index, Term: &term, Type: &kind, Data: data}
}

// hard builds a HardState.
func hard(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
}

// workload draws updates that a correct core could ask for.
type workload struct {
	rng      *rand.Rand
	shards   int
	maxData  int
	replicas map[int]katakv.ReplicaID // current replica of each shard
	next     katakv.ReplicaID
	term     uint64
}

func newWorkload(rng *rand.Rand, shards, maxData int) *workload {
	return &workload{rng: rng, shards: shards, maxData: maxData, replicas: map[int]katakv.ReplicaID{}, next: 1, term: 1}
}

// batch draws a batch that is legal after m, without changing m.
func (w *workload) batch(m *model) *raftlog.Batch {
	after, b := m.clone(), &raftlog.Batch{}
	for range 1 + w.rng.IntN(4) {
		u := w.update(after)
		after.apply(&raftlog.Batch{Updates: []raftlog.Update{u}})
		b.Updates = append(b.Updates, u)
	}
	return b
}

func (w *workload) update(m *model) raftlog.Update {
	shard := w.rng.IntN(w.shards)
	// Some shards are mostly idle, so that their records get old and must be moved.
	if w.rng.IntN(3) > 0 {
		shard = min(shard, 1)
	}
	id := w.replicas[shard]
	key := raftlog.ReplicaKey{Shard: katakv.ShardID(shard), Replica: id}
	if id == 0 || m.destroyed[key] {
		w.replicas[shard] = w.next
		key.Replica = w.next
		w.next++
	}
	w.term += uint64(w.rng.IntN(2))
	u := raftlog.Update{Shard: key.Shard, Replica: key.Replica}
	r := m.replicas[key]
	if r == nil {
		r = &modelReplica{first: 1}
	}
	// Commit never goes back and nothing at or below it is truncated, as in raft. Otherwise a clamped Commit could make
	// two states look alike that later differ.
	last, commit := r.last(), max(uint64(r.mark.Index), r.released)
	switch p := w.rng.IntN(100); {
	case p < 2:
		u.Destroyed = true
		return u
	case p < 6:
		commit += 1 + w.rng.Uint64N(last-min(commit, last)+5)
		u.Snapshot = raftlog.SnapshotMark{Index: katakv.Index(commit), Term: katakv.Term(w.term)}
		last = commit
	case p < 30:
		u.HardState = hard(w.term, uint64(key.Replica), commit)
		return u
	}
	if w.rng.IntN(4) > 0 || u.Snapshot.Index == 0 {
		first := last + 1
		if w.rng.IntN(5) == 0 && last > commit {
			first = commit + 1 + w.rng.Uint64N(last-commit)
		}
		for i := range 1 + w.rng.IntN(4) {
			u.Entries = append(u.Entries, entry(first+uint64(i), w.term, w.data()))
		}
	}
	if w.rng.IntN(2) == 0 {
		u.HardState = hard(w.term, uint64(key.Replica), commit)
	}
	return u
}

func (w *workload) data() []byte {
	if w.rng.IntN(10) == 0 {
		return nil
	}
	size := w.rng.IntN(60)
	if w.rng.IntN(20) == 0 {
		size = w.rng.IntN(w.maxData + 1)
	}
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(w.rng.Uint32())
	}
	return data
}

// release draws releases for all replicas and tells log and model.
func (w *workload) release(m *model, l *raftlog.Log) {
	keys := slices.Collect(maps.Keys(m.replicas))
	sort.Slice(keys, func(i, j int) bool { return keys[i].Replica < keys[j].Replica })
	for _, key := range keys {
		r := m.replicas[key]
		low := max(r.released, r.first-1)
		if len(r.entries) == 0 || low >= r.last() || w.rng.IntN(3) == 0 {
			continue
		}
		upTo := low + w.rng.Uint64N(r.last()-low+3)
		l.Release(key.Shard, key.Replica, katakv.Index(upTo))
		r.released = min(upTo, r.last())
	}
}

const dir = "node/raftlog-0"

// seeds are fixed so that a failure repeats.
var seeds = []uint64{1, 2, 3, 4, 5, 6, 7, 8}

func TestModel(t *testing.T) {
	var total raftlog.Stats
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			runModel(t, seed, 2500, dir, raftlog.Options{FS: vfs.NewMem(), SegmentBytes: 4096}, &total)
		})
	}
	t.Logf("moved %d records, removed %d segments", total.MovedRecords, total.RemovedSegments)
	if total.MovedRecords == 0 || total.RemovedSegments == 0 {
		t.Errorf("the test must move and remove: got %+v", total)
	}
}

// TestModelOnDisk is a short run over the operating system's files.
func TestModelOnDisk(t *testing.T) {
	var total raftlog.Stats
	runModel(t, 99, 300, t.TempDir()+"/a/b", raftlog.Options{SegmentBytes: 4096}, &total)
}

// runModel draws steps against a log and the model, and compares them at every reopening.
func runModel(t *testing.T, seed uint64, steps int, dir string, opts raftlog.Options, total *raftlog.Stats) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	w, m := newWorkload(rng, 6, 6000), newModel()
	l, _, err := raftlog.Open(dir, opts)
	must(t, err)
	for step := range steps {
		switch p := rng.IntN(100); {
		case p < 70:
			b := w.batch(m)
			must(t, l.Append([]*raftlog.Batch{b}))
			m.apply(b)
		case p < 80:
			w.release(m, l)
		case p < 98 && step < steps-1:
			must(t, l.Tidy())
		default:
			s := l.Stats()
			total.MovedRecords += s.MovedRecords
			total.RemovedSegments += s.RemovedSegments
			must(t, l.Close())
			var rec raftlog.Recovered
			if l, rec, err = raftlog.Open(dir, opts); err == nil {
				err = m.check(rec)
			}
			if err != nil {
				t.Fatalf("seed %d step %d: %v", seed, step, err)
			}
		}
	}
	must(t, l.Close())
}

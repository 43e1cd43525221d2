package raftlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/raftlog"
)

// entries builds one entry of term at each index from first to last.
func entries(first, last uint64, data string) []*raftpb.Entry {
	var out []*raftpb.Entry
	for i := first; i <= last; i++ {
		out = append(out, entry(i, 1, []byte(data)))
	}
	return out
}

func one(u ...raftlog.Update) []*raftlog.Batch { return []*raftlog.Batch{{Updates: u}} }

// TestUpdates checks what comes back after each sequence of updates and a reopen.
func TestUpdates(t *testing.T) {
	up := func(u raftlog.Update) raftlog.Update { u.Shard, u.Replica = 1, 2; return u }
	cases := []struct {
		name    string
		updates []raftlog.Update
		want    string
	}{
		{"nothing", nil, ""},
		{"no fields", []raftlog.Update{up(raftlog.Update{})}, ""},
		{"hard state alone", []raftlog.Update{up(raftlog.Update{HardState: hard(3, 2, 0)})}, "s1/r2 hs=3,2,0 mark=0,0"},
		{"latest hard state", []raftlog.Update{
			up(raftlog.Update{HardState: hard(3, 2, 0)}), up(raftlog.Update{HardState: hard(4, 1, 0)}),
		}, "s1/r2 hs=4,1,0 mark=0,0"},
		{"commit is clamped to the last entry", []raftlog.Update{
			up(raftlog.Update{HardState: hard(3, 2, 9), Entries: entries(1, 2, "a")}),
		}, `s1/r2 hs=3,2,2 mark=0,0 1.1:"a" 1.2:"a"`},
		{"commit is clamped to the mark", []raftlog.Update{
			up(raftlog.Update{HardState: hard(3, 2, 9), Snapshot: raftlog.SnapshotMark{Index: 7, Term: 2}}),
		}, "s1/r2 hs=3,2,7 mark=7,2"},
		{"entries truncate", []raftlog.Update{
			up(raftlog.Update{Entries: entries(1, 4, "a")}), up(raftlog.Update{Entries: entries(3, 3, "b")}),
		}, `s1/r2 hs=0,0,0 mark=0,0 1.1:"a" 1.2:"a" 1.3:"b"`},
		{"a mark drops every older entry", []raftlog.Update{
			up(raftlog.Update{Entries: entries(1, 9, "a")}),
			up(raftlog.Update{Snapshot: raftlog.SnapshotMark{Index: 5, Term: 1}}),
		}, "s1/r2 hs=0,0,0 mark=5,1"},
		{"mark and entries in one update", []raftlog.Update{
			up(raftlog.Update{Snapshot: raftlog.SnapshotMark{Index: 5, Term: 1}, Entries: entries(6, 7, "c")}),
		}, `s1/r2 hs=0,0,0 mark=5,1 1.6:"c" 1.7:"c"`},
		{
			"a log may begin anywhere",
			[]raftlog.Update{up(raftlog.Update{Entries: entries(100, 100, "")})},
			`s1/r2 hs=0,0,0 mark=0,0 1.100:""`,
		},
		{"a tombstone buries", []raftlog.Update{
			up(raftlog.Update{HardState: hard(3, 2, 0), Entries: entries(1, 2, "a")}),
			{Shard: 1, Replica: 3, HardState: hard(5, 3, 0)},
			up(raftlog.Update{Destroyed: true}),
		}, "s1/r3 hs=5,3,0 mark=0,0"},
	}
	for _, c := range cases {
		for _, together := range []bool{false, true} {
			opts := raftlog.Options{FS: vfs.NewMem(), SegmentBytes: 8192}
			l, _, err := raftlog.Open(dir, opts)
			must(t, err)
			if together {
				must(t, l.Append(one(c.updates...)))
			} else {
				for _, u := range c.updates {
					must(t, l.Append(one(u)))
				}
			}
			must(t, l.Close())
			_, rec, err := raftlog.Open(dir, opts)
			must(t, err)
			if got := render(rec); got != c.want {
				t.Errorf("%s, together %v: got %q, want %q", c.name, together, got, c.want)
			}
		}
	}
}

// TestEntriesSurviveExactly: types, terms, nil and empty data.
func TestEntriesSurviveExactly(t *testing.T) {
	conf := raftpb.EntryConfChangeV2
	want := []*raftpb.Entry{entry(5, 1, nil), entry(6, 2, []byte{}), entry(7, 1<<63, bytes.Repeat([]byte{9}, 3000))}
	want[1].Type = &conf
	opts := raftlog.Options{FS: vfs.NewMem(), SegmentBytes: 8192}
	l, _, err := raftlog.Open(dir, opts)
	must(t, err)
	must(t, l.Append(one(raftlog.Update{Shard: 1 << 60, Replica: 1 << 61, Entries: want})))
	must(t, l.Close())
	_, rec, err := raftlog.Open(dir, opts)
	must(t, err)
	for i, e := range rec.Replicas[0].Entries {
		if !sameEntry(e, want[i]) {
			t.Errorf("got %v, want %v", e, want[i])
		}
	}
	if r := rec.Replicas[0]; r.Shard != 1<<60 || r.Replica != 1<<61 || r.HardState != nil || len(r.Entries) != len(want) {
		t.Errorf("got %+v", r)
	}
}

// TestIdleVoteIsMoved: the only vote of an idle shard survives while its segment goes.
func TestIdleVoteIsMoved(t *testing.T) {
	opts := raftlog.Options{FS: vfs.NewMem(), SegmentBytes: 2048}
	l, _, err := raftlog.Open(dir, opts)
	must(t, err)
	idle := raftlog.Update{Shard: 9, Replica: 90, HardState: hard(7, 90, 5), Snapshot: raftlog.SnapshotMark{Index: 5, Term: 6}}
	idle.Entries = entries(6, 8, "idle")
	must(t, l.Append(one(idle)))
	for i := uint64(1); i < 400; i++ {
		must(t, l.Append(one(raftlog.Update{Shard: 1, Replica: 1, Entries: entries(i, i, strings.Repeat("d", 100))})))
		l.Release(1, 1, katakv.Index(i))
		must(t, l.Tidy())
	}
	s := l.Stats()
	if s.Segments > 3 || s.MovedRecords == 0 || s.RemovedSegments < 10 {
		t.Errorf("got %+v, want few segments", s)
	}
	must(t, l.Close())
	_, rec, err := raftlog.Open(dir, opts)
	must(t, err)
	want := `s9/r90 hs=7,90,5 mark=5,6 1.6:"idle" 1.7:"idle" 1.8:"idle"`
	if got := render(rec); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want the end %s", got, want)
	}
}

// TestNeverIdleLogIsBounded: without a single Tidy the log does not grow for ever, whatever pins its oldest segment.
func TestNeverIdleLogIsBounded(t *testing.T) {
	l, _, err := raftlog.Open(dir, raftlog.Options{FS: vfs.NewMem(), SegmentBytes: 2048})
	must(t, err)
	must(t, l.Append(one(raftlog.Update{Shard: 9, Replica: 90, Entries: entries(1, 1, strings.Repeat("p", 1800))})))
	for i := uint64(1); i < 2000; i++ {
		must(t, l.Append(one(raftlog.Update{Shard: 1, Replica: 1, Entries: entries(i, i, strings.Repeat("d", 100))})))
		l.Release(1, 1, katakv.Index(i))
	}
	if s := l.Stats(); s.Segments > 16 {
		t.Errorf("got %d segments, want at most 16: %+v", s.Segments, s)
	}
	must(t, l.Close())
}

// TestTombstones: one is remembered while anything of its replica is on the disk, and forgotten after.
func TestTombstones(t *testing.T) {
	opts := raftlog.Options{FS: vfs.NewMem(), SegmentBytes: 1024}
	l, _, err := raftlog.Open(dir, opts)
	must(t, err)
	must(t, l.Append(one(raftlog.Update{Shard: 4, Replica: 5, HardState: hard(1, 5, 0)})))
	must(t, l.Append(one(raftlog.Update{Shard: 4, Replica: 5, Destroyed: true})))
	must(t, l.Close())
	l, rec, err := raftlog.Open(dir, opts)
	must(t, err)
	if got := fmt.Sprint(rec.Tombstones); got != "[{s4 r5}]" || len(rec.Replicas) != 0 {
		t.Errorf("got %v and %d replicas", got, len(rec.Replicas))
	}
	for i := uint64(1); l.Stats().RemovedSegments == 0; i++ {
		must(t, l.Append(one(raftlog.Update{Shard: 1, Replica: 1, HardState: hard(i, 1, 0)})))
		must(t, l.Tidy())
	}
	if got := l.Stats().Tombstones; got != 0 {
		t.Errorf("got %d tombstones in memory, want none", got)
	}
	must(t, l.Close())
	_, rec, err = raftlog.Open(dir, opts)
	must(t, err)
	if len(rec.Tombstones) != 0 || len(rec.Replicas) != 1 {
		t.Errorf("got tombstones %v and %d replicas", rec.Tombstones, len(rec.Replicas))
	}
}

// TestLargeBatches: one beyond a segment gets a segment of its own; one beyond the limit is split by update, and an
// update beyond it is refused.
func TestLargeBatches(t *testing.T) {
	opts := raftlog.Options{FS: vfs.NewMem(), SegmentBytes: 4096, MaxRecordBytes: 64 << 10}
	l, _, err := raftlog.Open(dir, opts)
	must(t, err)
	m := newModel()
	for i := range uint64(6) {
		size := []int{10, 50_000, 10, 60_000, 5000, 10}[i]
		b := one(
			raftlog.Update{Shard: 1, Replica: 1, Entries: entries(i+1, i+1, strings.Repeat("x", size)), HardState: hard(1, 1, i)},
			raftlog.Update{Shard: 2, Replica: 2, Entries: entries(i+1, i+1, strings.Repeat("y", size))},
		)
		must(t, l.Append(b))
		m.apply(b[0])
	}
	must(t, l.Close())
	l, rec, err := raftlog.Open(dir, opts)
	must(t, err)
	if err := m.check(rec); err != nil {
		t.Error(err)
	}
	for i := uint64(7); i < 100; i++ {
		l.Release(1, 1, katakv.Index(i-1))
		l.Release(2, 2, katakv.Index(i-1))
		must(t, l.Append(one(
			raftlog.Update{Shard: 1, Replica: 1, Entries: entries(i, i, "a"), HardState: hard(1, 1, i)},
			raftlog.Update{Shard: 2, Replica: 2, Entries: entries(i, i, "b")})))
		must(t, l.Tidy())
	}
	if s := l.Stats(); s.DiskBytes > 10*4096 {
		t.Errorf("got %+v, want the large segments gone", s)
	}
	err = l.Append(one(raftlog.Update{Shard: 1, Replica: 1, Entries: entries(100, 100, strings.Repeat("x", 70_000))}))
	if !errors.Is(err, raftlog.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if again := l.Tidy(); again == nil || again.Error() != err.Error() {
		t.Errorf("got %v, want the first error %v", again, err)
	}
}

// TestFailuresAreFinal: whatever operation fails, the error comes back for ever, nothing is written any more, and
// what was acknowledged before is recovered.
func TestFailuresAreFinal(t *testing.T) {
	errNoSpace := errors.New("no space left on device")
	failed := 0
	for at := int32(0); at < 120; at++ {
		mem := vfs.NewCrashableMem()
		// Only one operation fails: a log that tried again would get away with it.
		var count int32
		index := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
				return nil
			}
			if count++; count-1 == at {
				return errNoSpace
			}
			return nil
		})
		writes := 0
		fs := errorfs.Wrap(hookFS{mem, func() { writes++ }}, index)
		opts := raftlog.Options{FS: fs, SegmentBytes: 1024}
		l, _, err := raftlog.Open(dir, opts)
		if err != nil {
			continue
		}
		acked, inFlight := newModel(), newModel()
		for i := uint64(1); i < 30 && err == nil; i++ {
			b := one(raftlog.Update{Shard: 1, Replica: 1, Entries: entries(i, i, strings.Repeat("z", 90)), HardState: hard(1, 1, i)})
			inFlight.apply(b[0])
			if err = l.Append(b); err != nil {
				break
			}
			acked.apply(b[0])
			if err = l.Tidy(); err == nil {
				l.Release(1, 1, katakv.Index(i))
				acked.replicas[raftlog.ReplicaKey{Shard: 1, Replica: 1}].released = i
				inFlight.replicas[raftlog.ReplicaKey{Shard: 1, Replica: 1}].released = i
			}
		}
		if err != nil {
			failed++
			if !errors.Is(err, errNoSpace) {
				t.Fatalf("operation %d: got %v", at, err)
			}
			before := writes
			for _, again := range []error{l.Append(one(raftlog.Update{Shard: 1, Replica: 2, HardState: hard(1, 1, 0)})), l.Tidy()} {
				if again == nil || again.Error() != err.Error() {
					t.Errorf("operation %d: got %v, want the first error %v", at, again, err)
				}
			}
			if writes != before {
				t.Errorf("operation %d: a poisoned log wrote", at)
			}
		}
		_, rec, err := raftlog.Open(dir, raftlog.Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), SegmentBytes: 1024})
		must(t, err)
		if err := acked.check(rec); err != nil {
			if other := inFlight.check(rec); other != nil {
				t.Errorf("operation %d: %v, %v", at, err, other)
			}
		}
	}
	if failed < 50 {
		t.Errorf("got %d failures, want more", failed)
	}
}

// TestOneWriteOneSync: an append that fits its segment is one write and one sync, however many updates it has.
func TestOneWriteOneSync(t *testing.T) {
	calls := 0
	fs := hookFS{vfs.NewMem(), func() { calls++ }}
	l, _, err := raftlog.Open(dir, raftlog.Options{FS: fs, SegmentBytes: 1 << 20})
	must(t, err)
	calls = 0
	var b raftlog.Batch
	for i := range 20 {
		b.Updates = append(b.Updates, raftlog.Update{Shard: katakv.ShardID(i), Replica: katakv.ReplicaID(i + 1), Entries: entries(1, 3, "e"), HardState: hard(1, 1, 1)})
	}
	must(t, l.Append([]*raftlog.Batch{&b, {}}))
	if calls != 2 {
		t.Errorf("got %d disk operations, want a write and a sync", calls)
	}
	must(t, l.Append(nil))
	must(t, l.Append([]*raftlog.Batch{{}}))
	if calls != 2 {
		t.Errorf("an empty append wrote: got %d disk operations", calls)
	}
}

func TestClosed(t *testing.T) {
	l, _, err := raftlog.Open(dir, raftlog.Options{FS: vfs.NewMem()})
	must(t, err)
	must(t, l.Close())
	must(t, l.Close())
	if err := l.Append(one(raftlog.Update{Shard: 1, Replica: 1})); !errors.Is(err, raftlog.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// TestBugsPanic: updates that no core may ask for.
func TestBugsPanic(t *testing.T) {
	cases := map[string][]raftlog.Update{
		"gap in one update":  {{Shard: 1, Replica: 1, Entries: []*raftpb.Entry{entry(1, 1, nil), entry(3, 1, nil)}}},
		"gap between":        {{Shard: 1, Replica: 1, Entries: entries(1, 2, "")}, {Shard: 1, Replica: 1, Entries: entries(4, 4, "")}},
		"below the mark":     {{Shard: 1, Replica: 1, Snapshot: raftlog.SnapshotMark{Index: 5, Term: 1}, Entries: entries(5, 5, "")}},
		"after the mark":     {{Shard: 1, Replica: 1, Snapshot: raftlog.SnapshotMark{Index: 5, Term: 1}, Entries: entries(7, 7, "")}},
		"mark goes back":     {{Shard: 1, Replica: 1, Snapshot: raftlog.SnapshotMark{Index: 5}}, {Shard: 1, Replica: 1, Snapshot: raftlog.SnapshotMark{Index: 4}}},
		"back from the dead": {{Shard: 1, Replica: 1, Destroyed: true}, {Shard: 1, Replica: 1, HardState: hard(1, 1, 1)}},
		"no replica":         {{Shard: 1, HardState: hard(1, 1, 1)}},
	}
	for name, updates := range cases {
		func() {
			l, _, err := raftlog.Open(dir, raftlog.Options{FS: vfs.NewMem()})
			must(t, err)
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = l.Append(one(updates...))
		}()
	}
}

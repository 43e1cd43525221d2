package replica

import (
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/slot"
)

// TestEngineBehindTheLog: a state engine that came back older than what the log was allowed to forget must not make the
// replica forget the entries that it acknowledged.
func TestEngineBehindTheLog(t *testing.T) {
	const applied = 50
	mark := func(index katakv.Index) raftlog.SnapshotMark { return raftlog.SnapshotMark{Index: index, Term: 2} }
	cases := []struct {
		name        string
		mark        raftlog.SnapshotMark
		first, last uint64
		refused     bool
	}{
		{name: "nothing logged"},
		{name: "mark at the applied entry", mark: mark(applied)},
		{name: "mark and entries before it", mark: mark(40), first: 41, last: 49},
		{name: "entries around it", first: 45, last: 60},
		{name: "entries right behind it", mark: mark(applied), first: 51, last: 60},
		{name: "entries with a gap", first: 52, last: 60, refused: true},
		{name: "mark beyond it", mark: mark(51), refused: true},
		{name: "mark and entries beyond it", mark: mark(55), first: 56, last: 60, refused: true},
	}
	for _, c := range cases {
		logged := &raftlog.RecoveredReplica{Shard: 1, Replica: 11, Snapshot: c.mark}
		for index := c.first; index <= c.last && index > 0; index++ {
			logged.Entries = append(logged.Entries, &raftpb.Entry{Index: new(index), Term: new(uint64(2))})
		}
		r, err := New(Config{ElectionTicks: 10, HeartbeatTicks: 1}, 1, machineAt(t, applied), logged)
		switch {
		case c.refused && (err == nil || !strings.Contains(err.Error(), "rejoin")):
			t.Errorf("%s: got error %v", c.name, err)
		case !c.refused && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case !c.refused && r.window.last() != max(applied, c.last) && c.last >= applied:
			t.Errorf("%s: the log ends at %d", c.name, r.window.last())
		}
	}
}

func machineAt(t *testing.T, applied katakv.Index) *kv.Machine {
	t.Helper()
	e := engine.NewMemory()
	b := e.NewBatch()
	all := slot.All
	kv.WriteMeta(b, 1, &kv.Meta{
		Replica: 11, Applied: applied, AppliedTerm: 2, Slots: &all, ConfState: &raftpb.ConfState{Voters: []uint64{11, 12, 13}},
	})
	if err := e.Commit(b); err != nil {
		t.Fatal(err)
	}
	m, err := kv.Open(e, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

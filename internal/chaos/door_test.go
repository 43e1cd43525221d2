package chaos

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/check"
)

func set(key, value string) *call { return &call{op: operation(check.Set, []string{key}, value)} }

// outcomes settles calls and returns what became of them.
func outcomes(calls []*call, t *tally) (all []katakv.Outcome) {
	for _, c := range calls {
		settle(c, t)
		all = append(all, c.op.Outcome)
	}
	return all
}

func TestClusterDoorFollowsRedirects(t *testing.T) {
	first, second := startFake(t), startFake(t)
	first.deferTo(second)
	tally := newTally()
	d := &clusterDoor{
		addrs: []string{first.door().Cluster, second.door().Cluster}, options: client.Options{Timeout: time.Second}, tally: tally,
		conns: map[string]*client.Conn{}, owners: map[katakv.Slot]string{},
	}
	defer d.close()
	calls := []*call{set("a", "1"), set("b", "2"), set("a", "3")}
	if !d.exchange(t.Context(), calls) {
		t.Fatal("nothing was sent")
	}
	for i, o := range outcomes(calls, tally) {
		if o != katakv.OutcomeApplied {
			t.Errorf("call %d: got %v (%v), want applied", i, o, calls[i].err)
		}
	}
	// A circle of redirects ends, and nothing was applied.
	second.deferTo(first)
	lost := set("c", "4")
	d.exchange(t.Context(), []*call{lost})
	if got := outcomes([]*call{lost}, tally)[0]; got != katakv.OutcomeNotApplied {
		t.Errorf("in a circle: got %v, want not applied", got)
	}
}

func TestPlainDoorTurnsToTheNextNode(t *testing.T) {
	dead, alive := startFake(t), startFake(t)
	_ = dead.listener.Close()
	tally := newTally()
	d := &plainDoor{
		addrs: []string{dead.door().Plain, alive.door().Plain}, options: client.Options{Timeout: time.Second}, tally: tally,
	}
	defer d.close()
	calls := []*call{set("a", "1"), set("b", "2")}
	if d.exchange(t.Context(), calls) {
		t.Error("a dead node took the connection")
	}
	if !d.exchange(t.Context(), calls) || outcomes(calls, tally)[1] != katakv.OutcomeApplied {
		t.Errorf("the next node did not answer: %v", calls[1].err)
	}
	if counts, _ := tally.failures(); counts["dial"] != 1 {
		t.Errorf("failures: got %v, want one dial", counts)
	}
}

// TestLostConnectionIsUnknown settles calls that ended badly, in three ways.
func TestLostConnectionIsUnknown(t *testing.T) {
	tally := newTally()
	write := set("a", "1")
	write.err = &client.ConnError{Doing: "receive"}
	read := &call{op: operation(check.Get, []string{"a"}), err: &client.ConnError{Doing: "receive"}}
	refused := set("a", "2")
	refused.err = &client.ReplyError{Prefix: "CLUSTERDOWN", Text: "CLUSTERDOWN no leader"}
	got := outcomes([]*call{write, read, refused}, tally)
	if got[0] != katakv.OutcomeUnknown || write.op.Return != check.Never {
		t.Errorf("a write: got %v, returned at %v, want unknown and never", got[0], write.op.Return)
	}
	if got[1] != katakv.OutcomeNotApplied || got[2] != katakv.OutcomeNotApplied {
		t.Errorf("a read and a refused write: got %v, want not applied", got[1:])
	}
	if v := tally.violations(); len(v) != 0 {
		t.Errorf("violations: %q", v)
	}
}

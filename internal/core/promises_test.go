package core_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// promiseHarness is three cores with one shard whose leaders may have leases.
type promiseHarness struct {
	*harness
	lead, peer, other int // cores: of the leader, and of its followers
}

// aSession is one in which a follower's node promises.
var aSession = wire.Session{Boot: 1, Count: 1}

func newPromiseHarness(t *testing.T) *promiseHarness {
	t.Helper()
	h := &promiseHarness{harness: newHarness(t, 3, 1, func(cfg *core.Config) { cfg.Leases = true })}
	h.elect()
	h.lead = h.leader(1)
	h.peer, h.other = (h.lead+1)%3, (h.lead+2)%3
	return h
}

// leads reports whether a core leads the shard.
func (h *promiseHarness) leads(i int) bool { return h.cores[i].Status()[1].Self }

func (h *promiseHarness) node(i int) katakv.NodeID { return h.m.Nodes[i].ID }

// hold lets a follower promise to the leader's node, and acknowledge a write in that session.
func (h *promiseHarness) hold(follower int, s wire.Session) {
	h.t.Helper()
	h.cores[follower].Hold(h.node(h.lead), s)
	h.write()
}

func (h *promiseHarness) write() {
	h.t.Helper()
	h.cores[h.lead].Submit(h.request(1, command.KindIncrBy))
	h.settle()
	if done := h.take(1)[0]; done.Err != nil {
		h.t.Fatal(done.Err)
	}
}

// promised tells the leader's core what a follower's node has promised.
func (h *promiseHarness) promised(follower int, s wire.Session, until time.Duration) {
	h.cores[h.lead].SetPromises(map[katakv.NodeID]replica.Promise{h.node(follower): {Session: s, Until: until}})
}

// readsAlone reports whether the leader answers a strong read without hearing anybody.
func (h *promiseHarness) readsAlone(now time.Duration) bool {
	h.t.Helper()
	h.cores[h.lead].SetTime(replica.Time{Monotonic: now})
	h.cores[h.lead].Submit(h.request(1, command.KindGet))
	fx := h.pass(h.lead)
	alone := len(fx.Completions) == 1
	h.carry(h.lead, fx)
	h.settle()
	h.take(1)
	return alone
}

func TestLeaderWithALeaseReadsAlone(t *testing.T) {
	h := newPromiseHarness(t)
	h.promised(h.peer, aSession, 10)
	if h.readsAlone(1) {
		t.Error("the promise counts although the peer has acknowledged nothing in its session")
	}
	h.hold(h.peer, aSession)
	if !h.readsAlone(9) {
		t.Error("no read under the lease")
	}
	if h.readsAlone(10) {
		t.Error("a read when the lease is over")
	}
	h.promised(h.peer, wire.Session{Boot: 1, Count: 2}, 30)
	if h.readsAlone(11) {
		t.Error("a promise of another session than that of the acknowledgement counts")
	}
	// The question of that read made the peer acknowledge anew, in the session that runs.
	h.cores[h.peer].Hold(h.node(h.lead), wire.Session{Boot: 1, Count: 2})
	h.readsAlone(12)
	if !h.readsAlone(13) {
		t.Error("no lease after an acknowledgement in the new session")
	}
}

func TestLeaseIsGivenUpForTheRestOfTheTerm(t *testing.T) {
	h := newPromiseHarness(t)
	h.hold(h.peer, aSession)
	h.promised(h.peer, aSession, 100)
	if !h.readsAlone(1) {
		t.Fatal("no lease")
	}
	c := h.cores[h.lead]
	c.Evacuate()
	c.Tick()
	_ = h.pass(h.lead) // nobody hears that
	for now := time.Duration(2); now < 30; now++ {
		c.SetTime(replica.Time{Monotonic: now})
		c.Tick() // the transfer is given up, and begun again
		if c.Status()[1].Lease != 0 {
			t.Fatal("a lease while, or after, the leadership is handed over")
		}
		_ = h.pass(h.lead)
	}
}

func TestHeldFollowersKeepTheirVotes(t *testing.T) {
	h := newPromiseHarness(t)
	h.hold(h.peer, aSession)
	followers := []int{h.peer, h.other}
	for range 60 { // neither hears the leader
		for _, i := range followers {
			h.cores[i].Suspect(h.node(h.lead))
			h.cores[i].Tick()
			h.among(followers)
		}
	}
	if h.leads(h.peer) || h.leads(h.other) {
		t.Fatal("the others elected a leader under a promise")
	}
	h.cores[h.peer].Lapsed(h.node(h.lead), true)
	h.among(followers)
	for range 3 {
		for _, i := range followers {
			h.cores[i].Tick()
			h.among(followers)
		}
	}
	if !h.leads(h.peer) && !h.leads(h.other) {
		t.Error("the others have no leader soon after the end of the promise")
	}
}

func TestLeaderThatStepsDownSaysSo(t *testing.T) {
	h := newPromiseHarness(t)
	for _, i := range []int{h.peer, h.other} {
		h.hold(i, aSession)
	}
	for range 25 { // it hears nobody
		h.cores[h.lead].Tick()
		_ = h.pass(h.lead)
	}
	if h.leads(h.lead) {
		t.Fatal("it leads without a majority")
	}
	for range 5 {
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
	}
	if !h.leads(h.lead) && !h.leads(h.peer) && !h.leads(h.other) {
		t.Error("no leader, under promises to one that said it leads no more")
	}
}

func TestRestartedNodeIsQuiet(t *testing.T) {
	h := newHarness(t, 1, 1, func(cfg *core.Config) { cfg.QuietUntil = 5 })
	c := h.cores[0]
	for range 50 {
		c.Tick()
		h.settle()
	}
	if c.Leading() != 0 {
		t.Fatal("it campaigned while promises of an earlier life may run")
	}
	c.SetTime(replica.Time{Monotonic: 5})
	h.elect()
}

func TestLeaseTellsFollowersTheCommitIndex(t *testing.T) {
	h := newPromiseHarness(t)
	h.hold(h.peer, aSession)
	h.promised(h.peer, aSession, 100)
	for _, level := range []katakv.Consistency{session, anyStrong} {
		h.cores[h.lead].Submit(h.request(1, command.KindIncrBy))
		h.settle()
		read := h.request(1, command.KindGet)
		read.Read, read.Index = level, h.take(1)[0].Index
		h.cores[h.other].Submit(read)
		h.settle()
		if level == session { // it asks with its next tick, and no heartbeat comes
			h.cores[h.other].Tick()
			h.settle()
		}
		if done := h.take(1)[0]; done.Err != nil || done.Index < read.Index {
			t.Errorf("%v: answered at %d, %v, want %d", level, done.Index, done.Err, read.Index)
		}
	}
}

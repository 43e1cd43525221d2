package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/wire"
)

// trace starts a batch with a journey.
func (h *harness) trace(mode router.Mode, ops ...command.Operation) *router.Batch {
	b := &router.Batch{Mode: mode, Calls: make([]router.Call, len(ops)), Journey: journey.New()}
	for i := range ops {
		b.Calls[i].Operation = ops[i]
	}
	h.router.Start(h.now, b)
	return b
}

// wantJourney checks steps as "milliseconds node kind peer code", without what is zero at the end.
func wantJourney(t *testing.T, r journey.Report, want ...string) {
	t.Helper()
	var got []string
	for _, s := range r.Steps {
		line := fmt.Sprintf("%d %v %v", s.At.Milliseconds(), s.Node, s.Kind)
		if s.Peer != 0 {
			line += fmt.Sprintf(" %v", s.Peer)
		}
		if s.Code != 0 {
			line += fmt.Sprintf(" %v", s.Code)
		}
		got = append(got, line)
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

func TestJourneyHere(t *testing.T) {
	h := newHarness(t)
	own := h.replicaOn(1, 1)
	b := h.trace(router.Forward, set(h.key(1, 0)))
	request := h.router.Effects().Submit[0]
	request.Journey.Begin(0)
	request.Journey.Note(journey.Step{Kind: journey.Taken})
	request.Journey.Stamp(2 * time.Millisecond)
	request.Journey.Note(journey.Step{Kind: journey.Durable, Replica: own})
	request.Journey.Stamp(5 * time.Millisecond)
	h.now += 6 * time.Millisecond
	h.router.Completed(h.now, []replica.Completion{{Request: request, Index: 9, Replies: []command.Reply{command.OKReply()}}})
	wantJourney(t, b.Journey.Report(),
		"0 n1 received", "0 n1 routed n1", "0 n1 queued", "2 n1 taken", "5 n1 durable n1", "6 n1 answered")
}

func (h *harness) replicaOn(shard katakv.ShardID, node katakv.NodeID) katakv.ReplicaID {
	member, _ := h.m.Shard(shard).ReplicaOn(node)
	return member.ID
}

// TestJourneyThroughAnotherNode runs both routers. What the other node did is between the forward and the answer.
func TestJourneyThroughAnotherNode(t *testing.T) {
	h, other := newHarness(t), newHarness(t)
	other.router = router.New(timeout, 1)
	other.router.SetMap(2, other.m)
	other.router.Leadership([]replica.Leadership{{Shard: 2, Term: 5, Self: true}})
	other.router.Effects()
	other.now = 77 * time.Hour // its clock has nothing to do with the first one's

	h.now = time.Second
	b := h.trace(router.Forward, set(h.key(2, 0)))
	forward := h.router.Effects().Frames[0].Message.(*wire.Forward)
	if !forward.Journey {
		t.Fatal("the forward does not ask for a report")
	}
	other.router.Forward(other.now, 1, forward)
	request := other.router.Effects().Submit[0]
	other.now += 4 * time.Millisecond
	other.router.Completed(other.now, []replica.Completion{{Request: request, Index: 9, Replies: []command.Reply{command.OKReply()}}})
	reply := other.router.Effects().Frames[0].Message.(*wire.ForwardReply)
	h.now += 10 * time.Millisecond
	h.router.ForwardReply(h.now, 2, reply)
	report := b.Journey.Report()
	wantJourney(t, report, "0 n1 received", "0 n1 routed n2", "0 n1 forwarded n2",
		"3 n2 received n1", "3 n2 queued", "7 n2 answered n1", "10 n1 heard n2", "10 n1 answered")
	for _, s := range report.Steps {
		if want := 3 * time.Millisecond; s.Node == 2 && s.Margin != want || s.Node == 1 && s.Margin != 0 {
			t.Errorf("%v at %v ±%v", s.Kind, s.Node, s.Margin)
		}
	}
}

func TestNobodyAskedForAJourney(t *testing.T) {
	h := newHarness(t)
	h.start(router.Forward, set(h.key(1, 0)), set(h.key(2, 0)))
	fx := h.router.Effects()
	if fx.Submit[0].Journey != nil || fx.Frames[0].Message.(*wire.Forward).Journey {
		t.Error("a journey that nobody asked for")
	}
	h.router.Forward(h.now, 3, &wire.Forward{ID: 5, Shard: 1, Operations: []command.Operation{get(h.key(1, 0))}})
	request := h.router.Effects().Submit[0]
	h.router.Completed(h.now, []replica.Completion{{Request: request, Replies: []command.Reply{{}}}})
	if reply := h.router.Effects().Frames[0].Message.(*wire.ForwardReply); request.Journey != nil || reply.Journey.Steps != nil {
		t.Error("a report that nobody asked for")
	}
}

// TestJourneyWithTrouble: refusals, waits and lost connections are told, a wait once however often it is tried.
func TestJourneyWithTrouble(t *testing.T) {
	h := newHarness(t)
	b := h.trace(router.Forward, get(h.key(2, 0)))
	h.router.PeerDown(2) // a read may be asked again
	h.lead(2, 0, 6)
	h.router.Leadership([]replica.Leadership{{Shard: 2, Term: 6}})
	for range 4 {
		h.tick(retry)
	}
	h.lead(2, 1, 7)
	request := h.router.Effects().Submit[0]
	h.router.Completed(h.now, []replica.Completion{{Request: request, Err: katakv.Errorf(katakv.CodeNotLeader, "not any more")}})
	h.tick(timeout)
	wantError(t, b, 0, katakv.CodeClusterDown)
	wantJourney(t, b.Journey.Report(), "0 n1 received", "0 n1 routed n2", "0 n1 forwarded n2", "0 n1 refused n2 unknown", "0 n1 waiting",
		"200 n1 queued", "200 n1 refused n1 not-leader", "200 n1 waiting", "5200 n1 expired", "5200 n1 answered")
}

// retry is as long as a group waits between its tries.
const retry = 50 * time.Millisecond

// TestJourneyIsLetGo: a core that answers too late, or not at all, has nothing to do with the journey any more.
func TestJourneyIsLetGo(t *testing.T) {
	h := newHarness(t)
	b := h.trace(router.Forward, set(h.key(1, 0)))
	request := h.router.Effects().Submit[0]
	h.tick(timeout)
	wantError(t, b, 0, katakv.CodeUnknown)
	request.Journey.Note(journey.Step{Kind: journey.Applied})
	h.router.Completed(h.now, []replica.Completion{{Request: request, Index: 9, Replies: []command.Reply{command.OKReply()}}})
	wantJourney(t, b.Journey.Report(), "0 n1 received", "0 n1 routed n1", "0 n1 queued", "5000 n1 expired", "5000 n1 answered")
}

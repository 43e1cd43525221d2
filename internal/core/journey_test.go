package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/replica"
)

// traced makes a request one with a journey.
func traced(r *replica.Request) *replica.Request {
	r.Journey = journey.New().Leg(0)
	return r
}

// story is what a core told of a request, one step a line: when, by whom, what, and about which replica.
func story(r *replica.Request) string {
	r.Journey.Join(time.Hour, func(*journey.Step) {})
	var b strings.Builder
	for _, s := range r.Journey.Journey().Report().Steps {
		fmt.Fprintf(&b, "%d %v %v", s.At.Milliseconds(), s.Role, s.Kind)
		if s.Replica != 0 {
			fmt.Fprintf(&b, " %v", s.Replica)
		}
		if s.Index != 0 {
			fmt.Fprintf(&b, " @%d", s.Index)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func wantStory(t *testing.T, r *replica.Request, format string, args ...any) {
	t.Helper()
	lines := strings.Fields(strings.ReplaceAll(strings.TrimSpace(format), "\n", " "))
	want := fmt.Sprintf(strings.Join(lines, " "), args...)
	if got := strings.Join(strings.Fields(story(r)), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// replicas returns the replicas of shard 1: that of a core, and the others in their order.
func (h *harness) replicas(of int) (own katakv.ReplicaID, others []katakv.ReplicaID) {
	for _, r := range h.m.Shard(1).Replicas {
		if r.Node == h.m.Nodes[of].ID {
			own = r.ID
		} else {
			others = append(others, r.ID)
		}
	}
	return own, others
}

// deliver hands the frames of effects to whom they are for.
func (h *harness) deliver(from int, fx *core.Effects) {
	for _, f := range fx.Frames {
		h.cores[f.To-1].Receive(h.m.Nodes[from].ID, f.Message)
	}
}

// TestJourneyOfAWrite moves a write by hand: each step has the time of the pass in which the leader took it up.
func TestJourneyOfAWrite(t *testing.T) {
	h := newLevelsHarness(t)
	before := h.incr()
	lead := h.leader(1)
	own, others := h.replicas(lead)
	r := traced(h.request(1, command.KindIncrBy))
	h.cores[lead].Submit(r)
	r.Journey.Begin(h.now)
	h.wait(time.Millisecond)
	proposed := h.pass(lead)
	h.deliver(lead, proposed)
	for _, i := range []int{(lead + 1) % 3, (lead + 2) % 3} {
		fx := h.pass(i)
		h.cores[i].LogDurable(fx.LogSeq)
		h.wait(time.Millisecond)
		h.deliver(i, h.pass(i)) // its acknowledgement
		if i == (lead+1)%3 {
			h.cores[lead].LogDurable(proposed.LogSeq)
			h.wait(time.Millisecond)
			h.carry(lead, h.pass(lead))
		}
	}
	done := h.take(1)[0]
	h.settle()
	first := others[0]
	if h.m.Nodes[(lead+1)%3].ID != h.nodeOf(first) {
		first = others[1]
	}
	if done.Err != nil || done.Index != before+1 {
		t.Fatalf("got %+v", done)
	}
	// The other follower was heard after the answer.
	wantStory(t, r, `
		1 leader taken
		1 leader proposed @%[1]d
		1 leader sent %[2]v
		1 leader sent %[3]v
		3 leader durable %[4]v
		3 leader durable %[5]v
		3 leader quorum @%[1]d
		3 leader applied @%[1]d`, before+1, others[0], others[1], first, own)
}

func (h *harness) nodeOf(id katakv.ReplicaID) katakv.NodeID {
	member, _ := h.m.Shard(1).Replica(id)
	return member.Node
}

func TestJourneysOfReads(t *testing.T) {
	h := newLevelsHarness(t)
	h.incr()
	index := h.incr()
	lead := h.leader(1)
	leader, _ := h.replicas(lead)
	ask := func(to int, c katakv.Consistency, index katakv.Index) *replica.Request {
		r := traced(h.request(1, command.KindGet))
		r.Read, r.Index = c, index
		h.cores[to].Submit(r)
		h.settle()
		if done := h.take(1)[0]; done.Err != nil || string(done.Replies[0].Bulk) != "2" {
			t.Fatalf("%v: got %+v", c, done)
		}
		return r
	}
	wantStory(t, ask(lead, katakv.Consistency{}, 0), `
		0 leader taken
		0 leader quorum-asked
		0 leader confirmed @%[1]d
		0 leader read @%[1]d`, index)
	wantStory(t, ask(h.follower, anyStrong, 0), `
		0 follower taken
		0 follower leader-asked %[2]v
		0 follower told @%[1]d
		0 follower behind @%[1]d
		0 follower read @%[1]d`, index, leader)
	wantStory(t, ask(h.follower, eventual, 0), `0 follower taken 0 follower read @%d`, index)
	wantStory(t, ask(h.follower, session, index), `0 follower taken 0 follower read @%d`, index)
}

// TestJourneyOfAReadThatWaits: a session's read waits for its index, and is given up in the end.
func TestJourneyOfAReadThatWaits(t *testing.T) {
	h := newLevelsHarness(t)
	index := h.incr()
	ahead := index + 1
	read := func() *replica.Request {
		r := traced(h.request(1, command.KindGet))
		r.Read, r.Index = session, ahead
		h.cores[h.follower].Submit(r)
		_ = h.pass(h.follower) // nobody hears what it asks
		return r
	}
	late := read()
	for range 5 {
		_ = h.tick(h.follower)
	}
	h.settle()
	r := read()
	h.wait(time.Millisecond)
	h.incr()
	h.cores[h.leader(1)].Tick()
	h.cores[h.leader(1)].Tick() // a heartbeat tells the commit index
	h.settle()
	wantStory(t, late, `0 follower taken 0 follower behind @%d 400 follower too-slow`, ahead)
	wantStory(t, r, `0 follower taken 0 follower behind @%[1]d 1 follower read @%[1]d`, ahead)
}

// TestJourneyEndsWithTheAnswer: what a leader hears later belongs to nobody.
func TestJourneyEndsWithTheAnswer(t *testing.T) {
	h := newLevelsHarness(t)
	h.incr()
	lead := h.leader(1)
	var late []func()
	slow := h.m.Nodes[(lead+1)%3].ID
	step := func() {
		for i, c := range h.cores {
			if !c.HasWork() {
				continue
			}
			fx := h.pass(i)
			if h.m.Nodes[i].ID == slow {
				late = append(late, func() { h.carry(i, fx) })
				continue
			}
			h.carry(i, fx)
		}
	}
	r := traced(h.request(1, command.KindIncrBy))
	h.cores[lead].Submit(r)
	for range 20 {
		step()
	}
	h.take(1)
	before := story(r)
	if strings.Count(before, "durable") != 2 {
		t.Fatalf("got %s; want two durable replicas", before)
	}
	for _, f := range late {
		f()
	}
	h.settle()
	if after := story(r); strings.Count(after, "durable") != 2*2 { // joined twice, with no step more
		t.Errorf("got %s", after)
	}
}

// TestJourneyOfARefusal: whoever does not lead tells that it was asked.
func TestJourneyOfARefusal(t *testing.T) {
	h := newLevelsHarness(t)
	r := traced(h.request(1, command.KindIncrBy))
	h.cores[h.follower].Submit(r)
	h.settle()
	if done := h.take(1)[0]; done.Err == nil {
		t.Fatal("a follower took a write")
	}
	wantStory(t, r, `0 follower taken`)
}

// TestJourneyUnderALease: the leader asks nobody.
func TestJourneyUnderALease(t *testing.T) {
	h := newPromiseHarness(t)
	h.hold(h.peer, aSession)
	h.promised(h.peer, aSession, 10)
	h.cores[h.lead].SetTime(replica.Time{Monotonic: 9})
	r := traced(h.request(1, command.KindGet))
	h.cores[h.lead].Submit(r)
	h.settle()
	done := h.take(1)[0]
	wantStory(t, r, `
		0 leader taken
		0 leader leased @%[1]d
		0 leader read @%[1]d`, done.Index)
}

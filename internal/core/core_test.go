package core_test

import (
	"fmt"
	"testing"
	"testing/cryptotest"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/slot"
)

// seed makes the tests repeat.
const seed = 1

// harness is some cores with instant networks and disks, moved by hand.
type harness struct {
	t     testing.TB
	m     *placement.Map
	cores []*core.Core
	done  []replica.Completion
	// holdDisk keeps log batches from becoming durable.
	holdDisk bool
	held     []func()
	// sends are the snapshots that each core wants to stream; nobody does.
	sends map[int][]core.SnapshotSend
}

func newHarness(t *testing.T, nodes, shards int, change ...func(*core.Config)) *harness {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed) // Raft draws its timeouts from there
	return newHarnessAnyRandom(t, nodes, shards, change...)
}

// newHarnessAnyRandom is newHarness with whatever randomness the test has set.
func newHarnessAnyRandom(t testing.TB, nodes, shards int, change ...func(*core.Config)) *harness {
	t.Helper()
	h := &harness{t: t, sends: make(map[int][]core.SnapshotSend)}
	list := make([]placement.Node, nodes)
	for i := range list {
		a := fmt.Sprintf("10.0.0.%d:", i+1)
		list[i] = placement.Node{Weight: 1, Addresses: placement.Addresses{Peer: a + "1", Cluster: a + "2", Plain: a + "3", HTTP: a + "4"}}
	}
	m, err := placement.Bootstrap(1, list, shards, placement.Settings{Replicas: nodes, MaxValueBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h.m = m
	for i := range list {
		h.cores = append(h.cores, h.newCore(m.Nodes[i].ID, change))
	}
	return h
}

func (h *harness) newCore(self katakv.NodeID, change []func(*core.Config)) *core.Core {
	h.t.Helper()
	e := engine.NewMemory()
	if err := kv.WriteInitialState(e, self, h.m); err != nil {
		h.t.Fatal(err)
	}
	var shards []katakv.ShardID
	for i := range h.m.Shards {
		shards = append(shards, h.m.Shards[i].ID)
	}
	cfg := core.Config{Self: self, Engine: e}
	for _, f := range change {
		f(&cfg)
	}
	c := core.New(cfg)
	if err := c.AddReplicas(shards, nil); err != nil {
		h.t.Fatal(err)
	}
	c.SetMap(h.m)
	return c
}

// settle makes passes until nothing moves any more.
func (h *harness) settle() {
	h.t.Helper()
	for range 1000 {
		idle := true
		for i := range h.cores {
			if h.cores[i].HasWork() {
				idle = false
				h.carry(i, h.pass(i))
			}
		}
		if idle {
			return
		}
	}
	h.t.Fatal("the cores never come to rest")
}

func (h *harness) pass(i int) *core.Effects {
	h.t.Helper()
	fx, err := h.cores[i].Pass()
	if err != nil {
		h.t.Fatal(err)
	}
	return fx
}

func (h *harness) carry(i int, fx *core.Effects) {
	for _, f := range fx.Frames {
		h.cores[f.To-1].Receive(h.m.Nodes[i].ID, f.Message)
	}
	if fx.Log != nil {
		durable := func() { h.cores[i].LogDurable(fx.LogSeq) }
		if h.holdDisk {
			h.held = append(h.held, durable)
		} else {
			durable()
		}
	}
	h.done = append(h.done, fx.Completions...)
	for _, s := range fx.Sends {
		if err := s.View.Close(); err != nil {
			h.t.Fatal(err)
		}
		h.sends[i] = append(h.sends[i], s)
	}
}

// elect lets the nodes that should lead do so.
func (h *harness) elect() {
	h.t.Helper()
	for range 100 {
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
		led := 0
		for i, c := range h.cores {
			for _, s := range c.Status() {
				if s.Self && h.m.Shard(s.Shard).Leader == h.m.Nodes[i].ID {
					led++
				}
			}
		}
		if led == len(h.m.Shards) {
			return
		}
	}
	h.t.Fatal("not every shard is led where it should be")
}

// leader returns the core that leads a shard.
func (h *harness) leader(shard katakv.ShardID) int { return int(h.m.Shard(shard).Leader) - 1 }

func (h *harness) key(shard katakv.ShardID) []byte {
	for i := 0; ; i++ {
		if k := []byte(fmt.Sprint("key", i)); h.m.Shard(shard).Slots.Contains(slot.Of(k)) {
			return k
		}
	}
}

func (h *harness) request(shard katakv.ShardID, kinds ...command.Kind) *replica.Request {
	r := &replica.Request{Shard: shard}
	for _, k := range kinds {
		op := command.Operation{Kind: k, Keys: [][]byte{h.key(shard)}}
		if k == command.KindIncrBy {
			op.Delta = 1
		}
		r.Operations = append(r.Operations, op)
	}
	return r
}

func (h *harness) take(want int) []replica.Completion {
	h.t.Helper()
	if len(h.done) != want {
		h.t.Fatalf("got %d completions; want %d", len(h.done), want)
	}
	done := h.done
	h.done = nil
	return done
}

func TestWaitingRequestsShareOneEntryOneBatchAndOneFrame(t *testing.T) {
	h := newHarness(t, 3, 1)
	h.elect()
	c := h.cores[h.leader(1)]
	for range 100 {
		c.Submit(h.request(1, command.KindIncrBy))
	}
	fx := h.pass(h.leader(1))
	if fx.Log == nil || len(fx.Log.Updates) != 1 || len(fx.Log.Updates[0].Entries) != 1 {
		t.Fatalf("the log batch is %+v; want one update with one entry", fx.Log)
	}
	if len(fx.Frames) != 2 {
		t.Fatalf("got %d frames; want one for each of two peers", len(fx.Frames))
	}
	h.carry(h.leader(1), fx)
	h.settle()
	for i, d := range h.take(100) {
		if d.Err != nil || d.Replies[0].Int != int64(i+1) {
			t.Fatalf("completion %d: %+v, %v", i, d.Replies, d.Err)
		}
	}
}

func TestNothingIsAnsweredBeforeItIsDurable(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			h := newHarness(t, nodes, 1)
			h.elect()
			h.holdDisk = true
			h.cores[h.leader(1)].Submit(h.request(1, command.KindIncrBy))
			h.settle()
			h.take(0)
			quorum := nodes/2 + 1
			for n := 0; n < quorum; n++ {
				h.take(0)
				h.held[n]()
				h.settle()
			}
			h.holdDisk = false
			for _, f := range h.held[quorum:] {
				f()
			}
			h.settle()
			h.take(1)
		})
	}
}

// Found by seed 26328: two leaders of one term, the same node twice, with different logs. It had asked for votes
// before its term was on disk, was elected by them, crashed, forgot the term and was elected in it again.
func TestVotesAreAskedForOnlyOnceTheTermIsDurable(t *testing.T) {
	h := newHarness(t, 3, 1)
	candidate := h.leader(1)
	var held []func() // the candidate's disk; the others' are instant
	asked := 0
	step := func() {
		for i, c := range h.cores {
			if !c.HasWork() {
				continue
			}
			fx := h.pass(i)
			if i == candidate {
				for _, f := range fx.Frames {
					for _, item := range f.Message.Items {
						if item.Shard == 1 && item.Message.GetType() == raftpb.MsgVote {
							asked++
						}
					}
				}
				if fx.Log != nil {
					held = append(held, func() { c.LogDurable(fx.LogSeq) })
					fx.Log = nil
				}
			}
			h.carry(i, fx)
		}
	}
	for range 9 { // below an election timeout: only the node that should lead campaigns
		for _, c := range h.cores {
			c.Tick()
		}
		for range 10 {
			step()
		}
	}
	if asked > 0 {
		t.Fatalf("%d votes were asked for in a term that is not on disk", asked)
	}
	for _, durable := range held {
		durable()
	}
	step()
	if asked == 0 {
		t.Error("no vote was ever asked for: the test shows nothing")
	}
}

func TestReadsAmongWritesSeeExactlyTheWritesBefore(t *testing.T) {
	h := newHarness(t, 3, 1)
	h.elect()
	h.cores[h.leader(1)].Submit(h.request(1, command.KindGet, command.KindIncrBy, command.KindGet, command.KindIncrBy, command.KindGet))
	h.settle()
	replies := h.take(1)[0].Replies
	got := fmt.Sprintf("%s %d %s %d %s", replies[0].Bulk, replies[1].Int, replies[2].Bulk, replies[3].Int, replies[4].Bulk)
	if want := " 1 1 2 2"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestFollowersRefuse(t *testing.T) {
	h := newHarness(t, 3, 3)
	h.elect()
	follower := h.cores[(h.leader(1)+1)%3]
	follower.Submit(h.request(1, command.KindIncrBy))
	follower.Submit(h.request(1, command.KindGet))
	follower.Submit(&replica.Request{Shard: 99})
	h.settle()
	for _, d := range h.take(3) {
		if d.Err == nil || d.Err.Code != katakv.CodeNotLeader {
			t.Errorf("got %+v", d)
		}
	}
}

// A leader that is alone steps down; what it proposed meanwhile is settled by the log: overwritten means not
// applied, and the caller is told so.
func TestOverwrittenProposalsAreNotApplied(t *testing.T) {
	h := newHarness(t, 3, 1)
	h.elect()
	old := h.leader(1)
	lost := h.request(1, command.KindIncrBy)
	h.cores[old].Submit(lost)
	fx := h.pass(old)
	h.cores[old].LogDurable(fx.LogSeq) // and its frames are lost
	others := []int{(old + 1) % 3, (old + 2) % 3}
	for range 60 {
		for _, i := range others {
			h.cores[i].Tick()
			if h.cores[i].HasWork() {
				h.carryAmong(i, others, h.pass(i))
			}
		}
	}
	led := -1
	for _, i := range others {
		for _, s := range h.cores[i].Status() {
			if s.Shard == 1 && s.Self {
				led = i
			}
		}
	}
	if led < 0 {
		t.Fatal("the others elected nobody")
	}
	h.done = nil
	h.everybodyTalks()
	h.elect()
	if len(h.done) != 1 || h.done[0].Request != lost || h.done[0].Err == nil || h.done[0].Err.Code != katakv.CodeNotLeader {
		t.Fatalf("got %+v; want the lost request refused as not applied", h.done)
	}
	h.done = nil
	h.cores[h.leader(1)].Submit(h.request(1, command.KindGet))
	h.settle()
	if r := h.take(1)[0].Replies[0]; r.Kind != command.ReplyNil {
		t.Errorf("the refused increment was applied: %q", r.Bulk)
	}
}

// A leader that is deposed and leads again knows from before that a snapshot is on its way to a follower, though Raft does not.
func TestOneSnapshotAtATimeForEachFollower(t *testing.T) {
	h := newHarness(t, 3, 1, func(cfg *core.Config) { cfg.WindowBytes = 1 })
	h.elect()
	leader := h.leader(1)
	other, behind := (leader+1)%3, (leader+2)%3
	for range 30 {
		h.cores[leader].Submit(h.request(1, command.KindIncrBy))
		h.talk(leader, other)
	}
	h.done = nil
	h.everybodyTalks()
	if len(h.sends[leader]) != 1 {
		t.Fatalf("got %d snapshots; want one, for who has missed more than the window holds", len(h.sends[leader]))
	}
	for range 60 {
		h.cores[other].Tick()
		h.cores[behind].Tick()
		h.talk(other, behind)
	}
	h.everybodyTalks()
	h.elect()
	h.everybodyTalks()
	if len(h.sends[leader]) != 1 {
		t.Errorf("got %d snapshots of one leader at a time; want one", len(h.sends[leader]))
	}
	to := katakv.ReplicaID(h.sends[leader][0].Message.GetTo())
	h.cores[leader].SnapshotSent(1, to, false)
	h.everybodyTalks()
	if len(h.sends[leader]) != 2 {
		t.Errorf("got %d snapshots; want another once the first is known to have failed", len(h.sends[leader]))
	}
}

// talk lets some cores move until nothing among them does any more. What they send to others is lost.
func (h *harness) talk(among ...int) {
	h.t.Helper()
	for idle := false; !idle; {
		idle = true
		for _, i := range among {
			if h.cores[i].HasWork() {
				idle = false
				h.carryAmong(i, among, h.pass(i))
			}
		}
	}
}

// everybodyTalks lets time pass without faults.
func (h *harness) everybodyTalks() {
	h.t.Helper()
	for range 60 {
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
	}
}

// carryAmong carries effects, but frames only between some cores.
func (h *harness) carryAmong(i int, among []int, fx *core.Effects) {
	var kept []core.Frame
	for _, f := range fx.Frames {
		for _, j := range among {
			if h.m.Nodes[j].ID == f.To {
				kept = append(kept, f)
			}
		}
	}
	fx.Frames = kept
	h.carry(i, fx)
}

// A leader that falls silent is succeeded soon after an election timeout, whatever the random timeouts are.
func TestSilentLeadersAreSucceededSoon(t *testing.T) {
	const enough = 2 * core.DefaultElectionTicks
	for s := uint64(1); s <= 40; s++ {
		cryptotest.SetGlobalRandom(t, s)
		h := newHarnessAnyRandom(t, 3, 8)
		h.elect()
		dead := h.leader(1)
		others := []int{(dead + 1) % 3, (dead + 2) % 3}
		leaderless := -1
		for tick := 1; tick <= enough && leaderless != 0; tick++ {
			for _, i := range others {
				h.cores[i].Tick()
			}
			for range 20 {
				for _, i := range others {
					if h.cores[i].HasWork() {
						h.carryAmong(i, others, h.pass(i))
					}
				}
			}
			leaderless = len(h.m.Shards)
			for _, i := range others {
				leaderless -= h.cores[i].Leading()
			}
		}
		if leaderless != 0 {
			t.Errorf("seed %d: %d shards have no leader after %d ticks", s, leaderless, enough)
		}
	}
}

func TestMessagesOfStrangersAreDropped(t *testing.T) {
	h := newHarness(t, 3, 1)
	h.elect()
	leader := h.leader(1)
	h.cores[leader].Submit(h.request(1, command.KindIncrBy))
	fx := h.pass(leader)
	follower := (leader + 1) % 3
	stranger := h.m.Nodes[(leader+2)%3].ID
	for _, f := range fx.Frames {
		h.cores[f.To-1].Receive(stranger, f.Message)
	}
	if h.cores[follower].HasWork() {
		t.Error("a message was believed although it came from another node than its sender's")
	}
}

func TestEvacuateHandsEverythingOver(t *testing.T) {
	h := newHarness(t, 3, 6)
	h.elect()
	h.cores[0].Evacuate()
	for range 30 {
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
		if h.cores[0].Leading() == 0 {
			break
		}
	}
	if n := h.cores[0].Leading(); n != 0 {
		t.Errorf("it still leads %d shards", n)
	}
	if n := h.cores[1].Leading() + h.cores[2].Leading(); n != 7 {
		t.Errorf("the others lead %d shards; want 7", n)
	}
}

func TestCloseAnswersEverything(t *testing.T) {
	h := newHarness(t, 3, 1)
	h.elect()
	c := h.cores[h.leader(1)]
	c.Submit(h.request(1, command.KindIncrBy))
	h.pass(h.leader(1)) // proposed; nobody hears of it
	c.Submit(h.request(1, command.KindIncrBy))
	c.Submit(h.request(1, command.KindGet))
	codes := map[katakv.Code]int{}
	for _, d := range c.Close().Completions {
		codes[d.Err.Code]++
	}
	if codes[katakv.CodeUnknown] != 1 || codes[katakv.CodeNotLeader] != 2 {
		t.Errorf("got %v; want one unknown and two not applied", codes)
	}
}

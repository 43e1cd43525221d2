package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/slot"
	"github.com/katakv/katakv/internal/wire"
)

const timeout = 5 * time.Second

// harness is a router of node 1 in a cluster of three nodes with three shards; shard i is led by node i.
type harness struct {
	t      *testing.T
	router *router.Router
	now    time.Duration
	m      *placement.Map
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	nodes := make([]placement.Node, 3)
	for i := range nodes {
		a := fmt.Sprintf("10.0.0.%d:", i+1)
		nodes[i] = placement.Node{Weight: 1, Addresses: placement.Addresses{Peer: a + "1", Cluster: a + "2", Plain: a + "3", HTTP: a + "4"}}
	}
	m, err := placement.Bootstrap(1, nodes, 3, placement.Settings{Replicas: 3, MaxValueBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, router: router.New(timeout, 1), m: m}
	h.router.SetMap(1, m)
	h.lead(1, 1, 5)
	h.lead(2, 2, 5)
	h.lead(3, 3, 5)
	h.router.Effects()
	return h
}

// lead tells the router that a node leads a shard.
func (h *harness) lead(shard katakv.ShardID, node katakv.NodeID, term katakv.Term) {
	if node == 1 {
		h.router.Leadership([]replica.Leadership{{Shard: shard, Term: term, Self: true}})
		return
	}
	h.router.Gossip(node, []wire.Leading{{Shard: shard, Term: term}})
}

// key returns a key of the shard.
func (h *harness) key(shard katakv.ShardID, n int) []byte {
	for i := 0; ; i++ {
		k := []byte(fmt.Sprintf("k%d-%d", n, i))
		if h.m.Shard(shard).Slots.Contains(slot.Of(k)) {
			return k
		}
	}
}

func (h *harness) start(mode router.Mode, ops ...command.Operation) *router.Batch {
	b := &router.Batch{Mode: mode, Calls: make([]router.Call, len(ops))}
	for i := range ops {
		b.Calls[i].Operation = ops[i]
	}
	h.router.Start(h.now, b)
	return b
}

func set(key []byte) command.Operation {
	return command.Operation{Kind: command.KindSet, Keys: [][]byte{key}, Values: [][]byte{[]byte("v")}}
}

func get(key []byte) command.Operation {
	return command.Operation{Kind: command.KindGet, Keys: [][]byte{key}}
}

func (h *harness) tick(d time.Duration) {
	h.now += d
	h.router.Tick(h.now)
}

func wantError(t *testing.T, b *router.Batch, call int, code katakv.Code) {
	t.Helper()
	r := b.Calls[call].Reply
	if r.Kind != command.ReplyError || r.Err.Code != code {
		t.Fatalf("call %d: got %+v; want an error with code %v", call, r, code)
	}
}

func TestOperationsOfOneShardStayTogetherAndInOrder(t *testing.T) {
	h := newHarness(t)
	a, b := h.key(1, 0), h.key(1, 1)
	batch := h.start(router.Forward, set(a), set(h.key(2, 0)), get(a), set(b))
	fx := h.router.Effects()
	if len(fx.Submit) != 1 || len(fx.Frames) != 1 || len(fx.Done) != 0 {
		t.Fatalf("got %d submissions, %d frames, %d done", len(fx.Submit), len(fx.Frames), len(fx.Done))
	}
	ops := fx.Submit[0].Operations
	if len(ops) != 3 || ops[0].Kind != command.KindSet || ops[1].Kind != command.KindGet || string(ops[2].Keys[0]) != string(b) {
		t.Fatalf("the local group is %+v", ops)
	}
	f := fx.Frames[0].Message.(*wire.Forward)
	if fx.Frames[0].To != 2 || f.Shard != 2 || len(f.Operations) != 1 {
		t.Fatalf("the forward is %+v to %v", f, fx.Frames[0].To)
	}
	h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Index: 9, Replies: []command.Reply{
		command.OKReply(), command.BulkReply([]byte("v")), command.OKReply(),
	}}})
	if fx := h.router.Effects(); len(fx.Done) != 0 {
		t.Fatal("done before the forward was answered")
	}
	h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: f.ID, Index: 3, Replies: []command.Reply{command.OKReply()}})
	if fx := h.router.Effects(); len(fx.Done) != 1 || fx.Done[0] != batch {
		t.Fatal("not done after both answers")
	}
	if got := string(batch.Calls[2].Reply.Bulk); got != "v" {
		t.Errorf("the read answers %q", got)
	}
}

func TestRedirectNamesTheLeader(t *testing.T) {
	h := newHarness(t)
	key := h.key(2, 0)
	b := h.start(router.Redirect, set(key))
	wantError(t, b, 0, katakv.CodeMoved)
	err := b.Calls[0].Reply.Err
	if err.Leader != 2 || err.Slot != slot.Of(key) {
		t.Errorf("got leader %v, slot %d; want 2, %d", err.Leader, err.Slot, slot.Of(key))
	}
	if fx := h.router.Effects(); len(fx.Done) != 1 || len(fx.Frames) != 0 {
		t.Errorf("got %d done, %d frames", len(fx.Done), len(fx.Frames))
	}
}

func TestRefusedWritesAreRetriedElsewhere(t *testing.T) {
	h := newHarness(t)
	b := h.start(router.Forward, set(h.key(1, 0)))
	req := h.router.Effects().Submit[0]
	h.router.Completed(h.now, []replica.Completion{{Request: req, Err: katakv.Errorf(katakv.CodeNotLeader, "no")}})
	if fx := h.router.Effects(); len(fx.Done)+len(fx.Submit)+len(fx.Frames) != 0 {
		t.Fatalf("it did not wait: %+v", fx)
	}
	h.lead(1, 3, 6)
	fx := h.router.Effects()
	if len(fx.Frames) != 1 || fx.Frames[0].To != 3 {
		t.Fatalf("news of a leader brought %+v", fx.Frames)
	}
	id := fx.Frames[0].Message.(*wire.Forward).ID
	h.router.ForwardReply(h.now, 3, &wire.ForwardReply{ID: id, Replies: []command.Reply{command.OKReply()}})
	if fx := h.router.Effects(); len(fx.Done) != 1 || b.Calls[0].Reply.Kind != command.ReplyOK {
		t.Fatalf("got %+v", b.Calls[0].Reply)
	}
}

func TestWhatMayHaveHappenedIsUnknown(t *testing.T) {
	tests := []struct {
		name  string
		op    func([]byte) command.Operation
		shard katakv.ShardID
		lose  func(h *harness, fx router.Effects)
		want  katakv.Code
	}{
		{"a write on its way when the connection breaks", set, 2, func(h *harness, _ router.Effects) { h.router.PeerDown(2) }, katakv.CodeUnknown},
		{"a write that is never answered", set, 2, func(*harness, router.Effects) {}, katakv.CodeUnknown},
		{"a local write that is never answered", set, 1, func(*harness, router.Effects) {}, katakv.CodeUnknown},
		{"a read that is never answered", get, 2, func(*harness, router.Effects) {}, katakv.CodeClusterDown},
		{"a write that was never sent", set, 2, func(h *harness, fx router.Effects) {
			h.router.Gossip(3, []wire.Leading{{Shard: 2, Term: 5}}) // same term: ignored below
			for h.now < timeout {
				h.router.Unsent(fx.Frames[0])
				h.tick(60 * time.Millisecond)
				fx = h.router.Effects()
				if len(fx.Frames) == 0 {
					return
				}
			}
		}, katakv.CodeClusterDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t)
			b := h.start(router.Forward, tt.op(h.key(tt.shard, 0)))
			tt.lose(h, h.router.Effects())
			h.tick(timeout + time.Second)
			wantError(t, b, 0, tt.want)
			if fx := h.router.Effects(); len(fx.Done) > 1 {
				t.Errorf("answered %d times", len(fx.Done))
			}
		})
	}
}

func TestLateAnswersAreIgnored(t *testing.T) {
	h := newHarness(t)
	b := h.start(router.Forward, set(h.key(1, 0)), set(h.key(2, 0)))
	fx := h.router.Effects()
	h.tick(timeout + 1)
	h.router.Effects()
	h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Replies: []command.Reply{command.OKReply()}}})
	h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: fx.Frames[0].Message.(*wire.Forward).ID, Replies: []command.Reply{command.OKReply()}})
	if fx := h.router.Effects(); len(fx.Done) != 0 {
		t.Error("answered twice")
	}
	wantError(t, b, 0, katakv.CodeUnknown)
	wantError(t, b, 1, katakv.CodeUnknown)
}

// A refusal's hint of who leads carries no term and may be stale: it never takes the place of what a leader said, and
// above all never makes a node believe, and tell everybody for ever, that it leads itself.
func TestHintsFillGapsOnly(t *testing.T) {
	h := newHarness(t)
	refuse := func(hint katakv.NodeID) {
		t.Helper()
		h.start(router.Forward, set(h.key(2, 0)))
		frames := h.router.Effects().Frames
		if len(frames) != 1 || frames[0].To != 2 {
			t.Fatalf("got %+v; want one forward to node 2", frames)
		}
		err := katakv.Errorf(katakv.CodeNotLeader, "ask there")
		err.Leader = hint
		h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: frames[0].Message.(*wire.Forward).ID, Err: err})
	}
	for _, hint := range []katakv.NodeID{1, 3} {
		refuse(hint)
		if leading := h.router.Leading(); len(leading) != 1 || leading[0].Shard != 1 {
			t.Fatalf("after a hint of node %v it claims to lead %+v; want shard 1 alone", hint, leading)
		}
		h.router.Effects()
	}
}

func TestSplitOperationsAreJoined(t *testing.T) {
	h := newHarness(t)
	k1, k2, k1b := h.key(1, 0), h.key(2, 0), h.key(1, 1)
	mget := command.Operation{Kind: command.KindMGet, Keys: [][]byte{k1, k2, k1b}}
	del := command.Operation{Kind: command.KindDel, Keys: [][]byte{k1, k2}}
	b := h.start(router.Forward, mget, del)
	fx := h.router.Effects()
	bulk := func(s string) command.Reply { return command.BulkReply([]byte(s)) }
	h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Replies: []command.Reply{
		{Kind: command.ReplyArray, Array: []command.Reply{bulk("a"), bulk("c")}}, command.IntReply(1),
	}}})
	h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: fx.Frames[0].Message.(*wire.Forward).ID, Replies: []command.Reply{
		{Kind: command.ReplyArray, Array: []command.Reply{bulk("b")}}, command.IntReply(1),
	}})
	if len(h.router.Effects().Done) != 1 {
		t.Fatal("not done")
	}
	got := ""
	for _, r := range b.Calls[0].Reply.Array {
		got += string(r.Bulk)
	}
	if got != "abc" || b.Calls[1].Reply.Int != 2 {
		t.Errorf("got %q and %d; want \"abc\" and 2", got, b.Calls[1].Reply.Int)
	}
}

// A write that one shard applied and another refused must not be called "not applied".
func TestHalfAppliedIsUnknown(t *testing.T) {
	h := newHarness(t)
	k1, k2 := h.key(1, 0), h.key(2, 0)
	b := h.start(router.Forward, command.Operation{Kind: command.KindMSet, Keys: [][]byte{k1, k2}, Values: [][]byte{k1, k2}})
	fx := h.router.Effects()
	h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Replies: []command.Reply{command.OKReply()}}})
	h.router.ForwardReply(h.now, 2, &wire.ForwardReply{
		ID: fx.Frames[0].Message.(*wire.Forward).ID, Err: katakv.Errorf(katakv.CodeReadOnly, "the disk is full"),
	})
	wantError(t, b, 0, katakv.CodeUnknown)
}

func TestForwardsAreNotForwardedAgain(t *testing.T) {
	h := newHarness(t)
	h.router.Forward(h.now, 3, &wire.Forward{ID: 77, Shard: 2, Operations: []command.Operation{set(h.key(2, 0))}})
	fx := h.router.Effects()
	if len(fx.Frames) != 1 || fx.Frames[0].To != 3 {
		t.Fatalf("got %+v", fx.Frames)
	}
	reply := fx.Frames[0].Message.(*wire.ForwardReply)
	if reply.ID != 77 || reply.Err == nil || reply.Err.Code != katakv.CodeNotLeader || reply.Err.Leader != 2 {
		t.Errorf("got %+v, %v", reply, reply.Err)
	}
}

func TestNoMapMeansLoading(t *testing.T) {
	r := router.New(timeout, 1)
	b := &router.Batch{Calls: []router.Call{{Operation: get([]byte("a"))}}}
	r.Start(0, b)
	if fx := r.Effects(); len(fx.Done) != 1 {
		t.Fatal("not answered")
	}
	wantError(t, b, 0, katakv.CodeLoading)
}

func TestAnsweredGroupsAreLetGo(t *testing.T) {
	h := newHarness(t)
	h.start(router.Forward, set(h.key(2, 0))) // never answered: everything later stands behind it
	h.router.Effects()
	key := h.key(1, 0)
	for range 10_000 {
		h.start(router.Forward, set(key))
		fx := h.router.Effects()
		h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Replies: []command.Reply{command.OKReply()}}})
		h.router.Effects()
	}
	if n := h.router.Held(); n > 2_048 {
		t.Errorf("%d groups are held for one unanswered", n)
	}
}

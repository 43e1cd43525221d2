package router_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/wire"
)

// seen is a session.
type seen map[katakv.ShardID]katakv.Index

func (s seen) Seen(shard katakv.ShardID) (katakv.Index, bool) {
	index, known := s[shard]
	return index, known
}

func (s seen) See(a katakv.Served) { s[a.Shard] = max(s[a.Shard], a.Index) }

var (
	atSession  = katakv.Consistency{Level: katakv.LevelSession}
	atEventual = katakv.Consistency{Level: katakv.LevelEventual}
	anyStrong  = katakv.Consistency{Level: katakv.LevelStrong, Replica: true}
)

// read starts a batch at a level.
func (h *harness) read(mode router.Mode, read katakv.Consistency, session router.Session, ops ...command.Operation) *router.Batch {
	b := &router.Batch{Mode: mode, Read: read, Session: session, Calls: make([]router.Call, len(ops))}
	for i := range ops {
		b.Calls[i].Operation = ops[i]
	}
	h.router.Start(h.now, b)
	return b
}

func TestReadsStayHere(t *testing.T) {
	for _, read := range []katakv.Consistency{atSession, atEventual, anyStrong} {
		h := newHarness(t)
		b := h.read(router.Forward, read, seen{2: 17}, get(h.key(2, 0)))
		fx := h.router.Effects()
		if len(fx.Submit) != 1 || len(fx.Frames) != 0 {
			t.Fatalf("%v: got %+v; want the replica of this node asked", read, fx)
		}
		if req := fx.Submit[0]; req.Read != read || (read == atSession) != (req.Index == 17) {
			t.Errorf("%v: asked at %v, index %d", read, req.Read, req.Index)
		}
		h.router.Completed(h.now, []replica.Completion{{
			Request: fx.Submit[0], Index: 19, Level: read.Level, Age: time.Second, Replies: []command.Reply{command.IntReply(1)},
		}})
		want := katakv.Served{Shard: 2, Index: 19, Node: 1, Level: read.Level, Age: time.Second}
		if got := b.Calls[0].Served; got != want {
			t.Errorf("%v: served %+v; want %+v", read, got, want)
		}
		if b.Session.(seen)[2] != 19 {
			t.Errorf("%v: the session has seen %v", read, b.Session)
		}
	}
}

func TestWhatAReplicaCannotAnswerGoesToTheLeader(t *testing.T) {
	for shard := katakv.ShardID(1); shard <= 2; shard++ { // this node leads the first, and follows the second
		h := newHarness(t)
		h.read(router.Forward, atSession, seen{shard: 17}, get(h.key(shard, 0)))
		h.router.Completed(h.now, []replica.Completion{{
			Request: h.router.Effects().Submit[0], Err: katakv.Errorf(katakv.CodeNotLeader, "behind"),
		}})
		fx := h.router.Effects()
		var asked katakv.Consistency
		switch {
		case shard == 1 && len(fx.Submit) == 1:
			asked = fx.Submit[0].Read
		case shard == 2 && len(fx.Frames) == 1 && fx.Frames[0].To == 2:
			asked = fx.Frames[0].Message.(*wire.Forward).Read
		default:
			t.Fatalf("%v: got %+v; want the leader asked at once", shard, fx)
		}
		if asked != (katakv.Consistency{}) {
			t.Errorf("%v: the leader is asked at %v", shard, asked)
		}
	}
}

// What a session has forgotten to have seen may be anything.
func TestForgottenShardsAreReadStrongly(t *testing.T) {
	h := newHarness(t)
	h.read(router.Forward, atSession, seen{}, get(h.key(2, 0)))
	if fx := h.router.Effects(); len(fx.Submit) != 1 || fx.Submit[0].Read != anyStrong {
		t.Errorf("got %+v; want the replica asked at %v", fx, anyStrong)
	}
}

func TestLevelsLeaveWritesAndTheClusterPortAlone(t *testing.T) {
	h := newHarness(t)
	key := h.key(2, 0)
	h.read(router.Forward, atEventual, seen{}, set(key), get(key))
	fx := h.router.Effects()
	if len(fx.Submit) != 0 || len(fx.Frames) != 1 || fx.Frames[0].Message.(*wire.Forward).Read != (katakv.Consistency{}) {
		t.Errorf("writes: got %+v; want both at the leader", fx)
	}
	b := h.read(router.Redirect, atEventual, seen{}, get(key))
	wantError(t, b, 0, katakv.CodeMoved)
	h.router.Effects()
	h.read(router.Redirect, atEventual, seen{}, get(h.key(1, 0)))
	if fx := h.router.Effects(); len(fx.Submit) != 1 || fx.Submit[0].Read != atEventual {
		t.Errorf("what is led here: got %+v", fx)
	}
}

func TestForwardedReadsAreAnsweredByFollowers(t *testing.T) {
	h := newHarness(t)
	h.router.Forward(h.now, 3, &wire.Forward{ID: 7, Shard: 2, Read: atSession, Index: 5, Operations: []command.Operation{get(h.key(2, 0))}})
	fx := h.router.Effects()
	if len(fx.Submit) != 1 || fx.Submit[0].Read != atSession || fx.Submit[0].Index != 5 {
		t.Fatalf("got %+v; want the replica of this node asked", fx)
	}
	h.router.Completed(h.now, []replica.Completion{{
		Request: fx.Submit[0], Index: 6, Level: katakv.LevelSession, Age: 3, Replies: []command.Reply{command.IntReply(1)},
	}})
	reply := h.router.Effects().Frames[0].Message.(*wire.ForwardReply)
	if reply.Index != 6 || reply.Level != katakv.LevelSession || reply.Age != 3 {
		t.Errorf("got %+v", reply)
	}
}

func TestSplitOperationsTellOfEachShard(t *testing.T) {
	h := newHarness(t)
	session := seen{}
	b := h.read(router.Forward, katakv.Consistency{}, session,
		command.Operation{Kind: command.KindExists, Keys: [][]byte{h.key(1, 0), h.key(2, 0)}})
	fx := h.router.Effects()
	one := []command.Reply{command.IntReply(1)}
	h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Index: 4, Replies: one}})
	h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: fx.Frames[0].Message.(*wire.Forward).ID, Index: 9, Replies: one})
	parts := b.Calls[0].Parts
	if len(parts) != 2 || parts[0] != (katakv.Served{Shard: 1, Index: 4, Node: 1}) || parts[1] != (katakv.Served{Shard: 2, Index: 9, Node: 2}) {
		t.Errorf("got %+v", parts)
	}
	if session[1] != 4 || session[2] != 9 {
		t.Errorf("the session has seen %v", session)
	}
}

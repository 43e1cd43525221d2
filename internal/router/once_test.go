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

func once(op command.Operation) command.Operation {
	op.Once = &command.Once{ID: []byte("id")}
	return op
}

var (
	unknown   = katakv.Errorf(katakv.CodeUnknown, "who knows")
	notLeader = katakv.Errorf(katakv.CodeNotLeader, "ask elsewhere")
	tryAgain  = katakv.Errorf(katakv.CodeTryAgain, "full")
)

// forwarded returns the only frame there is.
func (h *harness) forwarded() *wire.Forward {
	h.t.Helper()
	fx := h.router.Effects()
	if len(fx.Frames) != 1 {
		h.t.Fatalf("got %d frames, %d done", len(fx.Frames), len(fx.Done))
	}
	return fx.Frames[0].Message.(*wire.Forward)
}

// A request whose outcome is unknown is sent again until it is answered, with the same id and retention.
func TestRequestsAreRepeated(t *testing.T) {
	h := newHarness(t)
	b := h.start(router.Forward, once(set(h.key(2, 0))), once(set(h.key(2, 1))))
	first := h.forwarded()
	if got := first.Operations[0].Once.Retention; got != katakv.DefaultRequestRetention {
		t.Errorf("remembered for %v", got)
	}
	h.router.PeerDown(2)
	h.lead(2, 3, 6)
	second := h.forwarded()
	if second.ID == first.ID || len(second.Operations) != 2 {
		t.Fatalf("sent again: %+v", second)
	}
	h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: first.ID, Err: notLeader})
	if fx := h.router.Effects(); len(fx.Done) != 0 {
		t.Fatal("the late answer of the first attempt counts")
	}
	h.router.ForwardReply(h.now, 3, &wire.ForwardReply{ID: second.ID, Index: 3, Replies: []command.Reply{command.OKReply(), command.OKReply()}})
	if fx := h.router.Effects(); len(fx.Done) != 1 || b.Calls[0].Reply.Kind != command.ReplyOK {
		t.Fatalf("got %d done, %+v", len(fx.Done), b.Calls[0].Reply)
	}
}

// What was once sent with an unknown outcome is never said to have failed.
func TestRepeatedRequestsStayUnknown(t *testing.T) {
	for name, end := range map[string]func(h *harness, again *wire.Forward){
		"no leader until the deadline": func(h *harness, again *wire.Forward) {
			h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: again.ID, Err: notLeader})
			h.tick(timeout)
		},
		"refused whole": func(h *harness, again *wire.Forward) {
			h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: again.ID, Err: katakv.Errorf(katakv.CodeClusterDown, "down")})
		},
		"refused by the shard": func(h *harness, again *wire.Forward) {
			h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: again.ID, Replies: []command.Reply{command.ErrorReply(tryAgain)}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			b := h.start(router.Forward, once(set(h.key(2, 0))))
			h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: h.forwarded().ID, Err: unknown})
			h.tick(time.Second)
			end(h, h.forwarded())
			wantError(t, b, 0, katakv.CodeUnknown)
		})
	}
}

// A read beside a request, a peer's forward and the cluster port leave the repeating to the client.
func TestWhatIsNotRepeated(t *testing.T) {
	h := newHarness(t)
	mixed := h.start(router.Forward, once(set(h.key(1, 0))), get(h.key(1, 0)))
	redirect := h.start(router.Redirect, once(set(h.key(1, 0))))
	fx := h.router.Effects()
	for _, r := range fx.Submit {
		h.router.Completed(h.now, []replica.Completion{{Request: r, Err: unknown}})
	}
	wantError(t, mixed, 0, katakv.CodeUnknown)
	wantError(t, redirect, 0, katakv.CodeUnknown)

	h.router.Effects()
	h.router.Forward(h.now, 2, &wire.Forward{ID: 7, Shard: 1, Operations: []command.Operation{once(set(h.key(1, 0)))}})
	fx = h.router.Effects()
	h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Err: unknown}})
	fx = h.router.Effects()
	if reply := fx.Frames[0].Message.(*wire.ForwardReply); reply.Err == nil || reply.Err.Code != katakv.CodeUnknown {
		t.Errorf("a peer's forward is answered %+v", reply)
	}
}

// A request on several slots is divided by slot, also within a shard, and its parts travel together.
func TestRequestsAreDividedBySlot(t *testing.T) {
	h := newHarness(t)
	a, b, c := h.key(1, 0), h.key(1, 1), h.key(2, 0)
	tagged := append([]byte("{"), append(append([]byte{}, a...), "}x"...)...)
	call := h.start(router.Forward, once(command.Operation{Kind: command.KindDel, Keys: [][]byte{a, b, c, tagged}}))
	fx := h.router.Effects()
	if len(fx.Submit) != 1 || len(fx.Submit[0].Operations) != 2 || len(fx.Frames) != 1 {
		t.Fatalf("got %+v, %d frames", fx.Submit, len(fx.Frames))
	}
	ops := fx.Submit[0].Operations
	if string(ops[0].Keys[0]) != string(a) || string(ops[0].Keys[1]) != string(tagged) || string(ops[1].Keys[0]) != string(b) {
		t.Errorf("divided into %q and %q", ops[0].Keys, ops[1].Keys)
	}
	for i := range ops {
		if ops[i].Once == nil || string(ops[i].Once.ID) != "id" || ops[i].Check() != nil {
			t.Errorf("part %d: %+v", i, ops[i])
		}
	}
	h.router.Completed(h.now, []replica.Completion{{Request: fx.Submit[0], Replies: []command.Reply{command.IntReply(2), command.IntReply(0)}}})
	h.router.ForwardReply(h.now, 2, &wire.ForwardReply{ID: fx.Frames[0].Message.(*wire.Forward).ID, Replies: []command.Reply{command.IntReply(1)}})
	if got := call.Calls[0].Reply; got.Int != 3 {
		t.Errorf("got %+v, want 3", got)
	}
}

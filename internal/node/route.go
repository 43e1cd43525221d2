package node

import (
	"context"
	"sync"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
)

// waiter is one Execute call that waits for its batch.
type waiter struct {
	batch router.Batch
	done  chan struct{} // receives one token
}

var waiters = sync.Pool{New: func() any { return &waiter{done: make(chan struct{}, 1)} }}

// Execute runs calls and fills their replies; it returns when every call has one. Each answer arrives within
// the request timeout, whatever happens to the cluster; ctx only cuts the wait for room. Operations must stay
// unchanged until long after: an operation whose answer was "unknown" may still be in a queue.
func (n *Node) Execute(ctx context.Context, mode router.Mode, calls []router.Call) {
	n.execute(ctx, router.Batch{Mode: mode, Calls: calls})
}

// Run is Execute of a batch that says more: at which level its reads are answered, and for which session. The session
// is used until Run returns.
func (n *Node) Run(ctx context.Context, batch router.Batch) { n.execute(ctx, batch) }

func (n *Node) execute(ctx context.Context, batch router.Batch) {
	beginJourney(&batch)
	size := int64(0)
	for i := range batch.Calls {
		size += int64(batch.Calls[i].Operation.Bytes())
	}
	size = min(size, int64(n.cfg.InflightBytes))
	if err := n.inflight.Acquire(ctx, size); err != nil {
		refuse(batch.Calls, katakv.Errorf(katakv.CodeTryAgain, "the node is overloaded: try again later"))
		return
	}
	defer n.inflight.Release(size)

	w := waiters.Get().(*waiter)
	w.batch = batch
	w.batch.Caller = w
	n.withRouter(func(r *router.Router) { r.Start(clock.Monotonic(), &w.batch) })
	<-w.done
	w.batch = router.Batch{}
	waiters.Put(w)
}

func refuse(calls []router.Call, err *katakv.Error) {
	for i := range calls {
		calls[i].Reply = command.ErrorReply(err)
	}
}

// withRouter runs f on the router and carries out what came of it.
func (n *Node) withRouter(f func(*router.Router)) {
	n.routerMu.Lock()
	f(n.router)
	fx := n.router.Effects()
	n.routerMu.Unlock()
	n.carry(&fx)
}

// carry carries out the router's effects. Nothing in it blocks.
func (n *Node) carry(fx *router.Effects) {
	if fx.Topology != nil {
		n.publish(fx.Topology)
	}
	if len(fx.Submit) > 0 {
		n.submit(fx.Submit)
	}
	var unsent []router.Frame
	for _, f := range fx.Frames {
		if !n.transport.Send(f.To, f.Message) {
			unsent = append(unsent, f)
		}
	}
	for _, b := range fx.Done {
		b.Caller.(*waiter).done <- struct{}{}
	}
	if len(unsent) > 0 {
		n.withRouter(func(r *router.Router) {
			for _, f := range unsent {
				r.Unsent(f)
			}
		})
	}
}

// publish makes a topology visible unless a newer one already is: effects of different callers can overtake
// each other.
func (n *Node) publish(t *router.Topology) {
	for {
		have := n.topology.Load()
		if have != nil && have.Version >= t.Version {
			return
		}
		if n.topology.CompareAndSwap(have, t) {
			return
		}
	}
}

// Topology returns this node's view of the cluster. Its Map is nil while the node waits for a cluster.
func (n *Node) Topology() *router.Topology { return n.topology.Load() }

// submit hands requests to the cores that own their shards, in order.
func (n *Node) submit(requests []*replica.Request) {
	requests = n.admit(requests)
	beginLegs(requests)
	if len(requests) == 0 {
		return
	}
	loops := n.machinery.Load().loops
	if len(loops) == 1 {
		if !loops[0].inbox.putRequests(requests) {
			n.rejectStopped(requests)
		}
		return
	}
	for _, r := range requests {
		if !loops[coreOf(r.Shard, len(loops))].inbox.put(event{request: r}) {
			n.rejectStopped([]*replica.Request{r})
		}
	}
}

// rejectStopped answers requests that came after their core stopped: it never saw them.
func (n *Node) rejectStopped(requests []*replica.Request) {
	completions := make([]replica.Completion, len(requests))
	for i, r := range requests {
		completions[i] = replica.Completion{
			Request: r, Err: katakv.Errorf(katakv.CodeNotLeader, "this node is stopping: ask another"),
		}
	}
	n.coreAnswered(nil, completions)
}

// coreAnswered tells the router what a pass brought.
func (n *Node) coreAnswered(leaderships []replica.Leadership, completions []replica.Completion) {
	if len(leaderships) == 0 && len(completions) == 0 {
		return
	}
	if len(leaderships) > 0 {
		n.gossipSoon.Store(true)
	}
	n.withRouter(func(r *router.Router) {
		if len(leaderships) > 0 {
			r.Leadership(leaderships)
		}
		r.Completed(clock.Monotonic(), completions)
	})
}

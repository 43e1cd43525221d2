package sim

import (
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
)

// pipeline is what a client has in flight. What has a request id and an unknown outcome is sent again, through any node,
// until it has an answer, as a client does that wants to know. All attempts are one operation of the history, from the
// first call to the answer.
type pipeline struct {
	ops []check.Operation
	// ids are the request ids of the operations, "" for those without one.
	ids []string
	// doubtful is set when the operations were sent before: no refusal means any more that they had no effect.
	doubtful bool
}

// calls returns what is sent to a node.
func (p *pipeline) calls() []router.Call {
	calls := make([]router.Call, len(p.ops))
	for i := range p.ops {
		op := toCommand(&p.ops[i])
		if p.ids[i] != "" {
			op.Once = &command.Once{ID: []byte(p.ids[i])}
		}
		calls[i].Operation = op
	}
	return calls
}

// giveIDs gives every write of a client that retries an id of its own, but for those that could answer more than is
// remembered.
func (cl *client) giveIDs(p *pipeline) {
	p.ids = make([]string, len(p.ops))
	for i := range p.ops {
		large := p.ops[i].Options&check.WithGet != 0 && cl.gen.load.LargeBytes >= katakv.MaxRememberedReplyBytes
		if cl.once && p.ops[i].Kind.Writes() && !large {
			cl.requests++
			p.ids[i] = fmt.Sprintf("client %d, request %d", cl.number, cl.requests)
		}
	}
}

// takeRetries takes the operations out of p that are to be sent again; nil when there are none. A request is sent for so
// long only that no attempt can come after the shard has forgotten it.
func (cl *client) takeRetries(p *pipeline) *pipeline {
	cs := cl.clients
	now := cs.cluster.queue.now
	again := &pipeline{doubtful: true}
	left, ids := p.ops[:0:0], p.ids[:0:0]
	for i := range p.ops {
		op := p.ops[i]
		if p.doubtful && op.Outcome == katakv.OutcomeNotApplied {
			op.Outcome, op.Return = katakv.OutcomeUnknown, check.Never
		}
		if p.ids[i] != "" && op.Outcome == katakv.OutcomeUnknown && !cs.stopped && now-op.Call < cs.load.RetryFor {
			again.ops, again.ids = append(again.ops, op), append(again.ids, p.ids[i])
			continue
		}
		left, ids = append(left, op), append(ids, p.ids[i])
	}
	p.ops, p.ids = left, ids
	if len(again.ops) == 0 {
		return nil
	}
	return again
}

// retryPause is the longest pause before a request is sent again.
const retryPause = 300 * time.Millisecond

// retryLater sends what is doubtful again, through any node that takes it.
func (cl *client) retryLater(p *pipeline) {
	c := cl.clients.cluster
	cl.busy = true
	c.after(between(cl.rng, time.Millisecond, retryPause), kindClient, uint64(cl.number), func() {
		n := c.nodes[cl.rng.IntN(len(c.nodes))]
		late := cl.clients.stopped || c.queue.now-p.ops[0].Call >= cl.clients.load.RetryFor
		if !late && n.up && !n.stopping {
			cl.clients.Retries++
			cl.send(n, p)
			return
		}
		cl.end(p, func(i int) {
			p.ops[i].Outcome, p.ops[i].Return = katakv.OutcomeUnknown, check.Never
		})
	})
}

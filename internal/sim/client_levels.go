package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/session"
)

// drawLevel decides how a client reads. Whoever has a session keeps it for the whole run, whatever becomes of the nodes
// that serve it.
func (cl *client) drawLevel() {
	rng := newRand(cl.clients.cluster.opts.Seed, fmt.Sprintf("level of client %d", cl.number))
	if !chance(rng, cl.clients.load.Levels) {
		return
	}
	cl.read = drawConsistency(rng)
	if cl.gen.readOnly && chance(rng, 0.5) { // who stays with a follower may meet the one that it believes to lead
		cl.read = katakv.Consistency{Level: katakv.LevelStrong, Replica: true}
	}
}

func drawConsistency(rng *rand.Rand) katakv.Consistency {
	c := katakv.Consistency{Level: pick(rng,
		katakv.LevelStrong, katakv.LevelSession, katakv.LevelSession, katakv.LevelBounded, katakv.LevelEventual)}
	switch c.Level {
	case katakv.LevelStrong:
		c.Replica = true
	case katakv.LevelBounded:
		c.Bound = between(rng, 5*time.Millisecond, pick(rng, 100*time.Millisecond, 3*time.Second))
	}
	return c
}

// label records at which level an operation is sent, and in which session.
func (cl *client) label(op *check.Operation) {
	op.Asked = cl.read
	if cl.read.Level == katakv.LevelSession {
		op.Session = 1 + cl.number
	}
}

// submit hands operations of the client to a node, with its token, as to a connection that has never heard of it.
func (cl *client) submit(n *Node, p *pipeline, done func([]router.Call, string)) {
	cluster := n.known.Cluster
	seen := &session.Session{}
	if cl.token != "" {
		parsed, err := session.Parse([]byte(cl.token), cluster)
		if err != nil {
			cl.clients.cluster.fail(fmt.Errorf("%v refuses the token of client %d: %w", n.id, cl.number, err))
			return
		}
		seen.Merge(parsed)
	}
	b := &router.Batch{Calls: p.calls()}
	b.Read, b.Session = cl.read, seen
	n.submit(cl.number, b, func(calls []router.Call) { done(calls, seen.Token(cluster)) })
}

// batchOf returns a batch of operations.
func batchOf(ops []check.Operation) *router.Batch {
	b := &router.Batch{Calls: make([]router.Call, len(ops))}
	for i := range ops {
		b.Calls[i].Operation = toCommand(&ops[i])
	}
	return b
}

// submit hands the batch of a client to the node.
func (n *Node) submit(number int, b *router.Batch, done func([]router.Call)) {
	n.admit(sourceOfClient(number), func() { n.Execute(b, func() { done(b.Calls) }) })
}

// ReadEverywhere reads every key that was ever used at LevelEventual, through each node that is as far as the others.
func (cs *Clients) ReadEverywhere(patience time.Duration) (check.History, error) {
	var all check.History
	left := 0
	for _, n := range cs.cluster.nodes {
		if n.reachable() {
			left++
			cs.readThrough(n, func(ops check.History) {
				left--
				all = append(all, ops...)
			})
		}
	}
	if err := cs.cluster.RunUntil(patience, func() bool { return left == 0 }); err != nil {
		return nil, err
	}
	if left > 0 {
		return nil, fmt.Errorf("%d nodes do not answer reads at level %v within %v", left, katakv.LevelEventual, patience)
	}
	return all, nil
}

// readThrough reads every key through one node, again until all are answered.
func (cs *Clients) readThrough(n *Node, done func(check.History)) {
	c, read := cs.cluster, katakv.Consistency{Level: katakv.LevelEventual}
	ops := make([]check.Operation, len(cs.touched))
	for i, key := range cs.touched {
		ops[i] = check.Operation{Client: int(n.id), Kind: check.Get, Keys: []string{key}, Call: c.queue.now, Asked: read}
	}
	if len(ops) == 0 {
		done(nil)
		return
	}
	b := batchOf(ops)
	b.Read = read
	n.submit(len(cs.all)+int(n.id), b, func(calls []router.Call) {
		for i := range calls {
			if calls[i].Reply.Kind == command.ReplyError {
				c.after(readRetry, kindProbe, uint64(n.id), func() { cs.readThrough(n, done) })
				return
			}
			ops[i].Return, ops[i].Outcome, ops[i].Served = c.queue.now, katakv.OutcomeApplied, calls[i].Served
			ops[i].Reply = records{}.reply(&ops[i], &calls[i].Reply)
		}
		done(ops)
	})
}

package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
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
	if cl.traced {
		b.Journey = journey.New()
	}
	n.submit(cl.number, b, func(calls []router.Call) {
		cl.hear(b)
		done(calls, seen.Token(cluster))
	})
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

// readThrough reads every key through one node.
func (cs *Clients) readThrough(n *Node, done func(check.History)) {
	ops := make(check.History, len(cs.touched))
	for i, key := range cs.touched {
		ops[i] = check.Operation{
			Client: int(n.id), Kind: check.Get, Keys: []string{key}, Call: cs.cluster.queue.now,
			Asked: katakv.Consistency{Level: katakv.LevelEventual},
		}
	}
	cs.readRest(n, ops, nil, done)
}

// readRest reads what is left, and again what is refused: a link may lose the forward of any shard.
func (cs *Clients) readRest(n *Node, left, read check.History, done func(check.History)) {
	if len(left) == 0 {
		done(read)
		return
	}
	c := cs.cluster
	b := batchOf(left)
	b.Read = left[0].Asked
	n.submit(len(cs.all)+int(n.id), b, func(calls []router.Call) {
		var refused check.History
		for i := range calls {
			op := left[i]
			if calls[i].Reply.Kind == command.ReplyError {
				refused = append(refused, op)
				continue
			}
			op.Return, op.Outcome, op.Served = c.queue.now, katakv.OutcomeApplied, calls[i].Served
			op.Reply = records{}.reply(&op, &calls[i].Reply)
			read = append(read, op)
		}
		if len(refused) == 0 {
			done(read)
			return
		}
		c.after(readRetry, kindProbe, uint64(n.id), func() { cs.readRest(n, refused, read, done) })
	})
}

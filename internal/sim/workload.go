package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
)

// Counters is a workload that can tell lost and repeated writes apart: clients increment counters, one
// increment at a time, each at a node of its choice. After everything, a counter must hold at least what was
// acknowledged and at most that plus what had an unknown outcome. Each client also reads its counters, and
// must never see less than what had been acknowledged before the read began.
type Counters struct {
	cluster *Cluster
	clients []*counterClient

	Acknowledged, NotApplied, Unknown, Reads int
}

// counterClient owns one key; it has one request in flight at a time.
type counterClient struct {
	load     *Counters
	key      string
	attempt  int // answers to earlier ones come too late
	stopped  bool
	floor    int64 // acknowledged
	unknown  int64 // may have been applied or not
	verified bool
}

// clientPatience is how long a client waits before it believes that its node is gone.
const clientPatience = 4 * time.Second

// NewCounters starts clients, each with a key of its own.
func NewCounters(c *Cluster, clients int) *Counters {
	l := &Counters{cluster: c}
	for i := range clients {
		cl := &counterClient{load: l, key: fmt.Sprintf("counter:%d", i)}
		l.clients = append(l.clients, cl)
		cl.later()
	}
	return l
}

// Stop lets requests in flight end and starts no more.
func (l *Counters) Stop() {
	for _, cl := range l.clients {
		cl.stopped = true
	}
}

// Verify reads every counter through a live node and compares. It retries until each has an answer.
func (l *Counters) Verify(patience time.Duration) error {
	for _, cl := range l.clients {
		cl.verify()
	}
	all := func() bool {
		for _, cl := range l.clients {
			if !cl.verified {
				return false
			}
		}
		return true
	}
	if err := l.cluster.RunUntil(patience, all); err != nil {
		return err
	}
	if !all() {
		return fmt.Errorf("seed %d: some counters could not be read within %v after everything was healed",
			l.cluster.opts.Seed, patience)
	}
	return nil
}

func (cl *counterClient) later() {
	c := cl.load.cluster
	c.queue.after(c.between(time.Millisecond, 50*time.Millisecond), "client "+cl.key, cl.act)
}

func (cl *counterClient) act() {
	if cl.stopped {
		return
	}
	c := cl.load.cluster
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	if !n.up || n.paused {
		cl.later()
		return
	}
	op := command.Operation{Kind: command.KindIncrBy, Delta: 1, Keys: [][]byte{[]byte(cl.key)}}
	if c.chance(0.3) {
		op = command.Operation{Kind: command.KindGet, Keys: op.Keys}
	}
	cl.attempt++
	attempt := cl.attempt
	b := &router.Batch{Calls: []router.Call{{Operation: op}}}
	c.queue.after(clientPatience, "patience "+cl.key, func() { cl.giveUp(attempt, op.Kind) })
	n.Execute(b, func() { cl.answered(attempt, op.Kind, &b.Calls[0].Reply) })
}

// giveUp treats a request whose node never answered as unknown.
func (cl *counterClient) giveUp(attempt int, kind command.Kind) {
	if attempt != cl.attempt {
		return
	}
	cl.attempt++
	if kind.Writes() {
		cl.unknown++
		cl.load.Unknown++
	}
	cl.later()
}

func (cl *counterClient) answered(attempt int, kind command.Kind, reply *command.Reply) {
	if attempt != cl.attempt {
		return
	}
	cl.attempt++
	switch {
	case reply.Kind != command.ReplyError && kind.Writes():
		cl.load.Acknowledged++
		cl.floor++
		cl.check("increment", reply.Int)
		cl.note(reply.Int)
	case reply.Kind != command.ReplyError:
		cl.load.Reads++
		cl.checkRead(reply)
	case !kind.Writes():
	case reply.Err.Code.Outcome() == katakv.OutcomeUnknown:
		cl.load.Unknown++
		cl.unknown++
	default:
		cl.load.NotApplied++
	}
	cl.later()
}

// note raises the floor to a value that was seen: increments of unknown outcome that it contains did happen.
func (cl *counterClient) note(value int64) {
	if value > cl.floor {
		cl.unknown -= value - cl.floor
		cl.floor = value
	}
}

func (cl *counterClient) checkRead(reply *command.Reply) {
	value := int64(0)
	if reply.Kind == command.ReplyBulk {
		parsed, err := strconv.ParseInt(string(reply.Bulk), 10, 64)
		if err != nil {
			cl.load.cluster.fail(fmt.Errorf("%s reads %q: %w", cl.key, reply.Bulk, err))
			return
		}
		value = parsed
	}
	cl.check("read", value)
	cl.note(value)
}

// check compares a value with what can be: all that was acknowledged, some of what is unknown.
func (cl *counterClient) check(what string, value int64) {
	if value < cl.floor || value > cl.floor+cl.unknown {
		cl.load.cluster.fail(fmt.Errorf("%s of %s gives %d: acknowledged %d, unknown %d",
			what, cl.key, value, cl.floor, cl.unknown))
	}
}

// verify reads the counter until there is an answer.
func (cl *counterClient) verify() {
	c := cl.load.cluster
	for _, n := range c.nodes {
		if !n.up {
			continue
		}
		b := &router.Batch{Calls: []router.Call{{
			Operation: command.Operation{Kind: command.KindGet, Keys: [][]byte{[]byte(cl.key)}},
		}}}
		n.Execute(b, func() {
			if b.Calls[0].Reply.Kind == command.ReplyError {
				c.queue.after(100*time.Millisecond, "verify "+cl.key, cl.verify)
				return
			}
			cl.checkRead(&b.Calls[0].Reply)
			cl.verified = true
		})
		return
	}
}

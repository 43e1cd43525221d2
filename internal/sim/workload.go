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
	attempt  int  // answers to earlier ones come too late
	busy     bool // a request is in flight
	stopped  bool
	floor    int64 // acknowledged
	unknown  int64 // may have been applied or not
	verified bool
	history  []string // the last few things that happened, for the failure's message
}

// historyLength is how much a failure tells of what led to it.
const historyLength = 16

func (cl *counterClient) remember(format string, args ...any) {
	c := cl.load.cluster
	if len(cl.history) == historyLength {
		cl.history = append(cl.history[:0], cl.history[1:]...)
	}
	cl.history = append(cl.history, fmt.Sprintf("\n  %v %s", c.Now(), fmt.Sprintf(format, args...)))
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

// Verify reads every counter through a live node and compares, once the requests in flight have ended. It
// retries until each has an answer.
func (l *Counters) Verify(patience time.Duration) error {
	if err := l.await("requests in flight did not end", patience, func(cl *counterClient) bool { return !cl.busy }); err != nil {
		return err
	}
	for _, cl := range l.clients {
		cl.verify()
	}
	return l.await("some counters could not be read", patience, func(cl *counterClient) bool { return cl.verified })
}

// await lets time pass until every client is done.
func (l *Counters) await(what string, patience time.Duration, done func(*counterClient) bool) error {
	all := func() bool {
		for _, cl := range l.clients {
			if !done(cl) {
				return false
			}
		}
		return true
	}
	if err := l.cluster.RunUntil(patience, all); err != nil {
		return err
	}
	if !all() {
		return fmt.Errorf("seed %d: %s within %v; replicas stand at %v",
			l.cluster.opts.Seed, what, patience, l.cluster.positions())
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
	cl.busy = true
	cl.remember("asks %v, kind %d", n.id, op.Kind)
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
	cl.busy = false
	cl.remember("gives up")
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
	cl.busy = false
	cl.remember("is told %d %q %d %v (acknowledged %d, unknown %d)", reply.Kind, reply.Bulk, reply.Int, reply.Err, cl.floor, cl.unknown)
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
		cl.load.cluster.fail(fmt.Errorf("%s of %s gives %d: acknowledged %d, unknown %d%v",
			what, cl.key, value, cl.floor, cl.unknown, cl.history))
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

package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
)

// Clients are a workload at work, and the history of it.
type Clients struct {
	cluster *Cluster
	load    Workload
	all     []*client
	stopped bool

	// history holds finished commands, in the order in which they ended.
	history check.History
	// touched are all keys that were ever used, in order of first use.
	touched []string
	seen    map[string]bool
	unknown map[string]int // see generator

	// Acknowledged, NotApplied and Unknown count commands by their outcome.
	Acknowledged, NotApplied, Unknown int
	// Retries counts how often requests were sent again.
	Retries int
}

// client has one pipeline in flight at a time.
type client struct {
	clients *Clients
	number  int
	rng     *rand.Rand
	gen     generator
	attempt int // answers to earlier ones come too late
	busy    bool
	// home is the node that a loyal client stays with, whatever others do; nil: it takes any for each pipeline.
	home *Node
	// once makes it give its writes request ids, and send again what it does not know the outcome of.
	once     bool
	requests int
	// read is what the client's reads ask for, and token its session, which goes with it from node to node.
	read  katakv.Consistency
	token string
	// traced makes it ask for the journey of each pipeline.
	traced bool
}

const (
	// minPatience and maxPatience are how long a client waits before it believes that its node is gone.
	minPatience = 500 * time.Millisecond
	maxPatience = 5 * time.Second
	// readerPatience is how long a client that only reads waits at most: it costs nobody anything to ask for as long as
	// a node may be paused.
	readerPatience = 10 * time.Second
	// restTime is the longest pause of a client that does not know what became of its last command.
	restTime = 2 * time.Second
)

// NewClients starts the clients of a workload.
func NewClients(c *Cluster, load Workload) *Clients {
	cs := &Clients{cluster: c, load: load, seen: make(map[string]bool), unknown: make(map[string]int)}
	for i := range load.Clients {
		purpose := fmt.Sprintf("client %d", i)
		rng := newRand(c.opts.Seed, purpose)
		cl := &client{clients: cs, number: i, rng: rng}
		cl.gen = generator{load: load, rng: rng, prefix: fmt.Sprintf("v%d", i), unknown: cs.unknown, readOnly: i < load.Readers, records: records{}}
		if i < load.Readers || chance(rng, load.Loyal) {
			cl.home = c.nodes[rng.IntN(len(c.nodes))]
		}
		cl.once = chance(newRand(c.opts.Seed, purpose+" requests"), load.Once)
		cl.drawLevel()
		cl.traced = chance(newRand(c.opts.Seed, purpose+" journeys"), tracedShare)
		cs.all = append(cs.all, cl)
		cl.later()
	}
	return cs
}

// Stop lets commands in flight end and starts no more.
func (cs *Clients) Stop() { cs.stopped = true }

// Idle reports whether nothing is in flight.
func (cs *Clients) Idle() bool {
	for _, cl := range cs.all {
		if cl.busy {
			return false
		}
	}
	return true
}

func (cl *client) later() {
	c := cl.clients.cluster
	c.after(between(cl.rng, time.Millisecond, cl.clients.load.Think), kindClient, uint64(cl.number), cl.act)
}

// act sends a pipeline to some node.
func (cl *client) act() {
	cs, c := cl.clients, cl.clients.cluster
	if cs.stopped {
		return
	}
	n := cl.home
	if n == nil {
		n = c.nodes[cl.rng.IntN(len(c.nodes))]
	}
	if !n.up || n.stopping {
		cl.later() // the connection is refused
		return
	}
	p := &pipeline{ops: make([]check.Operation, 1+cl.rng.IntN(max(cs.load.Pipeline, 1)))}
	for i := range p.ops {
		p.ops[i] = cl.gen.next(c.queue.now)
		p.ops[i].Client, p.ops[i].Call = cl.number, c.queue.now
		cl.label(&p.ops[i])
		cs.touch(p.ops[i].Keys)
	}
	cl.giveIDs(p)
	cl.send(n, p)
}

// send offers a pipeline to a node, and gives up after a while.
func (cl *client) send(n *Node, p *pipeline) {
	c := cl.clients.cluster
	cl.attempt++
	attempt := cl.attempt
	cl.busy = true
	patience := maxPatience
	if cl.gen.readOnly {
		patience = readerPatience
	}
	c.after(between(cl.rng, minPatience, patience), kindClient, uint64(cl.number), func() { cl.giveUp(attempt, p) })
	cl.submit(n, p, func(calls []router.Call, token string) { cl.answered(attempt, p, calls, token) })
}

func (cs *Clients) touch(keys []string) {
	for _, k := range keys {
		if !cs.seen[k] {
			cs.seen[k] = true
			cs.touched = append(cs.touched, k)
		}
	}
}

// giveUp treats commands whose node never answered as unknown.
func (cl *client) giveUp(attempt int, p *pipeline) {
	if attempt != cl.attempt {
		return
	}
	cl.end(p, func(i int) {
		p.ops[i].Outcome, p.ops[i].Return = katakv.OutcomeUnknown, check.Never
	})
	if cl.home != nil && !cl.gen.readOnly {
		cl.home = cl.clients.cluster.nodes[cl.rng.IntN(len(cl.clients.cluster.nodes))]
	}
}

func (cl *client) answered(attempt int, p *pipeline, calls []router.Call, token string) {
	if attempt != cl.attempt {
		return
	}
	cl.token = token
	now := cl.clients.cluster.queue.now
	cl.end(p, func(i int) {
		op := &p.ops[i]
		op.Return, op.Outcome = now, katakv.OutcomeApplied
		reply := &calls[i].Reply
		if err := reply.Err; reply.Kind == command.ReplyError && !decided(err) {
			if op.Outcome = err.Code.Outcome(); op.Outcome == katakv.OutcomeUnknown {
				op.Return = check.Never
			}
			return
		}
		op.Reply, op.Served = cl.gen.records.reply(op, reply), calls[i].Served
		if p.ids[i] != "" {
			op.Served = katakv.Served{} // it may be the index of an attempt that found what an earlier one had done
		}
	})
}

// decided reports whether an error was met while the operation was executed in the order of all others.
func decided(err *katakv.Error) bool {
	return err.Code == katakv.CodeInvalid || err.Code == katakv.CodeWrongType || err.Code == katakv.CodeTooLarge
}

// end records what came of a pipeline, and goes on with the next one, or with what of this one is to be sent again.
func (cl *client) end(p *pipeline, settle func(i int)) {
	cs := cl.clients
	cl.attempt++
	cl.busy = false
	for i := range p.ops {
		settle(i)
	}
	if again := cl.takeRetries(p); again != nil {
		cl.retryLater(again)
	}
	ops := p.ops
	for i := range ops {
		if !ops[i].Kind.Writes() && ops[i].Outcome != katakv.OutcomeApplied {
			// A read that failed says nothing.
			ops[i].Outcome, ops[i].Return = katakv.OutcomeNotApplied, cs.cluster.queue.now
		}
		cs.count(&ops[i])
	}
	cs.history = append(cs.history, ops...)
	if cl.busy {
		return // with what is sent again
	}
	if ops[len(ops)-1].Outcome == katakv.OutcomeUnknown {
		c := cs.cluster
		c.after(between(cl.rng, 0, restTime), kindClient, uint64(cl.number), cl.act)
		return
	}
	cl.later()
}

func (cs *Clients) count(op *check.Operation) {
	switch op.Outcome {
	case katakv.OutcomeApplied:
		cs.Acknowledged++
	case katakv.OutcomeUnknown:
		cs.Unknown++
		cs.unknown[nameOf(op.Keys[0])]++
	default:
		cs.NotApplied++
	}
	if cs.cluster.trace.telling() {
		cs.cluster.tell("%v", op)
	}
}

var toKind = map[check.Kind]command.Kind{
	check.Get: command.KindGet, check.MGet: command.KindMGet, check.Exists: command.KindExists,
	check.Strlen: command.KindStrlen, check.Set: command.KindSet, check.SetNX: command.KindSetNX,
	check.MSet: command.KindMSet, check.Del: command.KindDel, check.IncrBy: command.KindIncrBy,
	check.Append: command.KindAppend,
}

var toFlags = []struct {
	option check.SetOptions
	flag   command.Flags
}{
	{check.IfAbsent, command.FlagNX}, {check.IfPresent, command.FlagXX}, {check.WithGet, command.FlagGet},
}

// toCommand turns a recorded operation into one for the cluster.
func toCommand(op *check.Operation) command.Operation {
	out := command.Operation{Kind: toKind[op.Kind], Delta: op.Delta}
	for _, f := range toFlags {
		if op.Options&f.option != 0 {
			out.Flags |= f.flag
		}
	}
	for _, k := range op.Keys {
		out.Keys = append(out.Keys, []byte(k))
	}
	for _, v := range op.Values {
		out.Values = append(out.Values, []byte(v))
	}
	withRevision(op, &out)
	return out
}

// toReply turns an answer of the cluster into a recorded one.
func toReply(r *command.Reply) check.Reply {
	switch r.Kind {
	case command.ReplyOK:
		return check.Reply{Kind: check.OK}
	case command.ReplyInt:
		return check.Reply{Kind: check.Int, Int: r.Int}
	case command.ReplyBulk:
		return check.Reply{Kind: check.Bulk, Bulk: string(r.Bulk)}
	case command.ReplyArray:
		out := check.Reply{Kind: check.Array}
		for i := range r.Array {
			out.Array = append(out.Array, toReply(&r.Array[i]))
		}
		return out
	case command.ReplyError:
		return check.Reply{Kind: check.ReplyError, Error: r.Err.Message}
	default:
		return check.Reply{Kind: check.Nil}
	}
}

// ReadAll reads every key that was ever used, each through some node that runs, until every read has an answer. It
// is the last part of the history, and says what the keys hold in the end.
func (cs *Clients) ReadAll(patience time.Duration) (map[string]string, error) {
	final := make(map[string]string)
	left := len(cs.touched)
	rng := newRand(cs.cluster.opts.Seed, "final reads")
	for i, key := range cs.touched {
		cs.readOne(rng, len(cs.all)+i, key, func(value string, found bool) {
			left--
			if found {
				final[key] = value
			}
		})
	}
	if err := cs.cluster.RunUntil(patience, func() bool { return left == 0 }); err != nil {
		return nil, err
	}
	if left > 0 {
		return nil, fmt.Errorf("%d keys could not be read within %v", left, patience)
	}
	return final, nil
}

// readRetry is how long a read that was refused waits before it is sent again.
const readRetry = 100 * time.Millisecond

func (cs *Clients) readOne(rng *rand.Rand, number int, key string, done func(value string, found bool)) {
	c := cs.cluster
	again := func() {
		c.after(readRetry, kindProbe, uint64(number), func() { cs.readOne(rng, number, key, done) })
	}
	n := c.anyNode(rng)
	if n == nil {
		again()
		return
	}
	op := check.Operation{Client: number, Kind: check.Get, Keys: []string{key}, Call: c.queue.now}
	p := &pipeline{ops: []check.Operation{op}, ids: make([]string, 1)}
	n.submit(number, &router.Batch{Calls: p.calls()}, func(calls []router.Call) {
		reply := &calls[0].Reply
		if reply.Kind == command.ReplyError {
			again()
			return
		}
		op.Return, op.Outcome, op.Served = c.queue.now, katakv.OutcomeApplied, calls[0].Served
		op.Reply = records{}.reply(&op, reply)
		cs.history = append(cs.history, op)
		done(op.Reply.Bulk, op.Reply.Kind == check.Bulk)
	})
}

// anyNode draws a node that a client would get an answer from; nil when there is none.
func (c *Cluster) anyNode(rng *rand.Rand) *Node {
	able := slices.DeleteFunc(slices.Clone(c.nodes), func(n *Node) bool { return !n.up || n.paused || n.stopping || n.severed || n.behind })
	if len(able) == 0 {
		return nil
	}
	return able[rng.IntN(len(able))]
}

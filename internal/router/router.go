package router

import (
	"slices"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/slot"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// retryInterval is how long a group that was refused waits before it asks the same leader again, unless
	// news of another leader comes first.
	retryInterval = 50 * time.Millisecond
	// maxHops is how often a refused group follows hints at once before it waits: two nodes that each take the
	// other for the leader must not be asked in a tight circle.
	maxHops = 3
)

// Batch is a run of calls from one client. The router fills the calls' replies; the batch comes back in
// Effects.Done once every call has one.
type Batch struct {
	Mode  Mode
	Calls []Call
	// Meta sends every operation to the meta shard: changes of the cluster map.
	Meta bool
	// Read is what the reads ask for. Those that share a shard with writes of the batch go with them, at LevelStrong.
	// With Redirect, only the leader answers all the same.
	Read katakv.Consistency
	// Session is what the caller has written and seen, if anybody wants to know. The router reads it for LevelSession,
	// and notes in it what the batch wrote and saw.
	Session Session
	// Journey is told what becomes of the batch; nil: nobody wants to know.
	Journey *journey.Journey
	// Caller is the submitter's own.
	Caller any

	left   int            // groups without an answer
	merges map[int]*merge // calls that were split over shards, by position
}

// Session is what a caller has seen of each shard.
type Session interface {
	// Seen returns the highest applied index that the session has written or seen of a shard. Without known, it may have
	// seen anything.
	Seen(katakv.ShardID) (index katakv.Index, known bool)
	// See notes an answer.
	See(katakv.Served)
}

// group is the operations of one batch, or of one forward from a peer, for one shard. It is offered to a
// leader as a unit.
type group struct {
	request replica.Request // Caller is the group itself
	parts   []part          // parallel to request.Operations; nil for a peer's forward
	batch   *Batch          // nil for a peer's forward

	origin   katakv.NodeID // the peer that forwarded it
	originID uint64        // and its id for it

	writes bool
	// unrepeatable is set unless all operations have a request id: then the group may be sent again although it may have
	// been executed. Reads have none, because one that is repeated would see what came behind it.
	unrepeatable bool
	// doubtful is set once the group is sent again after an attempt of unknown outcome: from then on no refusal says that
	// nothing happened.
	doubtful bool
	anywhere bool // any replica may answer, until one could not
	served   katakv.Served
	deadline time.Duration
	retryAt  time.Duration // when waiting
	tried    katakv.NodeID // where it went last
	hops     int           // how often it was sent on at once after a refusal
	state    groupState
	forward  uint64 // its id while forwarded
}

type groupState uint8

const (
	waiting   groupState = iota // for a leader, or for its next try
	submitted                   // to the local core
	forwarded                   // to a peer
	answered
)

// part says which call an operation of a group belongs to, and which of the call's keys it has.
type part struct {
	call int
	keys []int // nil: all of them
}

// Frame is a message for a peer.
type Frame struct {
	To      katakv.NodeID
	Message wire.Message
}

// Effects is what the outside must do. It belongs to the receiver.
type Effects struct {
	// Submit goes to the local cores, in order.
	Submit []*replica.Request
	// Frames go to peers. Report those that could not be queued with Unsent.
	Frames []Frame
	// Done batches have all their replies.
	Done []*Batch
	// Topology is the new view of the cluster, nil when it did not change.
	Topology *Topology
}

// leader is what is known of a shard's leadership.
type leader struct {
	node katakv.NodeID // zero: none known in term
	last katakv.NodeID // the last one known
	term katakv.Term
}

// Router is the state machine. See the package comment.
type Router struct {
	self    katakv.NodeID
	timeout time.Duration

	topology *Topology
	leaders  map[katakv.ShardID]*leader

	nextForward uint64
	forwards    map[uint64]*group
	// active holds every unanswered group, and some answered ones, in order of their deadlines.
	active []*group
	live   int // the unanswered ones among them
	// parked are the groups in state waiting, in order of arrival.
	parked []*group

	now time.Duration
	out Effects
}

// bootShift leaves a start of a node 2^40 forwards.
const bootShift = 40

// New returns a router without a map. timeout bounds how long a client waits. boot counts the node's starts:
// an answer to a forward of an earlier one must never be taken for an answer to one of this.
func New(timeout time.Duration, boot katakv.BootID) *Router {
	return &Router{
		timeout:     timeout,
		nextForward: uint64(boot) << bootShift,
		topology:    NewTopology(0, nil, nil),
		leaders:     make(map[katakv.ShardID]*leader),
		forwards:    make(map[uint64]*group),
	}
}

// Effects returns what came up since the previous call.
func (r *Router) Effects() Effects {
	out := r.out
	r.out = Effects{}
	return out
}

// Tick advances time: now is monotonic, since some fixed start. It retries what waits and answers what waited
// too long.
func (r *Router) Tick(now time.Duration) {
	r.now = now
	r.expire()
	r.retry(func(g *group) bool { return g.retryAt <= now })
}

// Start takes a batch. now is as in Tick.
func (r *Router) Start(now time.Duration, b *Batch) {
	r.now = now
	if r.topology.Map == nil {
		err := katakv.Errorf(katakv.CodeLoading, "this node is not part of a cluster yet: run katakv cluster create")
		for i := range b.Calls {
			b.Calls[i].Reply = command.ErrorReply(err)
		}
		r.out.Done = append(r.out.Done, b)
		return
	}
	groups := r.split(b)
	b.left = len(groups)
	r.tellReceived(b)
	for _, g := range groups {
		g.deadline = now + r.timeout
		g.request.Caller = g
		r.relax(g, b)
		r.tellRouted(g)
		r.activate(g)
		r.route(g)
	}
	if len(groups) == 0 {
		r.out.Done = append(r.out.Done, b)
	}
}

// minCompact is the number of groups below which answered ones among the active are not worth removing.
const minCompact = 1024

// activate makes a group wait for its answer. One slow group must not keep thousands of answered ones behind it
// in memory, so those are removed when they are most of the list.
func (r *Router) activate(g *group) {
	if len(r.active) >= minCompact && len(r.active) > 4*r.live {
		r.active = slices.DeleteFunc(r.active, func(g *group) bool { return g.state == answered })
	}
	r.live++
	r.active = append(r.active, g)
}

// settle marks a group as answered.
func (r *Router) settle(g *group) {
	g.state = answered
	g.batch, g.parts = nil, nil
	r.live--
}

// route sends a group where its shard is led, or parks it.
func (r *Router) route(g *group) {
	l := r.leaders[g.request.Shard]
	switch {
	case g.anywhere && r.routeAnywhere(g):
	case l == nil || l.node == 0:
		r.park(g)
	case l.node == r.self:
		r.submit(g)
	case g.batch == nil:
		r.answerForward(g, &wire.ForwardReply{Err: r.notLeader(g.request.Shard)})
	case g.batch.Mode == Redirect:
		r.redirect(g, l.node)
	default:
		r.send(g, l.node)
	}
}

// submit hands a group to the local core.
func (r *Router) submit(g *group) {
	g.state, g.tried = submitted, r.self
	r.tellLeg(g, journey.Queued)
	r.out.Submit = append(r.out.Submit, &g.request)
}

// send forwards a group to a node.
func (r *Router) send(g *group, node katakv.NodeID) {
	g.state, g.tried = forwarded, node
	r.nextForward++
	g.forward = r.nextForward
	r.forwards[g.forward] = g
	r.tellLeg(g, journey.Forwarded)
	r.out.Frames = append(r.out.Frames, Frame{To: node, Message: &wire.Forward{
		ID: g.forward, Shard: g.request.Shard, Epoch: r.topology.Map.Epoch,
		Read: g.request.Read, Index: g.request.Index, Operations: g.request.Operations,
		Journey: g.request.Journey != nil,
	}})
}

func (r *Router) notLeader(shard katakv.ShardID) *katakv.Error {
	err := katakv.Errorf(katakv.CodeNotLeader, "%v is led elsewhere: ask there", shard)
	if l := r.leaders[shard]; l != nil && l.node != r.self {
		err.Leader = l.node
	}
	return err
}

// redirect answers every call of a group with the node to ask instead.
func (r *Router) redirect(g *group, node katakv.NodeID) {
	replies := make([]command.Reply, len(g.request.Operations))
	for i := range replies {
		err := katakv.Errorf(katakv.CodeMoved, "ask the node that leads the slot")
		err.Slot, err.Leader = operationSlot(&g.request.Operations[i]), node
		replies[i] = command.ErrorReply(err)
	}
	r.answer(g, replies)
}

func operationSlot(op *command.Operation) katakv.Slot {
	if len(op.Keys) == 0 {
		return katakv.Slot(op.Delta)
	}
	return slot.Of(op.Keys[0])
}

// park lets a group wait for news of a leader or its next try. A peer's forward does not wait here: the peer
// does.
func (r *Router) park(g *group) {
	if g.batch == nil {
		r.answerForward(g, &wire.ForwardReply{Err: r.notLeader(g.request.Shard)})
		return
	}
	g.state, g.retryAt = waiting, r.now+retryInterval
	r.tellWaiting(g)
	r.parked = append(r.parked, g)
}

// retry routes the parked groups that pick says are due, in order.
func (r *Router) retry(due func(*group) bool) {
	parked := r.parked
	r.parked = nil
	for _, g := range parked {
		switch {
		case g.state != waiting:
		case due(g):
			r.route(g)
		default:
			r.parked = append(r.parked, g)
		}
	}
}

// expire answers the groups whose deadline has passed. What may have reached a leader is unknown.
func (r *Router) expire() {
	n := 0
	for n < len(r.active) && (r.active[n].state == answered || r.active[n].deadline <= r.now) {
		g := r.active[n]
		n++
		if g.state == answered {
			continue
		}
		r.tell(g, journey.Step{Kind: journey.Expired})
		if g.state == waiting && !g.doubtful || !g.writes {
			r.fail(g, katakv.Errorf(katakv.CodeClusterDown,
				"%v has no leader that can reach a majority, or none that this node can reach; nothing was changed: try again later, or ask another node", g.request.Shard))
			continue
		}
		r.fail(g, katakv.Errorf(katakv.CodeUnknown,
			"no answer within %v; the write may or may not take effect: %s", r.timeout, g.advice()))
	}
	clear(r.active[:n])
	r.active = r.active[n:]
}

// Completed takes answers of the local cores.
func (r *Router) Completed(now time.Duration, completions []replica.Completion) {
	r.now = now
	for i := range completions {
		c := &completions[i]
		g := c.Request.Caller.(*group)
		if g.state == submitted {
			r.tellCompleted(g)
		}
		switch {
		case g.state != submitted: // it was answered: too late
		case g.batch == nil:
			if c.Err != nil && c.Err.Code == katakv.CodeNotLeader {
				c.Err = r.notLeader(c.Request.Shard)
			}
			r.answerForward(g, &wire.ForwardReply{Index: c.Index, Level: c.Level, Age: c.Age, Replies: c.Replies, Err: c.Err})
		case c.Err != nil:
			r.refused(g, c.Err)
		default:
			g.served = katakv.Served{Shard: g.request.Shard, Index: c.Index, Node: r.self, Level: c.Level, Age: c.Age}
			r.answer(g, c.Replies)
		}
	}
}

// refused decides what becomes of a group that was refused whole.
func (r *Router) refused(g *group, err *katakv.Error) {
	r.tell(g, journey.Step{Kind: journey.Refused, Peer: g.tried, Code: err.Code})
	r.insist(g)
	switch err.Code {
	case katakv.CodeNotLeader, katakv.CodeTryAgain, katakv.CodeLoading:
		l := r.leaders[g.request.Shard]
		g.hops++
		if l != nil && l.node != 0 && l.node != g.tried && g.hops%maxHops != 0 {
			r.route(g)
			return
		}
		r.park(g)
	case katakv.CodeUnknown:
		if !g.writes {
			r.park(g)
			return
		}
		if g.mayRepeat() {
			g.doubtful = true
			r.park(g)
			return
		}
		r.fail(g, err)
	default:
		r.fail(g, err)
	}
}

// Unsent reports a frame that the transport did not take.
func (r *Router) Unsent(f Frame) {
	if m, ok := f.Message.(*wire.Forward); ok {
		if g := r.takeForward(m.ID); g != nil {
			r.park(g)
		}
	}
}

// PeerDown reports that the bulk connection to a node broke, or that it answers nobody: forwards to it may or may not
// have arrived.
func (r *Router) PeerDown(node katakv.NodeID) {
	lost := katakv.Errorf(katakv.CodeUnknown,
		"the connection to node %v broke or is dead; the write may or may not take effect: read before you retry", node)
	for _, g := range r.active {
		if g.state == forwarded && g.tried == node {
			delete(r.forwards, g.forward)
			r.refused(g, lost)
		}
	}
}

func (r *Router) takeForward(id uint64) *group {
	g := r.forwards[id]
	delete(r.forwards, id)
	if g == nil || g.state != forwarded {
		return nil
	}
	return g
}

// Forward takes a peer's forward. It is executed here or refused: never forwarded again, so nothing circles.
func (r *Router) Forward(now time.Duration, from katakv.NodeID, m *wire.Forward) {
	r.now = now
	g := &group{
		request: replica.Request{Shard: m.Shard, Operations: m.Operations},
		origin:  from, originID: m.ID, deadline: now + r.timeout,
		writes: writes(m.Operations), unrepeatable: true, // the peer repeats it
	}
	g.request.Caller = g
	if !g.writes && m.Read.Anywhere() {
		g.anywhere, g.request.Read, g.request.Index = true, m.Read, m.Index
	}
	r.tellForward(g, m)
	r.activate(g)
	r.route(g)
}

// ForwardReply takes a peer's answer to a forward of ours.
func (r *Router) ForwardReply(now time.Duration, from katakv.NodeID, m *wire.ForwardReply) {
	r.now = now
	g := r.takeForward(m.ID)
	if g != nil {
		r.tellHeard(g, m)
	}
	switch {
	case g == nil: // too late
	case m.Err != nil:
		if m.Err.Leader != 0 {
			r.hint(g.request.Shard, m.Err.Leader)
		}
		r.refused(g, m.Err)
	case len(m.Replies) != len(g.request.Operations):
		r.refused(g, katakv.Errorf(katakv.CodeUnknown, "node %v answered %d of %d operations: look at its log",
			from, len(m.Replies), len(g.request.Operations)))
	default:
		g.served = katakv.Served{Shard: g.request.Shard, Index: m.Index, Node: from, Level: m.Level, Age: m.Age}
		r.answer(g, m.Replies)
	}
}

func (r *Router) answerForward(g *group, reply *wire.ForwardReply) {
	reply.Journey = r.report(g)
	r.settle(g)
	reply.ID = g.originID
	r.out.Frames = append(r.out.Frames, Frame{To: g.origin, Message: reply})
}

// fail answers every operation of a group with err.
func (r *Router) fail(g *group, err *katakv.Error) {
	delete(r.forwards, g.forward)
	if g.batch == nil {
		r.answerForward(g, &wire.ForwardReply{Err: err})
		return
	}
	if g.doubtful {
		err = doubted(err)
	}
	replies := make([]command.Reply, len(g.request.Operations))
	for i := range replies {
		replies[i] = command.ErrorReply(err)
	}
	r.answer(g, replies)
}

func writes(ops []command.Operation) bool {
	for i := range ops {
		if ops[i].Kind.Writes() {
			return true
		}
	}
	return false
}

// SetMap takes a newer cluster map; older ones are ignored. self is this node's id.
func (r *Router) SetMap(self katakv.NodeID, m *placement.Map) {
	if r.topology.Map != nil && m.Epoch <= r.topology.Map.Epoch {
		return
	}
	r.self = self
	r.publish(m)
	r.retry(func(*group) bool { return true })
}

func (r *Router) publish(m *placement.Map) {
	last := func(s katakv.ShardID) katakv.NodeID {
		if l := r.leaders[s]; l != nil {
			return l.last
		}
		return 0
	}
	version := r.topology.Version + 1
	if m == r.topology.Map {
		r.topology = r.topology.withLeaders(last)
	} else {
		r.topology = NewTopology(r.self, m, last)
	}
	r.topology.Version = version
	r.out.Topology = r.topology
}

// Topology returns the present view of the cluster.
func (r *Router) Topology() *Topology { return r.topology }

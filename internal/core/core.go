package core

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// Defaults and limits.
const (
	// DefaultElectionTicks and DefaultHeartbeatTicks are Raft's timers: a follower waits one to two election
	// timeouts before it campaigns.
	DefaultElectionTicks  = 10
	DefaultHeartbeatTicks = 2

	// DefaultWindowBytes is the memory for log entries that followers may still need, all shards together.
	DefaultWindowBytes = 64 << 20
	// minReplicaWindowBytes keeps a window useful, some twenty small entries, however many shards share the
	// budget.
	minReplicaWindowBytes = 4 << 10

	// DefaultMaxSnapshots bounds the snapshots that one core streams out at a time: each pins engine state.
	DefaultMaxSnapshots = 4

	// maxRounds bounds how often one pass goes over its replicas: applying can make more work, and events
	// must not wait for ever.
	maxRounds = 4
)

// Config builds a core.
type Config struct {
	Self   katakv.NodeID
	Engine engine.Engine
	// ElectionTicks and HeartbeatTicks are Raft's timers in ticks; zero means the default.
	ElectionTicks, HeartbeatTicks int
	// WindowBytes bounds the log entries held in memory beyond those that must be; zero means the default.
	WindowBytes int
	// MaxSnapshots bounds concurrent outgoing snapshots; zero means the default.
	MaxSnapshots int
	// Boot counts the node's starts.
	Boot katakv.BootID
	// QuietUntil is until when, by the monotonic clock, promises of the node's earlier lives may run: before that it
	// neither votes nor campaigns.
	QuietUntil time.Duration
	// Leases lets leaders answer strong reads on the strength of promises.
	Leases bool
	// Warn receives warnings; nil drops them.
	Warn func(message string)
}

func (cfg *Config) setDefaults() {
	cfg.ElectionTicks = cmp.Or(cfg.ElectionTicks, DefaultElectionTicks)
	cfg.HeartbeatTicks = cmp.Or(cfg.HeartbeatTicks, DefaultHeartbeatTicks)
	cfg.WindowBytes = cmp.Or(cfg.WindowBytes, DefaultWindowBytes)
	cfg.MaxSnapshots = cmp.Or(cfg.MaxSnapshots, DefaultMaxSnapshots)
}

// member is a replica with the core's own notes about it.
type member struct {
	*replica.Replica
	dirty bool
	// named is set while the map names this replica as the shard's on this node.
	named bool
	// preferred is the node that should lead the shard.
	preferred katakv.NodeID
	// voters are the shard's voters in the order of the map.
	voters []katakv.ReplicaID
	// lastLeader is the last one known, and silent how many ticks ago it was heard.
	lastLeader katakv.ReplicaID
	silent     int
	// patience is how many ticks of silence beyond an election timeout the next campaign waits for.
	patience int
	// hurried is set while its leader is being replaced without waiting for its silence.
	hurried bool
}

// Core is the state machine. See the package comment.
type Core struct {
	cfg    Config
	writer *kv.Writer

	members map[katakv.ShardID]*member
	ordered []*member // by shard, so that nothing depends on map order
	dirty   []*member

	// nodeOf says where the members of our shards live, from the cluster map.
	nodeOf map[katakv.ReplicaID]katakv.NodeID
	// replicasOn lists the members of our shards on each node.
	replicasOn map[katakv.NodeID][]placed

	now      replica.Time
	out      replica.Output
	outboxes outboxes

	seq      uint64 // of the last log batch
	durable  uint64 // of the last one known to be on disk
	awaiting []awaitingBatch

	ticks      uint64
	evacuating bool
	// stalled is set while the log's disk makes no progress.
	stalled bool
	// suspects are the nodes that are not taken to live.
	suspects map[katakv.NodeID]bool
	promises promises
}

// placed is a replica of one of our shards on some node.
type placed struct {
	shard   katakv.ShardID
	replica katakv.ReplicaID
}

// awaitingBatch is what to tell replicas once the log batch seq is durable.
type awaitingBatch struct {
	seq     uint64
	waiting []replica.Awaiting
}

// New returns a core without replicas.
func New(cfg Config) *Core {
	cfg.setDefaults()
	c := &Core{
		cfg:        cfg,
		writer:     kv.NewWriter(cfg.Engine),
		members:    make(map[katakv.ShardID]*member),
		nodeOf:     make(map[katakv.ReplicaID]katakv.NodeID),
		replicasOn: make(map[katakv.NodeID][]placed),
		suspects:   make(map[katakv.NodeID]bool),
	}
	c.promises = promises{core: c, given: make(map[katakv.NodeID]wire.Session)}
	return c
}

// AddReplicas takes over the replicas that the engine holds, with what the log recovered of each. Call it once,
// before any event.
func (c *Core) AddReplicas(shards []katakv.ShardID, recovered []raftlog.RecoveredReplica) error {
	invariant.Check(len(c.members) == 0, "replicas are added once")
	budget := max(c.cfg.WindowBytes/max(len(shards), 1), minReplicaWindowBytes)
	for _, shard := range shards {
		if err := c.addReplica(shard, budget, recovered); err != nil {
			return err
		}
	}
	slices.SortFunc(c.ordered, func(a, b *member) int { return int(a.Shard()) - int(b.Shard()) })
	return nil
}

func (c *Core) addReplica(shard katakv.ShardID, budget int, recovered []raftlog.RecoveredReplica) error {
	machine, err := kv.Open(c.cfg.Engine, shard)
	if err != nil {
		return fmt.Errorf("open %v: %w", shard, err)
	}
	var logged *raftlog.RecoveredReplica
	for i := range recovered {
		if recovered[i].Shard == shard && recovered[i].Replica == machine.Meta().Replica {
			logged = &recovered[i]
		}
	}
	r, err := replica.New(replica.Config{
		Engine:         c.cfg.Engine,
		ElectionTicks:  c.cfg.ElectionTicks,
		HeartbeatTicks: c.cfg.HeartbeatTicks,
		WindowBytes:    budget,
		MaySnapshot:    c.maySnapshot,
		Boot:           c.cfg.Boot,
		Warn:           c.cfg.Warn,
		Now:            &c.now,
		Promises:       &c.promises,
		Leases:         c.cfg.Leases,
	}, shard, machine, logged)
	if err != nil {
		return err
	}
	m := &member{Replica: r}
	c.members[shard] = m
	c.ordered = append(c.ordered, m)
	c.markDirty(m)
	return nil
}

func (c *Core) maySnapshot() bool {
	n := 0
	for _, m := range c.ordered {
		n += m.Sending()
	}
	return n < c.cfg.MaxSnapshots
}

// SetTime tells the core what the clocks show. Call it before AddReplicas, and then before each pass, and not before the
// events that the pass is about: entries are stamped with it, and ages of answers are measured by it. Tick is apart from
// it: that is the time of Raft.
func (c *Core) SetTime(now replica.Time) {
	invariant.Check(now.Monotonic >= c.now.Monotonic, "monotonic time goes back from %v to %v", c.now.Monotonic, now.Monotonic)
	c.now = now
}

// SetMap tells the core where the members of its shards live and who should lead.
func (c *Core) SetMap(m *placement.Map) {
	clear(c.nodeOf)
	clear(c.replicasOn)
	for i := range m.Shards {
		s := &m.Shards[i]
		mine, ok := c.members[s.ID]
		if !ok {
			continue
		}
		mine.preferred = s.Leader
		mine.voters = mine.voters[:0]
		mine.named = false
		for _, r := range s.Replicas {
			if !r.Learner {
				mine.voters = append(mine.voters, r.ID)
			}
			mine.named = mine.named || r.ID == mine.ID() && r.Node == c.cfg.Self
			c.nodeOf[r.ID] = r.Node
			c.replicasOn[r.Node] = append(c.replicasOn[r.Node], placed{shard: s.ID, replica: r.ID})
		}
	}
}

func (c *Core) markDirty(m *member) {
	if !m.dirty {
		m.dirty = true
		c.dirty = append(c.dirty, m)
	}
}

// Submit takes a request; its completion is in the effects of a later pass. The core keeps the request until
// then.
func (c *Core) Submit(req *replica.Request) {
	m, ok := c.members[req.Shard]
	if !ok || (req.Read.Anywhere() && !m.named) {
		c.out.Completions = append(c.out.Completions, replica.Completion{
			Request: req,
			Err:     katakv.Errorf(katakv.CodeNotLeader, "this node has no replica of %v: ask another", req.Shard),
		})
		return
	}
	m.Submit(req, &c.out)
	c.markDirty(m)
}

// Receive takes Raft messages from a peer node. Messages that do not belong to the sender or to us are dropped.
func (c *Core) Receive(from katakv.NodeID, batch *wire.RaftBatch) {
	for i := range batch.Items {
		item := &batch.Items[i]
		m, ok := c.members[item.Shard]
		if !ok || c.nodeOf[katakv.ReplicaID(item.Message.GetFrom())] != from {
			continue
		}
		if revokes, vacant := m.Revokes(item.Message); revokes {
			if vacant {
				c.succeedAtOnce(m, katakv.ReplicaID(item.Message.GetFrom()))
			}
			c.markDirty(m)
			continue
		}
		if m.Step(item.Message, item.Session) {
			m.heard(item.Message.GetType())
			c.markDirty(m)
		}
	}
}

// LogDurable reports that all log batches up to seq are on disk.
func (c *Core) LogDurable(seq uint64) {
	invariant.Check(seq <= c.seq, "log batch %d is durable, but only %d were issued", seq, c.seq)
	c.durable = max(c.durable, seq)
	n := 0
	for n < len(c.awaiting) && c.awaiting[n].seq <= seq {
		c.deliver(c.awaiting[n].waiting)
		c.awaiting[n] = awaitingBatch{}
		n++
	}
	c.awaiting = c.awaiting[n:]
}

// deliver hands replicas the responses that waited for the disk.
func (c *Core) deliver(waiting []replica.Awaiting) {
	for i := range waiting {
		a := &waiting[i]
		a.Replica.Durable(a, &c.out)
		c.markDirty(c.members[a.Replica.Shard()])
	}
}

// PeerUnreachable reports that messages to a node were lost, so that Raft probes before it streams again.
func (c *Core) PeerUnreachable(node katakv.NodeID) {
	for _, p := range c.replicasOn[node] {
		c.members[p.shard].Unreachable(p.replica)
	}
}

// SnapshotReceived hands over a staged snapshot that a peer sent for one of our replicas. The core owns staged
// from here on.
func (c *Core) SnapshotReceived(from katakv.NodeID, shard katakv.ShardID, message *raftpb.Message, staged replica.Installation) {
	m, ok := c.members[shard]
	if !ok || c.nodeOf[katakv.ReplicaID(message.GetFrom())] != from {
		staged.Abort()
		return
	}
	m.SnapshotReceived(message, staged)
	c.markDirty(m)
}

// SnapshotInstalled reports that an installation of an earlier pass is durable in the engine.
func (c *Core) SnapshotInstalled(shard katakv.ShardID) error {
	m := c.members[shard]
	c.markDirty(m)
	return m.SnapshotInstalled(&c.out)
}

// SnapshotSent reports how the stream of a snapshot of an earlier pass ended.
func (c *Core) SnapshotSent(shard katakv.ShardID, to katakv.ReplicaID, ok bool) {
	m := c.members[shard]
	m.SnapshotSent(to, ok)
	c.markDirty(m)
}

// HasWork reports whether a pass would do something.
func (c *Core) HasWork() bool {
	return len(c.dirty) > 0 || len(c.out.Messages) > 0 || len(c.out.Completions) > 0 || len(c.out.Updates) > 0
}

// Pass does all work that was noted and returns what the outside must do. An error means that the node must
// stop: the engine failed or an entry cannot be understood.
func (c *Core) Pass() (*Effects, error) {
	for round := 0; round < maxRounds && len(c.dirty) > 0; round++ {
		if err := c.round(); err != nil {
			return nil, err
		}
	}
	return c.effects(), nil
}

// round collects from every dirty replica, commits the engine once, and finishes each.
func (c *Core) round() error {
	batch := c.dirty
	c.dirty = nil
	for _, m := range batch {
		m.dirty = false
		if err := m.Collect(c.writer, &c.out); err != nil {
			return err
		}
		m.DropUnaccepted()
	}
	if err := c.writer.Commit(); err != nil {
		return fmt.Errorf("commit to the state engine: %w", err)
	}
	for _, m := range batch {
		m.Finish(&c.out)
		if m.HasWork() {
			c.markDirty(m)
		}
	}
	if len(c.out.Updates) == 0 && c.durable == c.seq && len(c.out.Awaiting) > 0 {
		waiting := c.out.Awaiting
		c.out.Awaiting = nil
		c.deliver(waiting)
	}
	return nil
}

// Close gives up everything that is pending; the completions are in the returned effects.
func (c *Core) Close() *Effects {
	for _, m := range c.ordered {
		m.Close(&c.out)
	}
	c.dirty = nil
	return c.effects()
}

package core

import (
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/replica"
)

const (
	// balanceTicks is how often a leader looks whether the node that should lead its shard can take over. It is
	// prime, because Raft forgets who was recently active once each election timeout: a multiple of that would
	// look just then every time.
	balanceTicks = 23
	// startTicks is how long after its start a core lets the replica that should lead campaign early, and
	// startCampaignTicks how often. Followers of a living leader refuse such a campaign (PreVote), so it costs
	// nothing but saves a fresh cluster one election timeout.
	startTicks         = 30
	startCampaignTicks = 3
	// succeedTicks is how long the replica that should succeed a silent leader gives its first campaign, which
	// it begins after one election timeout; each further one gets twice as long, so that slow networks and disks
	// have time to answer. The others wait for Raft's random timeouts, which begin then: so two seldom campaign
	// against each other, and if they do, the next try is not another one to two seconds away.
	succeedTicks = 5
	// suspectTicks is what that replica gives its first campaign when its leader's node is suspected, or the promise to
	// it has lapsed: the others may come to that a moment later, and until then they do not vote.
	suspectTicks = 1
)

// Tick advances time by one tick: Raft's timers, and where leaders belong.
func (c *Core) Tick() {
	c.ticks++
	for _, m := range c.ordered {
		m.Tick()
		m.silent++
		c.place(m)
		if m.HasWork() {
			c.markDirty(m)
		}
	}
}

// place moves the leadership of a shard towards where it belongs.
func (c *Core) place(m *member) {
	known := m.Leadership()
	if known.Self {
		m.silent, m.patience = 0, 0
	}
	if known.Leader != 0 {
		m.lastLeader = known.Leader
	}
	switch {
	case c.evacuating, c.stalled:
		m.TransferAway()
	case known.Leader == 0 && m.preferred == c.cfg.Self && c.ticks <= startTicks && c.ticks%startCampaignTicks == 0:
		m.Campaign()
	case m.silent >= c.cfg.ElectionTicks+m.patience:
		c.succeed(m)
	case known.Self && !c.suspects[m.preferred] && m.preferred != c.cfg.Self && m.preferred != 0 && c.ticks%balanceTicks == 0:
		m.TransferTo(c.replicaAt(m.preferred, m.Shard()))
	}
}

// heard notes that the shard's leader lives.
func (m *member) heard(t raftpb.MessageType) {
	if t == raftpb.MsgApp || t == raftpb.MsgHeartbeat {
		m.silent, m.patience, m.hurried = 0, 0, false
	}
}

// succeed campaigns if this replica is the one that the members agree on as the next leader: the first voter beside
// the last leader that is not on a node under suspicion.
func (c *Core) succeed(m *member) {
	for _, id := range m.voters {
		if id == m.lastLeader || c.suspects[c.nodeOf[id]] {
			continue
		}
		if id == m.ID() {
			m.patience = 2*m.patience + c.firstPatience(m)
			m.Campaign()
		}
		return
	}
}

func (c *Core) firstPatience(m *member) int {
	if m.hurried || c.suspects[c.nodeOf[m.lastLeader]] {
		return suspectTicks
	}
	return succeedTicks
}

// Suspect says that a node may not live any more. Shards that it leads get another leader now, if a majority of their
// members thinks the same: an election is right at any time, only not always of use. A node that lives and is heard by
// its followers keeps what it leads.
func (c *Core) Suspect(node katakv.NodeID) {
	c.suspects[node] = true
	for _, p := range c.replicasOn[node] {
		m := c.members[p.shard]
		known := m.Leadership()
		if known.Leader != 0 {
			m.lastLeader = known.Leader
		}
		if known.Self || m.lastLeader != p.replica || m.Withholds() {
			continue
		}
		m.ForgetLeader()
		c.succeedAtOnce(m, p.replica)
		c.markDirty(m)
	}
}

// succeedAtOnce replaces a leader without waiting for its silence.
func (c *Core) succeedAtOnce(m *member, leader katakv.ReplicaID) {
	m.lastLeader, m.hurried = leader, true
	m.silent, m.patience = max(m.silent, c.cfg.ElectionTicks), 0
	c.succeed(m)
}

// Trust takes a suspicion back.
func (c *Core) Trust(node katakv.NodeID) { delete(c.suspects, node) }

// SetStalled says whether the log's disk makes no progress. A leader on such a node acknowledges nothing that needs its
// own disk and could not even keep a vote: it hands its shards to others while it can.
func (c *Core) SetStalled(stalled bool) { c.stalled = stalled }

func (c *Core) replicaAt(node katakv.NodeID, shard katakv.ShardID) katakv.ReplicaID {
	for _, p := range c.replicasOn[node] {
		if p.shard == shard {
			return p.replica
		}
	}
	return 0
}

// Evacuate begins to hand all leaderships to other nodes, for a planned stop. It cannot be undone.
func (c *Core) Evacuate() { c.evacuating = true }

// Leading returns how many shards are led from here.
func (c *Core) Leading() int {
	n := 0
	for _, m := range c.ordered {
		if m.Leadership().Self {
			n++
		}
	}
	return n
}

// Status describes one replica for operators.
type Status struct {
	Shard   katakv.ShardID
	Replica katakv.ReplicaID
	Term    katakv.Term
	Leader  katakv.ReplicaID
	Self    bool
	Applied katakv.Index
	// Lease is until when, by the monotonic clock, a leader may answer strong reads alone; zero: not at all.
	Lease time.Duration
	replica.Standing
}

// Status returns a row for each replica, by shard.
func (c *Core) Status() []Status {
	rows := make([]Status, 0, len(c.ordered))
	for _, m := range c.ordered {
		l := m.Leadership()
		rows = append(rows, Status{
			Shard: l.Shard, Replica: m.ID(), Term: l.Term, Leader: l.Leader, Self: l.Self, Applied: m.Applied(),
			Lease: m.LeaseUntil(), Standing: m.Standing(),
		})
	}
	return rows
}

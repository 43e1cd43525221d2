package core

import "github.com/katakv/katakv"

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
)

// Tick advances time by one tick: Raft's timers, and where leaders belong.
func (c *Core) Tick() {
	c.ticks++
	for _, m := range c.ordered {
		m.Tick()
		c.place(m)
		if m.HasWork() {
			c.markDirty(m)
		}
	}
}

// place moves the leadership of a shard towards where it belongs.
func (c *Core) place(m *member) {
	known := m.Leadership()
	switch {
	case c.evacuating:
		m.TransferAway()
	case known.Leader == 0 && m.preferred == c.cfg.Self && c.ticks <= startTicks && c.ticks%startCampaignTicks == 0:
		m.Campaign()
	case known.Self && m.preferred != c.cfg.Self && m.preferred != 0 && c.ticks%balanceTicks == 0:
		m.TransferTo(c.replicaAt(m.preferred, m.Shard()))
	}
}

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
}

// Status returns a row for each replica, by shard.
func (c *Core) Status() []Status {
	rows := make([]Status, 0, len(c.ordered))
	for _, m := range c.ordered {
		l := m.Leadership()
		rows = append(rows, Status{
			Shard: l.Shard, Replica: m.ID(), Term: l.Term, Leader: l.Leader, Self: l.Self, Applied: m.Applied(),
		})
	}
	return rows
}

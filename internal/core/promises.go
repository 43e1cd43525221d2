package core

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// promises are those between this node and others. They belong to pairs of nodes, not to shards: the replicas look here.
type promises struct {
	core *Core
	// given holds the sessions of the promises that run to other nodes.
	given map[katakv.NodeID]wire.Session
	// received holds the promises of others. It is never changed, only replaced.
	received map[katakv.NodeID]replica.Promise
}

// Given returns the session of the promise that runs to the node of a member.
func (p *promises) Given(member katakv.ReplicaID) wire.Session { return p.given[p.core.nodeOf[member]] }

// Received returns the newest promise of the node of a member.
func (p *promises) Received(member katakv.ReplicaID) replica.Promise {
	return p.received[p.core.nodeOf[member]]
}

// Quiet reports whether promises of an earlier life may still run.
func (p *promises) Quiet() bool { return p.core.now.Monotonic < p.core.cfg.QuietUntil }

// SetPromises hands over what other nodes have promised. Call it before SetTime. The core keeps the map, which must not
// change any more.
func (c *Core) SetPromises(received map[katakv.NodeID]replica.Promise) {
	c.promises.received = received
}

// Hold says that from now on, in a session that has just begun, this node promises another not to vote against leaders
// there: replicas that follow one withhold their votes and campaign no more. It must come before the node is told.
func (c *Core) Hold(node katakv.NodeID, session wire.Session) { c.promises.given[node] = session }

// Lapsed says that the promise to a node is over, and its session with it. If accuse is set that node may not live any more,
// and what it led gets other leaders.
func (c *Core) Lapsed(node katakv.NodeID, accuse bool) {
	delete(c.promises.given, node)
	for _, p := range c.replicasOn[node] {
		m := c.members[p.shard]
		followed := m.Release(p.replica, accuse) || m.Leadership().Leader == p.replica
		if followed && accuse {
			m.ForgetLeader()
			c.succeedAtOnce(m, p.replica)
		}
		c.markDirty(m)
	}
}

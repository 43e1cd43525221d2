package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
)

// AwaitLeaders lets time pass until every shard has a leader on a live node.
func (c *Cluster) AwaitLeaders(patience time.Duration) error {
	if err := c.RunUntil(patience, c.allLed); err != nil {
		return err
	}
	if !c.allLed() {
		return fmt.Errorf("some shards have no leader within %v", patience)
	}
	return nil
}

func (c *Cluster) allLed() bool {
	led := make(map[katakv.ShardID]bool)
	for _, n := range c.nodes {
		if !n.up {
			continue
		}
		for _, s := range n.core.Status() {
			if s.Self {
				led[s.Shard] = true
			}
		}
	}
	return len(led) == c.opts.Shards+1
}

// probeInterval is how often a write is tried on a shard that has not taken one.
const probeInterval = 200 * time.Millisecond

// AwaitWrites lets time pass until every shard has accepted a write, or one is too late.
func (c *Cluster) AwaitWrites(l *check.Liveness) error {
	var shards []katakv.ShardID
	m := c.nodes[0].known
	for i := range m.Shards {
		if m.Shards[i].Slots != nil {
			shards = append(shards, m.Shards[i].ID)
		}
	}
	l.Healed(c.queue.now, shards)
	left := len(shards)
	rng := newRand(c.opts.Seed, "probes")
	for _, id := range shards {
		c.probe(rng, m.Shard(id), func() {
			left--
			c.fail(l.Accepted(c.queue.now, id))
		})
	}
	return c.RunUntil(acceptTime+probeInterval, func() bool {
		c.fail(l.Check(c.queue.now))
		return left == 0
	})
}

// probe writes to a shard through any node, again and again until it is accepted.
func (c *Cluster) probe(rng *rand.Rand, s *placement.Shard, accepted func()) {
	key := []byte(s.Slots.Key("probe"))
	done := false
	var try func()
	try = func() {
		if done {
			return
		}
		c.after(probeInterval, kindProbe, uint64(s.ID), try)
		n := c.anyNode(rng)
		if n == nil {
			return
		}
		b := &router.Batch{Calls: []router.Call{{Operation: command.Operation{
			Kind: command.KindSet, Keys: [][]byte{key}, Values: [][]byte{{'x'}},
		}}}}
		n.Execute(b, func() {
			if b.Calls[0].Reply.Kind == command.ReplyOK && !done {
				done = true
				accepted()
			}
		})
	}
	try()
}

// AwaitConvergence lets time pass until all replicas that can be reached have applied the same index of their shard,
// and then compares their contents. Nobody writes meanwhile.
func (c *Cluster) AwaitConvergence(l *check.Liveness) error {
	l.Quiet(c.queue.now)
	err := c.RunUntil(convergeTime+probeInterval, func() bool {
		together := c.converged()
		for i := range c.nodes[0].known.Shards {
			if id := c.nodes[0].known.Shards[i].ID; together {
				c.fail(l.Converged(c.queue.now, id))
			}
		}
		if err := l.Check(c.queue.now); err != nil {
			c.fail(fmt.Errorf("%w; replicas stand at %v", err, c.positions()))
		}
		return together
	})
	if err != nil {
		return err
	}
	return c.compare()
}

// reachable reports whether the replicas of a node are to become equal to the others.
func (n *Node) reachable() bool { return n.up && !n.severed && !n.behind }

func (c *Cluster) positions() map[katakv.ShardID]map[katakv.NodeID]katakv.Index {
	rows := make(map[katakv.ShardID]map[katakv.NodeID]katakv.Index)
	for _, n := range c.nodes {
		if !n.reachable() {
			continue
		}
		for _, s := range n.core.Status() {
			if rows[s.Shard] == nil {
				rows[s.Shard] = make(map[katakv.NodeID]katakv.Index)
			}
			rows[s.Shard][n.id] = s.Applied
		}
	}
	return rows
}

func (c *Cluster) converged() bool {
	for _, nodes := range c.positions() {
		first := katakv.Index(0)
		for _, index := range nodes {
			if first == 0 {
				first = index
			}
			if index != first {
				return false
			}
		}
	}
	return c.allLed()
}

// compare hands the checksums of all replicas to the witness.
func (c *Cluster) compare() error {
	for _, n := range c.nodes {
		if !n.reachable() {
			continue
		}
		for _, s := range n.core.Status() {
			c.witness.compare(n, s.Shard, s.Replica)
		}
	}
	return c.failed
}

// checksum returns the checksum of a replica's state and the applied index that it belongs to.
func (n *Node) checksum(shard katakv.ShardID) (uint64, katakv.Index, error) {
	sum, index, err := kv.Checksum(n.disk.engine, shard)
	if err != nil {
		return 0, 0, fmt.Errorf("checksum of %v on %v: %w", shard, n.id, err)
	}
	return sum, index, nil
}

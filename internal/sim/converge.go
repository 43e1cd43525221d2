package sim

import (
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/kv"
)

// AwaitLeaders lets time pass until every shard has a leader on a live node that the others follow.
func (c *Cluster) AwaitLeaders(patience time.Duration) error {
	if err := c.RunUntil(patience, c.allLed); err != nil {
		return err
	}
	if !c.allLed() {
		return fmt.Errorf("seed %d: some shards have no leader within %v", c.opts.Seed, patience)
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

// AwaitConvergence lets time pass until all live replicas of every shard have applied the same index, and then
// compares their contents.
func (c *Cluster) AwaitConvergence(patience time.Duration) error {
	if err := c.RunUntil(patience, c.converged); err != nil {
		return err
	}
	if !c.converged() {
		return fmt.Errorf("seed %d: replicas are apart after %v: %v", c.opts.Seed, patience, c.positions())
	}
	return c.compare()
}

func (c *Cluster) positions() map[katakv.ShardID]map[katakv.NodeID]katakv.Index {
	rows := make(map[katakv.ShardID]map[katakv.NodeID]katakv.Index)
	for _, n := range c.nodes {
		if !n.up {
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

// compare checks that equal applied indexes mean equal contents.
func (c *Cluster) compare() error {
	type state struct {
		node  katakv.NodeID
		sum   uint64
		index katakv.Index
	}
	first := make(map[katakv.ShardID]state)
	for _, n := range c.nodes {
		if !n.up {
			continue
		}
		for _, s := range n.core.Status() {
			sum, index, err := kv.Checksum(n.disk.engine, s.Shard)
			if err != nil {
				return fmt.Errorf("checksum of %v on %v: %w", s.Shard, n.id, err)
			}
			have, seen := first[s.Shard]
			if !seen {
				first[s.Shard] = state{node: n.id, sum: sum, index: index}
				continue
			}
			if index == have.index && sum != have.sum {
				return fmt.Errorf("seed %d: at index %d of %v, %v holds %016x and %v holds %016x",
					c.opts.Seed, index, s.Shard, have.node, have.sum, n.id, sum)
			}
		}
	}
	return nil
}

package sim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/slot"
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

// AwaitWrites lets time pass until every shard has accepted a write.
func (c *Cluster) AwaitWrites(patience time.Duration) error {
	rng := newRand(c.opts.Seed, "probes")
	m := c.nodes[0].known
	left := len(m.Shards)
	var missing []katakv.ShardID
	for i := range m.Shards {
		s := &m.Shards[i]
		if s.Slots == nil {
			left--
			continue
		}
		missing = append(missing, s.ID)
		key := []byte(keyWithin(*s.Slots))
		var try func()
		done := false
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
					left--
				}
			})
		}
		try()
	}
	if err := c.RunUntil(patience, func() bool { return left == 0 }); err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("%d of shards %v accept no write within %v; replicas stand at %v", left, missing, patience, c.positions())
	}
	return nil
}

// keyWithin returns a key of the slots that no client uses.
func keyWithin(slots slot.Range) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("probe:%d", i); slots.Contains(slot.Of([]byte(key))) {
			return key
		}
	}
}

// AwaitConvergence lets time pass until all replicas that can be reached have applied the same index of their shard,
// and then compares their contents.
func (c *Cluster) AwaitConvergence(patience time.Duration) error {
	if err := c.RunUntil(patience, c.converged); err != nil {
		return err
	}
	if !c.converged() {
		return fmt.Errorf("replicas are apart after %v: %v", patience, c.positions())
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

// AwaitMap lets time pass until every node that can be reached uses the cluster map that the meta shard holds.
func (c *Cluster) AwaitMap(patience time.Duration) error {
	var apart error
	same := func() bool {
		apart = c.mapsApart()
		return apart == nil
	}
	if same() {
		return nil
	}
	if err := c.RunUntil(patience, same); err != nil {
		return err
	}
	return apart
}

// mapsApart says which node uses another map than the meta shard holds, nil when none does.
func (c *Cluster) mapsApart() error {
	for _, holder := range c.nodes {
		if !holder.reachable() {
			continue
		}
		held, err := kv.ReadMap(holder.disk.engine)
		if err != nil {
			continue // no replica of the meta shard
		}
		for _, n := range c.nodes {
			if n.reachable() && !bytes.Equal(n.known.Encode(), held) {
				return fmt.Errorf("%v uses a cluster map of epoch %d that is not the one the meta shard holds on %v", n.id, n.known.Epoch, holder.id)
			}
		}
	}
	return nil
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

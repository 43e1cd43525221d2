package sim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/kv"
)

// AwaitAgreement lets time pass until every node that can be reached uses the cluster map that the meta shard holds,
// and knows who leads each shard.
func (c *Cluster) AwaitAgreement(patience time.Duration) error {
	var apart error
	agreed := func() bool {
		if apart = c.mapsApart(); apart == nil {
			apart = c.leadersApart()
		}
		return apart == nil
	}
	if agreed() {
		return nil
	}
	if err := c.RunUntil(patience, agreed); err != nil {
		return err
	}
	return apart
}

// leadersApart says which node takes another one for a shard's leader than leads it, nil when none does.
func (c *Cluster) leadersApart() error {
	leads := make(map[katakv.ShardID]katakv.NodeID)
	terms := make(map[katakv.ShardID]katakv.Term)
	for _, n := range c.nodes {
		if !n.up {
			continue
		}
		for _, s := range n.core.Status() {
			if s.Self && s.Term > terms[s.Shard] {
				leads[s.Shard], terms[s.Shard] = n.id, s.Term
			}
		}
	}
	for _, n := range c.nodes {
		if !n.reachable() {
			continue
		}
		t := n.router.Topology()
		for i := range t.Map.Shards {
			if id := t.Map.Shards[i].ID; t.Leaders[i] != leads[id] {
				return fmt.Errorf("%v takes %v for the leader of %v, which %v leads in term %d", n.id, t.Leaders[i], id, leads[id], terms[id])
			}
		}
	}
	return nil
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

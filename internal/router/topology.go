package router

import (
	"cmp"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// Topology is one node's view of the cluster: the map and who leads. It is immutable.
type Topology struct {
	// Version counts the views of one router; a higher one is newer.
	Version uint64
	Self    katakv.NodeID
	Map     *placement.Map // nil until the node is part of a cluster
	// Leaders holds the last known leader of each shard, parallel to Map.Shards: never a hole, because a
	// shard that never had a leader shows the node that should lead it.
	Leaders []katakv.NodeID
	// shardOf maps each slot to its position in Map.Shards.
	shardOf []uint16
}

// NewTopology indexes a map. leaders gives the last known leader of a shard, or zero.
func NewTopology(self katakv.NodeID, m *placement.Map, leaders func(katakv.ShardID) katakv.NodeID) *Topology {
	t := &Topology{Self: self, Map: m}
	if m == nil {
		return t
	}
	t.shardOf = make([]uint16, katakv.SlotCount)
	for i := range m.Shards {
		s := &m.Shards[i]
		if s.Slots == nil {
			continue
		}
		for slot := int(s.Slots.First); slot <= int(s.Slots.Last); slot++ {
			t.shardOf[slot] = uint16(i)
		}
	}
	return t.withLeaders(leaders)
}

// withLeaders returns the same view with other leaders. Leaders change often and slots seldom, so the index of
// slots is shared. Map must not be nil.
func (t *Topology) withLeaders(leaders func(katakv.ShardID) katakv.NodeID) *Topology {
	next := *t
	next.Leaders = make([]katakv.NodeID, len(t.Map.Shards))
	for i := range t.Map.Shards {
		s := &t.Map.Shards[i]
		next.Leaders[i] = cmp.Or(leaders(s.ID), s.Leader)
	}
	return &next
}

// ShardAt returns the shard that owns slot and its last known leader. Map must not be nil.
func (t *Topology) ShardAt(slot katakv.Slot) (*placement.Shard, katakv.NodeID) {
	i := t.shardOf[slot]
	return &t.Map.Shards[i], t.Leaders[i]
}

// Node returns the node with the id, or nil.
func (t *Topology) Node(id katakv.NodeID) *placement.Node {
	if t.Map == nil {
		return nil
	}
	return t.Map.Node(id)
}

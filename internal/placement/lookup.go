package placement

import (
	"cmp"
	"slices"

	"github.com/katakv/katakv"
)

// Others returns the ids of all nodes but one.
func (m *Map) Others(self katakv.NodeID) []katakv.NodeID {
	var others []katakv.NodeID
	for i := range m.Nodes {
		if id := m.Nodes[i].ID; id != self {
			others = append(others, id)
		}
	}
	return others
}

// Node returns the node with the id, or nil. The caller must not change it.
func (m *Map) Node(id katakv.NodeID) *Node {
	i, ok := slices.BinarySearchFunc(m.Nodes, id, func(n Node, id katakv.NodeID) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return nil
	}
	return &m.Nodes[i]
}

// Shard returns the shard with the id, or nil. The caller must not change it.
func (m *Map) Shard(id katakv.ShardID) *Shard {
	i, ok := slices.BinarySearchFunc(m.Shards, id, func(s Shard, id katakv.ShardID) int { return cmp.Compare(s.ID, id) })
	if !ok {
		return nil
	}
	return &m.Shards[i]
}

// ReplicaOn returns the shard's replica on the node, if there is one.
func (s *Shard) ReplicaOn(node katakv.NodeID) (Replica, bool) {
	for _, r := range s.Replicas {
		if r.Node == node {
			return r, true
		}
	}
	return Replica{}, false
}

// Replica returns the shard's replica with the id, if there is one.
func (s *Shard) Replica(id katakv.ReplicaID) (Replica, bool) {
	for _, r := range s.Replicas {
		if r.ID == id {
			return r, true
		}
	}
	return Replica{}, false
}

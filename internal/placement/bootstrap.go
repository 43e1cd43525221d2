package placement

import (
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

// Bootstrap returns the first map of a cluster, at epoch 1. The nodes are numbered 1, 2, ... in the order
// given; their ids are ignored and a weight of 0 means 1. Next to the meta shard there are shards data shards
// with even ranges of slots. Every shard has settings.Replicas voters, which must not be more than there are
// nodes; a MaxValueBytes of 0 means the default. For replicas and leaders see [spread] and [balanceLeaders].
func Bootstrap(cluster katakv.ClusterID, nodes []Node, shards int, settings Settings) (*Map, error) {
	if settings.MaxValueBytes == 0 {
		settings.MaxValueBytes = katakv.DefaultMaxValueBytes
	}
	if shards < 1 || shards > katakv.MaxShards {
		return nil, fmt.Errorf("bootstrap: %d shards, want 1 to %d", shards, katakv.MaxShards)
	}
	if settings.Replicas > len(nodes) {
		return nil, fmt.Errorf("bootstrap: %d replicas need as many nodes, but there are %d: add nodes or ask for fewer replicas",
			settings.Replicas, len(nodes))
	}
	if err := settings.validate(); err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	m := &Map{
		Version: MapVersion, Cluster: cluster, Epoch: 1, Settings: settings,
		NextNode:  katakv.NodeID(len(nodes) + 1),
		NextShard: katakv.ShardID(shards + 1),
	}
	if err := m.numberNodes(nodes); err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	m.buildShards(shards)
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	return m, nil
}

// numberNodes copies the nodes into the map. Two nodes at one peer address are surely a slip of the operator.
func (m *Map) numberNodes(nodes []Node) error {
	seen := make(map[string]katakv.NodeID, len(nodes))
	for i, n := range nodes {
		n.ID = katakv.NodeID(i + 1)
		if n.Weight == 0 {
			n.Weight = 1
		}
		if other, ok := seen[n.Addresses.Peer]; ok && n.Addresses.Peer != "" {
			return fmt.Errorf("nodes %v and %v have the same peer address %s", other, n.ID, n.Addresses.Peer)
		}
		seen[n.Addresses.Peer] = n.ID
		m.Nodes = append(m.Nodes, n)
	}
	return m.validateNodes()
}

// buildShards adds the meta shard and the data shards with their replicas and leaders.
func (m *Map) buildShards(shards int) {
	zones := make([]string, len(m.Nodes))
	for i := range m.Nodes {
		zones[i] = m.Nodes[i].Zone
	}
	members := spread(zones, shards+1, m.Settings.Replicas)
	leaders := balanceLeaders(len(m.Nodes), members)
	ranges := slot.Split(shards)
	m.NextReplica = 1
	for i, nodes := range members {
		s := Shard{ID: katakv.ShardID(i), Leader: m.Nodes[leaders[i]].ID}
		if i > 0 {
			s.Slots = &ranges[i-1]
		}
		for _, n := range nodes {
			s.Replicas = append(s.Replicas, Replica{ID: m.NextReplica, Node: m.Nodes[n].ID})
			m.NextReplica++
		}
		m.Shards = append(m.Shards, s)
	}
}

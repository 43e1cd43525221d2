package bootstrap

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// decide looks at what the nodes said and returns the map to go on with, or why not to.
func decide(nodes []surveyed, options Options) (*Result, error) {
	empty, active := 0, 0
	var member *surveyed // some node that belongs to a cluster
	for i := range nodes {
		switch s := nodes[i].status; {
		case s.Empty:
			empty++
			continue
		case s.Active:
			active++
		}
		member = &nodes[i]
	}
	if member == nil {
		return plan(nodes, options)
	}
	if err := checkMembers(nodes, member); err != nil {
		return nil, err
	}
	m, err := agreedMap(nodes)
	if err != nil {
		return nil, err
	}
	if len(m.Nodes) != len(nodes) {
		return nil, fmt.Errorf("cluster %v has %d nodes, but %d were named: name the same nodes as when it was created, in the same order",
			m.Cluster, len(m.Nodes), len(nodes))
	}
	if active > 0 && empty > 0 {
		return nil, wiped(nodes, member)
	}
	if err := checkSettings(m, options); err != nil {
		return nil, err
	}
	return &Result{Map: m, Existed: active == len(nodes), Resumed: active < len(nodes)}, nil
}

// Plan returns the first map of a new cluster of these nodes, or what is wrong with the options. Options.Peers are
// not used; the nodes are numbered in their order.
func Plan(nodes []placement.Node, options Options) (*placement.Map, error) {
	if options.Cluster == 0 {
		return nil, errors.New("a new cluster needs an id that is not zero")
	}
	settings := placement.Settings{
		Replicas: options.Replicas, MaxValueBytes: options.MaxValueBytes, Consistency: options.Consistency,
		StrongReads: options.StrongReads, RequestRetention: options.RequestRetention,
	}
	if settings.Replicas == 0 {
		settings.Replicas = min(DefaultReplicas, len(nodes))
	}
	shards := options.Shards
	if shards == 0 {
		shards = placement.DefaultShards(len(nodes))
	}
	return placement.Bootstrap(options.Cluster, nodes, shards, settings)
}

// plan makes the first map of the nodes that were surveyed.
func plan(nodes []surveyed, options Options) (*Result, error) {
	members := make([]placement.Node, len(nodes))
	for i := range nodes {
		members[i] = placement.Node{Zone: nodes[i].status.Zone, Addresses: nodes[i].status.Addresses}
	}
	m, err := Plan(members, options)
	if err != nil {
		return nil, err
	}
	return &Result{Map: m}, nil
}

// checkMembers checks that all nodes that belong to a cluster belong to one, each under the number of its place.
func checkMembers(nodes []surveyed, member *surveyed) error {
	for i := range nodes {
		s := nodes[i].status
		if s.Empty {
			continue
		}
		if s.Cluster != member.status.Cluster {
			return fmt.Errorf("node at %s belongs to cluster %v and node at %s to cluster %v: a new cluster needs nodes with empty data directories",
				member.peer, member.status.Cluster, nodes[i].peer, s.Cluster)
		}
		if s.Node != katakv.NodeID(i+1) {
			return fmt.Errorf("node at %s is %v of cluster %v, but was named at place %d: name the nodes in their first order, or give a new cluster nodes with empty data directories",
				nodes[i].peer, s.Node, s.Cluster, i+1)
		}
	}
	return nil
}

// wiped explains why an empty node cannot come back.
func wiped(nodes []surveyed, member *surveyed) error {
	for i := range nodes {
		if nodes[i].status.Empty {
			return fmt.Errorf("node at %s is empty, but cluster %v runs already, so it has lost the data and the votes that it had as n%d: "+
				"under that id it could break what others rely on; its replicas must be rebuilt on a node with a new id",
				nodes[i].peer, member.status.Cluster, i+1)
		}
	}
	return nil
}

// agreedMap returns the map to resume with. Nodes that have prepared hold the first one, and all the same; those
// that take part may hold newer ones.
func agreedMap(nodes []surveyed) (*placement.Map, error) {
	var first, newest *placement.Map
	var firstBytes []byte
	var firstPeer string
	for i := range nodes {
		s := nodes[i].status
		if s.Empty {
			continue
		}
		m, err := placement.Decode(s.Map)
		if err != nil {
			return nil, fmt.Errorf("node at %s: %w", nodes[i].peer, err)
		}
		if m.Cluster != s.Cluster {
			return nil, fmt.Errorf("node at %s belongs to cluster %v but holds the map of %v", nodes[i].peer, s.Cluster, m.Cluster)
		}
		if newest == nil || m.Epoch > newest.Epoch {
			newest = m
		}
		if s.Active {
			continue
		}
		if first != nil && !bytes.Equal(firstBytes, s.Map) {
			return nil, fmt.Errorf("nodes at %s and %s were prepared with different maps: clear the data directories of both, which hold nothing yet",
				firstPeer, nodes[i].peer)
		}
		first, firstBytes, firstPeer = m, s.Map, nodes[i].peer
	}
	if first == nil {
		return newest, nil
	}
	return first, nil
}

// checkSettings refuses wishes that the cluster does not meet.
func checkSettings(m *placement.Map, options Options) error {
	has := &m.Settings
	return cmp.Or(
		checkSetting(m, "shards", options.Shards, len(m.Shards)-1), // without the meta shard
		checkSetting(m, "replicas", options.Replicas, has.Replicas),
		checkSetting(m, "max-value-bytes", options.MaxValueBytes, has.MaxValueBytes),
		checkSetting(m, "consistency", options.Consistency, has.Consistency),
		checkSetting(m, "strong-reads", options.StrongReads, has.StrongReads.OrDefault()),
		checkSetting(m, "request-retention", options.RequestRetention, cmp.Or(has.RequestRetention, katakv.DefaultRequestRetention)),
	)
}

// checkSetting refuses a wish for a setting, if there is one, that is not what the cluster was created with.
func checkSetting[T comparable](m *placement.Map, name string, wish, has T) error {
	var none T
	if wish == none || wish == has {
		return nil
	}
	return fmt.Errorf("cluster %v was created with %v as its %s, not %v: leave the setting out, or give a new cluster nodes with empty data directories",
		m.Cluster, has, name, wish)
}

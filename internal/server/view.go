package server

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/slot"
)

// view is the cluster in Redis's terms: every node is a master that owns the slots it leads. Its slots cover
// what the map's shards cover, whether or not a leader is known.
type view struct {
	topology *router.Topology
	nodes    []viewNode // By node id.
}

// viewNode is one node in Redis's terms.
type viewNode struct {
	node *placement.Node
	id   string // 40 hexadecimal digits.
	host string
	port int
	// slots are the ranges that the node leads, ascending; neighbouring ones are joined.
	slots []slot.Range
	// followers hold replicas of shards that the node leads, by node id.
	followers []katakv.NodeID
}

// newView needs a topology with a map.
func newView(topology *router.Topology) *view {
	v := &view{topology: topology, nodes: make([]viewNode, len(topology.Map.Nodes))}
	for i := range topology.Map.Nodes {
		n := &topology.Map.Nodes[i]
		host, port := hostPort(n.Addresses.Cluster)
		v.nodes[i] = viewNode{node: n, id: redisID(topology.Map.Cluster, n.ID), host: host, port: port}
	}
	for i := range topology.Map.Shards {
		s := &topology.Map.Shards[i]
		if n := v.find(topology.Leaders[i]); n != nil && s.Slots != nil {
			n.slots = append(n.slots, *s.Slots)
			n.followers = append(n.followers, followers(s, n.node.ID)...)
		}
	}
	for i := range v.nodes {
		n := &v.nodes[i]
		n.slots = joinRanges(n.slots)
		slices.Sort(n.followers)
		n.followers = slices.Compact(n.followers)
	}
	return v
}

// find returns the node with the id, or nil.
func (v *view) find(id katakv.NodeID) *viewNode {
	for i := range v.nodes {
		if v.nodes[i].node.ID == id {
			return &v.nodes[i]
		}
	}
	return nil
}

// slotsLed counts the slots whose leader is in the map.
func (v *view) slotsLed() int {
	total := 0
	for i := range v.nodes {
		for _, r := range v.nodes[i].slots {
			total += r.Len()
		}
	}
	return total
}

// followers returns the nodes of a shard's voters but the leader. Learners are left out: they cannot lead, and may
// lag without bound.
func followers(s *placement.Shard, leader katakv.NodeID) []katakv.NodeID {
	var ids []katakv.NodeID
	for _, r := range s.Replicas {
		if r.Node != leader && !r.Learner {
			ids = append(ids, r.Node)
		}
	}
	return ids
}

// joinRanges sorts ranges and joins those that touch.
func joinRanges(ranges []slot.Range) []slot.Range {
	slices.SortFunc(ranges, func(a, b slot.Range) int { return int(a.First) - int(b.First) })
	joined := ranges[:0]
	for _, r := range ranges {
		if last := len(joined) - 1; last >= 0 && int(joined[last].Last)+1 == int(r.First) {
			joined[last].Last = r.Last
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// redisID is a node's id in Redis's form: the same on every node, for ever, and different in another cluster.
func redisID(cluster katakv.ClusterID, node katakv.NodeID) string {
	sum := sha1.Sum(fmt.Appendf(nil, "katakv node %d of cluster %d", uint64(node), uint64(cluster)))
	return hex.EncodeToString(sum[:])
}

// hostname returns the advertised host unless it is a numeric address.
func (n *viewNode) hostname() string {
	if _, err := netip.ParseAddr(n.host); err == nil {
		return ""
	}
	return n.host
}

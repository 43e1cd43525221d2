package router

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// Leadership takes news from a local replica.
func (r *Router) Leadership(news []replica.Leadership) {
	changed := false
	for _, n := range news {
		node := r.self
		if !n.Self {
			node = r.nodeOf(n.Shard, n.Leader)
		}
		changed = r.note(n.Shard, node, n.Term) || changed
	}
	r.leadersChanged(changed)
}

// Gossip takes a peer's word about what it leads.
func (r *Router) Gossip(from katakv.NodeID, leading []wire.Leading) {
	changed := false
	for _, l := range leading {
		changed = r.note(l.Shard, from, l.Term) || changed
	}
	r.leadersChanged(changed)
}

// hint takes a refusal's word about who leads. It carries no term, so it only fills a gap: it must not take the
// place of what a replica or a leader itself said, nor make this node believe that it leads.
func (r *Router) hint(shard katakv.ShardID, node katakv.NodeID) {
	term := katakv.Term(0)
	if l := r.leaders[shard]; l != nil {
		term = l.term
		if l.node != 0 {
			return
		}
	}
	if node != r.self {
		r.leadersChanged(r.note(shard, node, term))
	}
}

// note records a leader and reports whether anything changed. News from older terms is ignored.
func (r *Router) note(shard katakv.ShardID, node katakv.NodeID, term katakv.Term) bool {
	l := r.leaders[shard]
	if l == nil {
		l = &leader{}
		r.leaders[shard] = l
	}
	if term < l.term || (term == l.term && node == l.node) {
		return false
	}
	l.term, l.node = term, node
	if node != 0 {
		l.last = node
	}
	return true
}

func (r *Router) leadersChanged(changed bool) {
	if !changed || r.topology.Map == nil {
		return
	}
	r.publish(r.topology.Map)
	r.retry(func(g *group) bool {
		l := r.leaders[g.request.Shard]
		return l != nil && l.node != 0 && l.node != g.tried
	})
}

func (r *Router) nodeOf(shard katakv.ShardID, id katakv.ReplicaID) katakv.NodeID {
	if r.topology.Map == nil || id == 0 {
		return 0
	}
	s := r.topology.Map.Shard(shard)
	if s == nil {
		return 0
	}
	member, _ := s.Replica(id)
	return member.Node
}

// Leader returns the node that leads a shard as far as this router knows, or 0, and the latest term that it has heard of.
func (r *Router) Leader(shard katakv.ShardID) (katakv.NodeID, katakv.Term) {
	l := r.leaders[shard]
	if l == nil {
		return 0, 0
	}
	return l.node, l.term
}

// Leaderless returns how many shards of the map have no known leader.
func (r *Router) Leaderless() int {
	if r.topology.Map == nil {
		return 0
	}
	n := 0
	for i := range r.topology.Map.Shards {
		if l := r.leaders[r.topology.Map.Shards[i].ID]; l == nil || l.node == 0 {
			n++
		}
	}
	return n
}

// Leading returns what this node leads, by the map's order of shards.
func (r *Router) Leading() []wire.Leading {
	var rows []wire.Leading
	if r.topology.Map == nil {
		return nil
	}
	for i := range r.topology.Map.Shards {
		id := r.topology.Map.Shards[i].ID
		if l := r.leaders[id]; l != nil && l.node == r.self {
			rows = append(rows, wire.Leading{Shard: id, Term: l.term})
		}
	}
	return rows
}

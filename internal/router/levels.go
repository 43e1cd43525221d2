package router

import "github.com/katakv/katakv"

// relax lets the reads of a batch be answered by any replica, if that is what it asks for.
func (r *Router) relax(g *group, b *Batch) {
	if g.writes || b.Meta || !b.Read.Anywhere() {
		return
	}
	g.anywhere, g.request.Read = true, b.Read
	if b.Read.Level != katakv.LevelSession {
		return
	}
	known := b.Session != nil
	if known {
		g.request.Index, known = b.Session.Seen(g.request.Shard)
	}
	if !known {
		// It may have seen anything: what is there now includes that.
		g.request.Read = katakv.Consistency{Level: katakv.LevelStrong, Replica: true}
	}
}

// routeAnywhere sends a group to a replica that may answer it, the one of this node first. It reports false when the
// group is for the leader all the same.
func (r *Router) routeAnywhere(g *group) bool {
	l := r.leaders[g.request.Shard]
	led := l != nil && l.node != 0
	switch {
	case g.batch != nil && g.batch.Mode == Redirect && (!led || l.node != r.self):
		return false
	case r.hosts(g.request.Shard, r.self):
		r.submit(g)
		return true
	case g.batch == nil || led:
		return false
	}
	node := r.anyHost(g.request.Shard)
	if node == 0 {
		return false
	}
	r.send(g, node)
	return true
}

// hosts reports whether a node has a voter of a shard. Learners may lag without bound.
func (r *Router) hosts(shard katakv.ShardID, node katakv.NodeID) bool {
	s := r.topology.Map.Shard(shard)
	if s == nil {
		return false
	}
	member, ok := s.ReplicaOn(node)
	return ok && !member.Learner
}

// anyHost returns a node that has a voter of a shard, or zero.
func (r *Router) anyHost(shard katakv.ShardID) katakv.NodeID {
	if s := r.topology.Map.Shard(shard); s != nil {
		for _, member := range s.Replicas {
			if !member.Learner {
				return member.Node
			}
		}
	}
	return 0
}

// insist sends a group that a replica could not answer to the leader from now on.
func (r *Router) insist(g *group) {
	if g.anywhere {
		g.anywhere, g.request.Read, g.request.Index = false, katakv.Consistency{}, 0
		g.tried = 0 // as a replica; the same node may lead
	}
}

// note tells a batch how a group of it was answered.
func (g *group) note(p part) {
	call := &g.batch.Calls[p.call]
	if p.keys == nil {
		call.Served = g.served
		return
	}
	call.Parts = append(call.Parts, g.served)
}

package router

import (
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/wire"
)

// The journey of a batch, or of a peer's forward, is told here by this node's router. What a core does of it is a leg of
// the journey, beside the request; what another node does is one, too, and comes with its answer. The router has a leg
// back when the core has completed the request, and lets go of it when it answers without waiting for that.

// tell adds a step to the journey of a group, if it has one.
func (r *Router) tell(g *group, s journey.Step) {
	if g.request.Journey != nil {
		s.Node, s.Shard = r.self, g.request.Shard
		g.request.Journey.Journey().Note(r.now, s)
	}
}

// tellReceived begins the journey of a batch, unless its caller did.
func (r *Router) tellReceived(b *Batch) {
	b.Journey.Begin(r.now)
	b.Journey.NoteBeginning(journey.Step{Kind: journey.Received, Node: r.self})
}

// tellRouted begins the part of a journey that concerns one shard.
func (r *Router) tellRouted(g *group) {
	g.request.Journey = g.batch.Journey.Leg(r.now)
	if g.request.Journey == nil {
		return
	}
	step := journey.Step{Kind: journey.Routed}
	if l := r.leaders[g.request.Shard]; l != nil {
		step.Peer = l.node
	}
	r.tell(g, step)
}

// tellForward begins the journey of a peer's forward, if the peer wants a report.
func (r *Router) tellForward(g *group, m *wire.Forward) {
	if !m.Journey {
		return
	}
	j := journey.New()
	j.Begin(r.now)
	g.request.Journey = j.Leg(r.now)
	r.tell(g, journey.Step{Kind: journey.Received, Peer: g.origin})
}

// tellLeg tells that a group goes to the core of this node, or to another node, which then goes the next leg.
func (r *Router) tellLeg(g *group, k journey.Kind) {
	if g.request.Journey == nil {
		return
	}
	step := journey.Step{Kind: k}
	if k == journey.Forwarded {
		step.Peer = g.tried
	}
	r.tell(g, step)
	g.request.Journey = g.request.Journey.Journey().Leg(r.now)
}

// tellWaiting tells that a group waits, once however often it tries.
func (r *Router) tellWaiting(g *group) {
	if last := g.request.Journey.Journey().Last(); last.Kind != journey.Waiting || last.Shard != g.request.Shard {
		r.tell(g, journey.Step{Kind: journey.Waiting})
	}
}

// tellCompleted adds what the core did.
func (r *Router) tellCompleted(g *group) {
	if g.request.Journey == nil {
		return
	}
	g.request.Journey.Join(r.now, func(s *journey.Step) {
		s.Node, s.Shard, s.Peer = r.self, g.request.Shard, r.nodeOf(g.request.Shard, s.Replica)
	})
}

// tellHeard adds what another node did.
func (r *Router) tellHeard(g *group, m *wire.ForwardReply) {
	g.request.Journey.JoinReport(r.now, m.Journey)
	if m.Err == nil {
		r.tell(g, journey.Step{Kind: journey.Heard, Peer: g.tried})
	}
}

// report ends the journey of a peer's forward.
func (r *Router) report(g *group) journey.Report {
	r.tell(g, journey.Step{Kind: journey.Answered, Peer: g.origin})
	return g.request.Journey.Journey().Report()
}

package node

import (
	"context"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// gossipInterval is how often a node tells the others its epoch and what it leads, news apart.
	gossipInterval = time.Second
	// announceInterval is how long a node waits before it tries again to tell the cluster its addresses.
	announceInterval = time.Second
)

// Receive takes a message from a peer; transport calls it.
func (n *Node) Receive(from katakv.NodeID, message wire.Message) {
	m := n.machinery.Load()
	if m == nil {
		return
	}
	switch msg := message.(type) {
	case *wire.RaftBatch:
		n.receiveRaft(m.loops, from, msg)
	case *wire.Forward:
		n.withRouter(func(r *router.Router) { r.Forward(clock.Monotonic(), from, msg) })
	case *wire.ForwardReply:
		n.withRouter(func(r *router.Router) { r.ForwardReply(clock.Monotonic(), from, msg) })
	case *wire.Probe:
		n.pulse.with(func(w *liveness.Watch) { w.Probe(clock.Boot(), from, msg) })
	case *wire.ProbeAnswer:
		n.pulse.with(func(w *liveness.Watch) { w.Answer(clock.Boot(), from, msg) })
	case *wire.Gossip:
		n.receiveGossip(from, msg)
	case *wire.MapRequest:
		if t := n.Topology(); t.Map.Epoch > msg.Epoch {
			n.transport.Send(from, &wire.MapReply{Map: t.Map.Encode()}) // lost: the next gossip asks again
		}
	case *wire.MapReply:
		n.mapChanged(msg.Map)
	case *wire.SnapshotChunk:
		n.receiver.chunk(m, from, msg)
	case *wire.SnapshotAck:
		n.senders.acknowledged(from, msg)
	}
}

// PeerUp is called by transport when a connection is established.
func (n *Node) PeerUp(katakv.NodeID, wire.Class) { n.gossipSoon.Store(true) }

// PeerDown is called by transport when an established connection broke.
func (n *Node) PeerDown(node katakv.NodeID, class wire.Class) {
	switch class {
	case wire.ClassBulk:
		n.withRouter(func(r *router.Router) { r.PeerDown(node) })
		n.senders.peerDown(node)
		n.receiver.peerDown(node)
	case wire.ClassLog:
		m := n.machinery.Load()
		if m == nil {
			return
		}
		for _, l := range m.loops {
			l.inbox.put(event{do: func(c *core.Core) error { c.PeerUnreachable(node); return nil }})
		}
	}
}

// PeerRefused is called by transport when nobody listens where a node should.
func (n *Node) PeerRefused(node katakv.NodeID) {
	n.pulse.with(func(w *liveness.Watch) { w.Refused(clock.Boot(), node) })
}

// gossip tells every other node this one's epoch and what it leads.
func (n *Node) gossip() {
	t := n.Topology()
	if t.Map == nil {
		return
	}
	n.routerMu.Lock()
	g := &wire.Gossip{Epoch: t.Map.Epoch, Leading: n.router.Leading(), Peer: n.cfg.Advertised.Peer}
	n.routerMu.Unlock()
	for i := range t.Map.Nodes {
		if id := t.Map.Nodes[i].ID; id != t.Self {
			n.transport.Send(id, g) // lost: the next one follows within gossipInterval
		}
	}
}

func (n *Node) receiveGossip(from katakv.NodeID, g *wire.Gossip) {
	if epoch := n.Topology().Map.Epoch; g.Epoch > epoch {
		n.transport.Send(from, &wire.MapRequest{Epoch: epoch}) // lost: the next gossip asks again
	}
	if here, ok := n.resolve(from); ok && here != g.Peer && g.Peer != "" {
		// It moved, and cannot tell the map before others can answer it.
		n.moved.Store(from, g.Peer)
		n.transport.Refresh(from)
	}
	n.withRouter(func(r *router.Router) { r.Gossip(from, g.Leading) })
}

// mapChanged takes over a newer cluster map: on disk first, then everywhere in the node.
func (n *Node) mapChanged(encoded []byte) {
	clusterMap, err := placement.Decode(encoded)
	if err != nil {
		n.cfg.Logger.Error("ignored a cluster map that cannot be understood", "error", err)
		return
	}
	n.group.Start(func() { n.adopt(clusterMap) })
}

func (n *Node) adopt(clusterMap *placement.Map) {
	n.bootstrapMu.Lock()
	defer n.bootstrapMu.Unlock()
	before := n.Topology()
	if clusterMap.Cluster != before.Map.Cluster || clusterMap.Epoch <= before.Map.Epoch {
		return
	}
	if err := n.dir.SetMap(clusterMap); err != nil {
		n.cfg.Logger.Warn("cache the cluster map", "error", err) // the next start begins with an older one
	}
	for _, l := range n.machinery.Load().loops {
		l.inbox.put(event{do: func(c *core.Core) error { c.SetMap(clusterMap); return nil }})
	}
	n.withRouter(func(r *router.Router) { r.SetMap(before.Self, clusterMap) })
	n.pulse.setMap(before.Self, clusterMap)
	for i := range clusterMap.Nodes {
		now := &clusterMap.Nodes[i]
		if old := before.Map.Node(now.ID); old != nil && old.Addresses.Peer != now.Addresses.Peer {
			n.transport.Refresh(now.ID)
		}
	}
	n.gossipSoon.Store(true)
}

// announce tells the cluster this node's addresses when the map has others, until it took them.
func (n *Node) announce() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		self := n.Topology().Map.Node(n.Topology().Self)
		if self == nil || (self.Addresses == n.cfg.Advertised && self.Zone == n.cfg.Zone) {
			return
		}
		err := n.change(ctx, placement.Change{UpdateNode: &placement.UpdateNode{
			ID: self.ID, Zone: n.cfg.Zone, Addresses: n.cfg.Advertised,
		}})
		if err != nil {
			n.cfg.Logger.Warn("announce this node's addresses", "error", err)
		}
		select {
		case <-n.group.Stopped():
			return
		case <-clock.After(announceInterval):
		}
	}
}

func mapChange(c placement.Change) command.Operation {
	return command.Operation{Kind: command.KindMapChange, Values: [][]byte{placement.EncodeChange(c)}}
}

package sim

import (
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/wire"
)

// receive takes a message from a peer.
func (n *Node) receive(from katakv.NodeID, m wire.Message) {
	n.admit(sourceOf(from), func() { n.take(from, m) })
}

// take does what a message asks for.
func (n *Node) take(from katakv.NodeID, m wire.Message) {
	switch msg := m.(type) {
	case *wire.RaftBatch:
		n.core.Receive(from, msg)
		n.wake()
	case *wire.Forward:
		n.router.Forward(n.now(), from, msg)
	case *wire.ForwardReply:
		n.router.ForwardReply(n.now(), from, msg)
	case *wire.SnapshotChunk:
		n.receiveChunk(from, msg)
	case *wire.SnapshotAck:
		n.snapshotAcknowledged(from, msg)
	case *wire.Probe:
		n.watch.Probe(n.now(), from, msg)
		n.carryWatch()
	case *wire.ProbeAnswer:
		n.watch.Answer(n.now(), from, msg)
		n.carryWatch()
	case *wire.Gossip:
		if msg.Epoch > n.known.Epoch {
			n.cluster.network.send(n.id, from, &wire.MapRequest{Epoch: n.known.Epoch})
		}
		n.router.Gossip(from, msg.Leading)
	case *wire.MapRequest:
		if n.known.Epoch > msg.Epoch {
			n.cluster.network.send(n.id, from, &wire.MapReply{Map: n.known.Encode()})
		}
	case *wire.MapReply:
		n.adopt(msg.Map)
	}
	n.carryRouter()
}

// watchAll watches the other nodes of the map.
func (n *Node) watchAll() {
	n.watch.SetPeers(n.now(), n.known.Others(n.id))
}

// carryWatch carries out the watch's effects.
func (n *Node) carryWatch() {
	fx := n.watch.Effects()
	for _, h := range fx.Holds {
		n.promised(h)
	}
	for _, v := range fx.Verdicts {
		if v.Suspect {
			n.cluster.tell("%v suspects %v", n.id, v.Node)
			n.router.PeerDown(v.Node)
			n.core.Suspect(v.Node)
		} else {
			n.core.Trust(v.Node)
		}
		n.wake()
	}
	for _, f := range fx.Frames {
		if answer, ok := f.Message.(*wire.ProbeAnswer); ok {
			n.cluster.witness.leases.answered(n, answer)
		}
		n.cluster.network.send(n.id, f.To, f.Message)
	}
	n.carryRouter()
}

// promised tells the core that a promise runs, or none any more.
func (n *Node) promised(h liveness.Hold) {
	if h.Session == (wire.Session{}) {
		n.core.Lapsed(h.Node, h.Accuse)
	} else {
		n.cluster.witness.leases.promised(n, h.Session)
		n.core.Hold(h.Node, h.Session)
	}
	n.wake()
}

// pulse probes and lets promises end, and looks again when the next is due.
func (n *Node) pulse() {
	n.watch.Tick(n.now())
	n.carryWatch()
	n.after(n.clock.takes(n.watch.Next()-n.now())+time.Microsecond, kindPulse, n.pulse) // rounded up
}

// refused hears that a node does not take connections.
func (n *Node) refused(node katakv.NodeID) {
	n.watch.Refused(n.now(), node)
	n.carryWatch()
}

// gossip tells the others what this node leads, as a real node does.
func (n *Node) gossip() {
	n.gossipSoon = false
	g := &wire.Gossip{Epoch: n.known.Epoch, Leading: n.router.Leading()}
	n.cluster.witness.claims(n, g.Leading)
	for i := range n.known.Nodes {
		if id := n.known.Nodes[i].ID; id != n.id {
			n.cluster.network.send(n.id, id, g)
		}
	}
}

// adopt takes over a newer cluster map.
func (n *Node) adopt(encoded []byte) {
	m, err := placement.Decode(encoded)
	if err != nil {
		n.cluster.fail(fmt.Errorf("%v: %w", n.id, err))
		return
	}
	if m.Epoch <= n.known.Epoch {
		return
	}
	n.known = m
	n.core.SetMap(m)
	n.router.SetMap(n.id, m)
	n.watchAll()
	n.gossipSoon = true
	n.cluster.witness.mapSeen(n)
}

// peerDown hears that the connections to a node broke.
func (n *Node) peerDown(peer katakv.NodeID) {
	if !n.up {
		return
	}
	n.admit(sourceOf(peer), func() {
		n.core.PeerUnreachable(peer)
		n.router.PeerDown(peer)
		n.streamsDown(peer)
		n.carryRouter()
		n.wake()
	})
}

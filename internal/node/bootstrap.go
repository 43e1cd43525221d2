package node

import (
	"errors"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/datadir"
	"github.com/katakv/katakv/internal/engine/pebble"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/wire"
)

// A cluster is created in two steps, so that a node whose disk was wiped can never slip back in under its old
// id and vote a second time:
//
//	prepare    every node writes its place in the map to its disk; none takes part yet
//	activate   every node is told that all have prepared; it takes part from now on
//
// Each step can be repeated. If any node is active, every node had prepared: an empty one among them lost its
// disk, and whoever creates clusters must refuse to prepare it again (internal/bootstrap does).

// Admin answers an administrator's request; transport calls it.
func (n *Node) Admin(request wire.Message) wire.Message {
	switch req := request.(type) {
	case *wire.NodeStatusRequest:
		return n.status()
	case *wire.BootstrapRequest:
		reply := &wire.BootstrapReply{}
		if err := n.bootstrap(req); err != nil {
			reply.Error = err.Error()
		}
		return reply
	default:
		return &wire.AdminError{Error: fmt.Sprintf("%T is not a request that administrators make", request)}
	}
}

func (n *Node) status() *wire.NodeStatus {
	n.bootstrapMu.Lock()
	defer n.bootstrapMu.Unlock()
	id := n.dir.Identity()
	s := &wire.NodeStatus{
		Cluster: id.Cluster, Node: id.Node, Empty: id.Empty(), Active: id.Active(),
		Zone: n.cfg.Zone, Addresses: n.cfg.Advertised, Version: n.cfg.Version,
	}
	if m, err := n.dir.Map(); err == nil && m != nil {
		s.Map = m.Encode()
	}
	return s
}

func (n *Node) bootstrap(req *wire.BootstrapRequest) error {
	clusterMap, err := placement.Decode(req.Map)
	if err != nil {
		return fmt.Errorf("decode the cluster map: %w", err)
	}
	if clusterMap.Node(req.Node) == nil {
		return fmt.Errorf("the cluster map has no node %v", req.Node)
	}
	n.bootstrapMu.Lock()
	defer n.bootstrapMu.Unlock()
	id := n.dir.Identity()
	switch {
	case !id.Empty() && (id.Cluster != clusterMap.Cluster || id.Node != req.Node):
		return fmt.Errorf("this node is %v of cluster %v already: give the new cluster a node with an empty data directory",
			id.Node, id.Cluster)
	case req.Activate && id.Empty():
		return errors.New("this node has not prepared: its data directory is empty")
	case req.Activate && id.Active(), !req.Activate && !id.Empty():
		return nil
	case req.Activate:
		return n.activate()
	default:
		return n.prepare(req.Node, clusterMap)
	}
}

// prepare writes the initial state of every replica that the map places here. The identity goes last: until it
// is written the directory counts as empty, by a first identity that says so.
func (n *Node) prepare(self katakv.NodeID, m *placement.Map) error {
	id := datadir.Identity{Cluster: m.Cluster, Node: self, Cores: n.cfg.Cores, Stage: datadir.Prepared}
	if err := n.dir.Prepare(id); err != nil {
		return err
	}
	e, err := pebble.Open(n.dir.StatePath(), pebble.Options{Logger: n.cfg.Logger})
	if err != nil {
		return fmt.Errorf("create the state engine: %w", err)
	}
	err = kv.WriteInitialState(e, self, m)
	if err = errors.Join(err, e.Close()); err != nil {
		return err
	}
	if err := n.dir.SetMap(m); err != nil {
		return err
	}
	return n.dir.SetIdentity(id)
}

// activate makes the prepared node take part.
func (n *Node) activate() error {
	id := n.dir.Identity()
	id.Stage = datadir.Active
	if err := n.dir.SetIdentity(id); err != nil {
		return err
	}
	if err := n.assemble(); err != nil {
		n.fail(err)
		return err
	}
	n.launch(n.machinery.Load())
	n.cfg.Logger.Info("this node is part of a cluster now", "cluster", id.Cluster.String(), "node", uint64(id.Node))
	return nil
}

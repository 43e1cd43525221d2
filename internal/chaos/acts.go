package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/localcluster"
)

// askTimeout bounds one question to a node that may be in trouble.
const askTimeout = time.Second

// kill ends a node's process at once. It does nothing when the node does not run.
func (st *stage) kill(n *localcluster.Node) error {
	return st.end(n, FaultKill, n.Kill)
}

// terminate asks a node's process to stop and waits until it has.
func (st *stage) terminate(n *localcluster.Node) error {
	return st.end(n, FaultTerminate, n.Terminate)
}

func (st *stage) end(n *localcluster.Node, kind FaultKind, act func() error) error {
	if !n.Running() {
		return nil
	}
	end := st.faults.begin(kind, n.ID, "node %d", n.ID)
	st.change(n.ID, func(c *condition) { c.end = end })
	return unlessEnded(n, act())
}

// unlessEnded drops the error of an act on a process that has ended meanwhile: whoever watches it tells of that.
func unlessEnded(n *localcluster.Node, err error) error {
	if err != nil && n.Running() {
		return err
	}
	return nil
}

// start starts a node that is down and can come back, with power if it was without.
func (st *stage) start(n *localcluster.Node) error {
	if n.Running() || st.lost(n.ID) {
		return nil
	}
	var dark bool
	st.change(n.ID, func(c *condition) { dark = c.dark })
	if dark {
		if err := st.disks[n.ID-1].Restore(); err != nil {
			return fmt.Errorf("give node %d its disk back: %w", n.ID, err)
		}
	}
	var end func()
	st.change(n.ID, func(c *condition) {
		end = c.end
		*c = condition{}
	})
	if end != nil {
		end()
	}
	return n.Start()
}

// cutPower takes the power from a node: from its process, and in the same moment from its disk. In this order, because
// the kernel may call a sync that is in flight during the cut a success, and the process must not live to pass that on.
func (st *stage) cutPower(n *localcluster.Node) error {
	var dark bool
	end := st.faults.begin(FaultPowerCut, n.ID, "node %d", n.ID)
	st.change(n.ID, func(c *condition) {
		dark = c.dark
		c.excused, c.dark = true, true
		if c.end == nil {
			c.end = end
		}
	})
	if dark {
		return nil
	}
	if err := unlessEnded(n, n.BeginKill()); err != nil {
		return err
	}
	if err := st.disks[n.ID-1].Cut(); err != nil {
		return fmt.Errorf("cut the power of node %d: %w", n.ID, err)
	}
	return unlessEnded(n, n.Kill())
}

// pause lets a node stand still until resume is called.
func (st *stage) pause(n *localcluster.Node) (resume func() error, err error) {
	if err := unlessEnded(n, n.Pause()); err != nil {
		return nil, err
	}
	end := st.faults.begin(FaultPause, n.ID, "node %d", n.ID)
	return func() error {
		end()
		return unlessEnded(n, n.Resume())
	}, nil
}

// together calls act for each node at the same time.
func together(nodes []*localcluster.Node, act func(n *localcluster.Node) error) error {
	errs := make([]error, len(nodes))
	var group sync.WaitGroup
	for i, n := range nodes {
		group.Go(func() { errs[i] = act(n) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// view returns the cluster as some node knows it, other than the one named.
func (st *stage) view(ctx context.Context, not int) (*admin.ClusterView, error) {
	last := errors.New("no node runs")
	for _, n := range st.cluster.Nodes {
		if n.ID == not || !n.Running() {
			continue
		}
		ask, cancel := context.WithTimeout(ctx, askTimeout)
		v := &admin.ClusterView{}
		err := admin.Fetch(ask, n.HTTP, "/v1/cluster", v)
		cancel()
		if err == nil {
			return v, nil
		}
		last = err
	}
	return nil, last
}

// leader returns who leads a shard as another node than the one named knows it; nil when nobody is known.
func (st *stage) leader(ctx context.Context, shard katakv.ShardID, not int) *localcluster.Node {
	v, err := st.view(ctx, not)
	if err != nil {
		return nil
	}
	for _, row := range v.Shards {
		if row.ID != shard {
			continue
		}
		for _, n := range st.cluster.Nodes {
			if katakv.NodeID(n.ID) == row.Leader && n.Running() {
				return n
			}
		}
	}
	return nil
}

// shards returns the shards that hold data.
func (st *stage) shards(ctx context.Context) ([]shardSlots, error) {
	v, err := st.view(ctx, 0)
	if err != nil {
		return nil, err
	}
	var shards []shardSlots
	for _, row := range v.Shards {
		if row.Slots != nil {
			shards = append(shards, shardSlots{id: row.ID, slots: *row.Slots})
		}
	}
	return shards, nil
}

// running returns the nodes whose processes live.
func (st *stage) running() []*localcluster.Node {
	var nodes []*localcluster.Node
	for _, n := range st.cluster.Nodes {
		if n.Running() {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

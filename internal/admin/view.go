package admin

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/slot"
)

// ClusterView is the answer of /v1/cluster: the cluster as one node knows it.
type ClusterView struct {
	Cluster string        `json:"cluster"`
	Epoch   katakv.Epoch  `json:"epoch"`
	Self    katakv.NodeID `json:"self"` // the node that answers
	Ready   bool          `json:"ready"`
	// Problem says what keeps the cluster from being ready.
	Problem  string             `json:"problem,omitempty"`
	Settings placement.Settings `json:"settings"`
	Nodes    []NodeRow          `json:"nodes"`
	Shards   []ShardRow         `json:"shards"`
}

// NodeRow is one node of a ClusterView.
type NodeRow struct {
	ID        katakv.NodeID       `json:"id"`
	Zone      string              `json:"zone,omitempty"`
	Weight    int                 `json:"weight"`
	Addresses placement.Addresses `json:"addresses"`
	Replicas  int                 `json:"replicas"`
	Leads     int                 `json:"leads"` // shards whose last known leader it is
}

// ShardRow is one shard of a ClusterView. The meta shard has id 0 and no slots.
type ShardRow struct {
	ID              katakv.ShardID      `json:"id"`
	Slots           *slot.Range         `json:"slots,omitempty"`
	Leader          katakv.NodeID       `json:"leader"`          // the last known one
	PreferredLeader katakv.NodeID       `json:"preferredLeader"` // who should lead when it can
	Replicas        []placement.Replica `json:"replicas"`
}

// ReplicaRow is one row of /v1/replicas.
type ReplicaRow struct {
	Shard   katakv.ShardID   `json:"shard"`
	Replica katakv.ReplicaID `json:"replica"`
	Term    katakv.Term      `json:"term"`
	Leader  katakv.ReplicaID `json:"leader"` // zero when none is known
	Leads   bool             `json:"leads"`  // this replica leads
	Applied katakv.Index     `json:"applied"`
}

// newClusterView needs a topology with a map.
func newClusterView(t *router.Topology, problem error) ClusterView {
	m := t.Map
	view := ClusterView{
		Cluster: m.Cluster.String(), Epoch: m.Epoch, Self: t.Self, Ready: problem == nil, Settings: m.Settings,
		Nodes: make([]NodeRow, len(m.Nodes)), Shards: make([]ShardRow, len(m.Shards)),
	}
	if problem != nil {
		view.Problem = problem.Error()
	}
	place := make(map[katakv.NodeID]*NodeRow, len(m.Nodes))
	for i, n := range m.Nodes {
		view.Nodes[i] = NodeRow{ID: n.ID, Zone: n.Zone, Weight: n.Weight, Addresses: n.Addresses}
		place[n.ID] = &view.Nodes[i]
	}
	for i, s := range m.Shards {
		view.Shards[i] = ShardRow{
			ID: s.ID, Slots: s.Slots, Leader: t.Leaders[i], PreferredLeader: s.Leader, Replicas: s.Replicas,
		}
		if n := place[t.Leaders[i]]; n != nil {
			n.Leads++
		}
		for _, r := range s.Replicas {
			if n := place[r.Node]; n != nil {
				n.Replicas++
			}
		}
	}
	return view
}

func newReplicaRows(rows []core.Status) []ReplicaRow {
	view := make([]ReplicaRow, len(rows))
	for i, r := range rows {
		view[i] = ReplicaRow{Shard: r.Shard, Replica: r.Replica, Term: r.Term, Leader: r.Leader, Leads: r.Self, Applied: r.Applied}
	}
	return view
}

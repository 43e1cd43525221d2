package node

import (
	"fmt"
	"strconv"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/raftlog"
)

// Section is a named group of facts for operators, in order.
type Section struct {
	Name   string
	Fields []Field
}

// Field is one fact.
type Field struct {
	Key, Value string
}

// Metrics are figures of one node.
type Metrics struct {
	Node     katakv.NodeID
	Boot     katakv.BootID
	Leading  int
	Replicas int
	Engine   engine.Metrics
	Logs     []raftlog.Stats // by core
	ReadOnly bool
}

// Metrics returns the node's figures; most are zero while it waits for a cluster.
func (n *Node) Metrics() Metrics {
	out := Metrics{Node: n.Topology().Self, ReadOnly: n.readOnly.Load()}
	m := n.machinery.Load()
	if m == nil {
		return out
	}
	out.Boot = n.boot
	for _, r := range n.Replicas() {
		out.Replicas++
		if r.Self {
			out.Leading++
		}
	}
	out.Engine = m.engine.Metrics()
	for _, w := range m.writers {
		out.Logs = append(out.Logs, *w.stats.Load())
	}
	return out
}

// Info returns what INFO tells of this node.
func (n *Node) Info() []Section {
	t, x := n.Topology(), n.Metrics()
	replication := Section{Name: "Replication", Fields: []Field{
		// Clients that look for a writable node must find one.
		{"role", "master"},
		{"shards_led", strconv.Itoa(x.Leading)},
		{"replicas", strconv.Itoa(x.Replicas)},
	}}
	storage := Section{Name: "Persistence", Fields: []Field{
		{"loading", strconv.Itoa(bit(t.Map == nil))},
		{"writes_refused", strconv.Itoa(bit(x.ReadOnly))},
		{"state_disk_bytes", strconv.FormatInt(x.Engine.DiskBytes, 10)},
		{"state_flushes", strconv.FormatInt(x.Engine.Flushes, 10)},
	}}
	for i := range x.Logs {
		storage.Fields = append(storage.Fields,
			Field{fmt.Sprintf("log%d_disk_bytes", i), strconv.FormatInt(x.Logs[i].DiskBytes, 10)},
			Field{fmt.Sprintf("log%d_syncs", i), strconv.FormatInt(x.Logs[i].Syncs, 10)})
	}
	return []Section{replication, storage}
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}

// Checksum is a hash of a shard's contents at an applied index: equal on all replicas at equal indexes.
type Checksum struct {
	Shard   katakv.ShardID
	Replica katakv.ReplicaID
	Applied katakv.Index
	Sum     uint64
}

// Checksums reads all that this node holds, from one engine snapshot.
func (n *Node) Checksums() ([]Checksum, error) {
	m := n.machinery.Load()
	if m == nil {
		return nil, nil
	}
	view := m.engine.NewSnapshot()
	defer func() { _ = view.Close() }() // a view of memory: nothing is lost
	metas, err := kv.ListMetas(view)
	if err != nil {
		return nil, fmt.Errorf("list replicas: %w", err)
	}
	rows := make([]Checksum, 0, len(metas))
	for i := range metas {
		sum, applied, err := kv.Checksum(view, metas[i].Shard)
		if err != nil {
			return nil, fmt.Errorf("checksum of %v: %w", metas[i].Shard, err)
		}
		rows = append(rows, Checksum{Shard: metas[i].Shard, Replica: metas[i].Replica, Applied: applied, Sum: sum})
	}
	return rows, nil
}

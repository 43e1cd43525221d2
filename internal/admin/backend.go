package admin

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
)

// Backend is what the HTTP door needs of a node. All methods may be called from any goroutine.
type Backend interface {
	// Ready returns why the node cannot serve every key yet, or nil.
	Ready() error

	// Topology returns the node's present view of the cluster, never nil.
	Topology() *router.Topology

	// Replicas returns a row for every replica on this node; nil while it waits for a cluster or stops.
	Replicas() []core.Status

	// NodeInfo returns what is known about the node itself.
	NodeInfo() NodeInfo

	// Checksums computes a checksum of every replica's state, from one engine snapshot. It takes as long as
	// reading all of it.
	Checksums() ([]Checksum, error)

	// Metrics returns what the node counts. Names are whole, such as "katakv_log_syncs_total".
	Metrics() []Metric
}

// NodeInfo describes a node. IDs are zero while it waits for a cluster.
type NodeInfo struct {
	ID        katakv.NodeID       `json:"id"`
	Cluster   string              `json:"cluster,omitempty"` // 16 hexadecimal digits
	Boot      katakv.BootID       `json:"boot"`
	Version   string              `json:"version"`
	Zone      string              `json:"zone,omitempty"`
	Addresses placement.Addresses `json:"addresses"`
	Data      DataInfo            `json:"data"`
}

// DataInfo describes a data directory.
type DataInfo struct {
	Path       string `json:"path"`
	Bytes      int64  `json:"bytes"`      // files in it
	FreeBytes  uint64 `json:"freeBytes"`  // of its file system
	TotalBytes uint64 `json:"totalBytes"` // of its file system
}

// Checksum is the checksum of one replica's state at one applied index: replicas that agree have the same one.
type Checksum struct {
	Shard    katakv.ShardID   `json:"shard"`
	Replica  katakv.ReplicaID `json:"replica"`
	Applied  katakv.Index     `json:"applied"`
	Checksum string           `json:"checksum"` // 16 hexadecimal digits
}

// Metric is one number at one moment.
type Metric struct {
	Name, Help string
	// Counter says that it only grows while the process lives; otherwise it is a gauge.
	Counter bool
	// Labels are names and values in turn. Every metric of one name has the same label names.
	Labels []string
	Value  float64
}

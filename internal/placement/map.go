package placement

import (
	"cmp"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

// MapVersion is the version of the encoded form of [Map].
const MapVersion = 1

// Map is the cluster map. Nodes and Shards are sorted by id. It is immutable once published.
type Map struct {
	Version  int              `json:"version"`
	Cluster  katakv.ClusterID `json:"cluster,string"`
	Epoch    katakv.Epoch     `json:"epoch"`
	Nodes    []Node           `json:"nodes"`
	Shards   []Shard          `json:"shards"` // Shards[0] is the meta shard
	Settings Settings         `json:"settings"`

	// The next ids to give out. Ids are never reused, so these only grow.
	NextNode    katakv.NodeID    `json:"nextNode"`
	NextShard   katakv.ShardID   `json:"nextShard"`
	NextReplica katakv.ReplicaID `json:"nextReplica"`
}

// Node is one process and its data directory.
type Node struct {
	ID     katakv.NodeID `json:"id"`
	Zone   string        `json:"zone,omitempty"`
	Weight int           `json:"weight"` // share of replicas relative to other nodes; at least 1
	// Addresses as others must dial them ("host:port"), which may differ from what the node listens on.
	Addresses Addresses `json:"addresses"`
}

// Addresses are a node's advertised doors.
type Addresses struct {
	Peer    string `json:"peer"`    // other nodes
	Cluster string `json:"cluster"` // Redis Cluster clients
	Plain   string `json:"plain"`   // every other Redis client
	HTTP    string `json:"http"`    // HTTP API, health
}

// Shard is a range of slots served by one Raft group.
type Shard struct {
	ID katakv.ShardID `json:"id"`
	// Slots is the range served; nil for the meta shard.
	Slots    *slot.Range `json:"slots,omitempty"`
	Replicas []Replica   `json:"replicas"`
	// Leader is the node whose replica should lead when it can: the balance of leaders rests on it.
	Leader katakv.NodeID `json:"leader"`
}

// Replica is one member of a shard on one node.
type Replica struct {
	ID      katakv.ReplicaID `json:"id"`
	Node    katakv.NodeID    `json:"node"`
	Learner bool             `json:"learner,omitempty"`
}

// Settings hold for the whole cluster.
type Settings struct {
	Replicas      int `json:"replicas"`      // voters per shard
	MaxValueBytes int `json:"maxValueBytes"` // largest value accepted

	// RequestRetention is how long a shard remembers a request, in whole milliseconds; zero means the default.
	RequestRetention time.Duration `json:"requestRetention,omitempty"`

	// Consistency is what reads ask for that do not say it themselves.
	Consistency katakv.Consistency `json:"consistency,omitzero"`

	// StrongReads is how leaders make sure that they lead before they answer strong reads.
	StrongReads StrongReads `json:"strongReads,omitempty"`
}

// StrongReads is a way to answer strong reads; see docs/decisions/0019.
type StrongReads string

// The ways. The empty one is StrongReadsLease.
const (
	// StrongReadsLease answers under a lease where there is one. It rests on clocks whose rates differ little.
	StrongReadsLease StrongReads = "lease"
	// StrongReadsIndex asks a quorum each time, and needs no clock.
	StrongReadsIndex StrongReads = "read-index"
)

// OrDefault returns s, or the default if s is empty.
func (s StrongReads) OrDefault() StrongReads { return cmp.Or(s, StrongReadsLease) }

// MarshalText returns s.
func (s StrongReads) MarshalText() ([]byte, error) { return []byte(s), nil }

// UnmarshalText takes one of the ways, or nothing.
func (s *StrongReads) UnmarshalText(text []byte) error {
	switch parsed := StrongReads(text); parsed {
	case "", StrongReadsLease, StrongReadsIndex:
		*s = parsed
		return nil
	default:
		return fmt.Errorf("strong reads by %q: choose %q or %q", text, StrongReadsLease, StrongReadsIndex)
	}
}

// Leases reports whether leaders answer strong reads under leases.
func (s *Settings) Leases() bool { return s.StrongReads != StrongReadsIndex }

package katakv

import "fmt"

// NodeID names one process and its data directory. Zero is no node. Never reused.
type NodeID uint64

// ShardID names a set of slots served by one Raft group. Never reused. [MetaShard] holds the cluster map.
type ShardID uint64

// ReplicaID names one member of one shard; it is also its Raft id. Zero is no replica. Never reused, so a
// node that lost its disk cannot come back as a member that forgot its vote.
type ReplicaID uint64

// Term is a Raft election number.
type Term uint64

// Index is a position in one shard's log.
type Index uint64

// Epoch is the version of the cluster map; every change of the map adds one.
type Epoch uint64

// Slot is CRC16(key or its hash tag) mod [SlotCount], as in Redis Cluster.
type Slot uint16

// ClusterID tells clusters apart: nodes with different ones refuse to speak to each other.
type ClusterID uint64

// BootID counts the starts of one node's data directory.
type BootID uint64

// MetaShard is the shard whose state is the cluster map. It owns no slots.
const MetaShard ShardID = 0

// String returns "n7".
func (id NodeID) String() string { return fmt.Sprintf("n%d", uint64(id)) }

// String returns "s7".
func (id ShardID) String() string { return fmt.Sprintf("s%d", uint64(id)) }

// String returns "r7".
func (id ReplicaID) String() string { return fmt.Sprintf("r%d", uint64(id)) }

// String returns 16 hexadecimal digits.
func (id ClusterID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

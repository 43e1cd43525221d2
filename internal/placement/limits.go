package placement

import "github.com/katakv/katakv"

// Bounds on what a map may hold, checked by [Map.Validate] and before decoding.
const (
	// MaxMapBytes bounds an encoded map: one slot a shard, a full joint configuration each and long ids stay
	// below it, and a decoder never holds more than a small multiple.
	MaxMapBytes = 16 << 20

	// MaxChangeBytes bounds an encoded change, which names one node or shard.
	MaxChangeBytes = 64 << 10

	// MaxAddressBytes bounds one address: the longest host name (253), a colon and a port.
	MaxAddressBytes = 260

	// MaxZoneBytes bounds a zone's name, which is shown in tables.
	MaxZoneBytes = 64

	// MaxWeight bounds a node's weight, so that sums of weights cannot overflow anywhere.
	MaxWeight = 1000
)

// smallClusterShards is the measured best compromise between fine balance and full batches.
const smallClusterShards = 48

// shardsPerNode keeps the share of one node fine enough to be handed to several others when it is lost.
const shardsPerNode = 4

// DefaultShards is the number of data shards for a new cluster of that many nodes: 48 for small ones.
func DefaultShards(nodes int) int {
	return min(max(smallClusterShards, shardsPerNode*nodes), katakv.MaxShards)
}

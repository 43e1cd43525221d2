package katakv

import "time"

// SlotCount is Redis Cluster's number of slots; clients compute slots themselves, so it cannot differ.
const SlotCount = 16384

// Limits on what clients may send. Over a limit the command is refused whole and nothing is changed.
const (
	// MaxKeyBytes bounds a key: keys are held in indexes, logs and iterators, where long ones cost everyone.
	MaxKeyBytes = 64 << 10

	// MaxValueBytes bounds any configured value limit: one value travels in one Raft entry and in one frame
	// between nodes, and both are held in memory whole.
	MaxValueBytes = 64 << 20

	// DefaultMaxValueBytes is the value limit unless configured: an 8 MiB entry still replicates in well
	// under a second on a slow network.
	DefaultMaxValueBytes = 8 << 20

	// MaxCommandArgs bounds the arguments of one command: large enough for every real MSET, small enough
	// that "*9000000000" is refused before anything is allocated.
	MaxCommandArgs = 1 << 20

	// MaxReplyBytes bounds the values that the reads of one pipeline take from one shard at a time: the node
	// holds them in memory before the first is sent. One value always fits, however large; the reads for which
	// there is no room are done again once the others are sent.
	MaxReplyBytes = 8 << 20

	// MaxCommandBytes bounds one command, all arguments together: a value of the largest size and its key.
	MaxCommandBytes = MaxValueBytes + MaxKeyBytes + 4096
)

// Limits on requests that are remembered so that they can be retried; see docs/decisions/0020-request-ids.md.
const (
	// MaxRequestIDBytes bounds a request id: room for any UUID or hash in text, and little to store.
	MaxRequestIDBytes = 128

	// DefaultRequestRetention is how long a request is remembered: far longer than any client should go on retrying,
	// and short enough that a shard can remember what it does meanwhile.
	DefaultRequestRetention = 10 * time.Minute

	// MinRequestRetention and MaxRequestRetention bound the setting: below a second hardly a retry comes in time, and
	// beyond a day a shard would have no room for the requests of the next.
	MinRequestRetention = time.Second
	MaxRequestRetention = 24 * time.Hour

	// MaxRememberedReplyBytes bounds the reply that is stored with a request. Only a command that answers a value that
	// it replaces can have a larger one: with a request id that is refused.
	MaxRememberedReplyBytes = 64 << 10

	// MaxRememberedBytes bounds what one shard remembers, keys and replies together: at the default retention that is
	// some two thousand requests a second, and a snapshot that is still quickly sent.
	MaxRememberedBytes = 256 << 20
)

// Limits on the cluster's shape.
const (
	// MaxReplicas is the largest replication factor: beyond five, a quorum costs more than it protects.
	MaxReplicas = 5

	// MaxNodes bounds the cluster map, which every node holds in memory.
	MaxNodes = 1024

	// MaxShards is one shard a slot.
	MaxShards = SlotCount
)

// Timeouts that users can see.
const (
	// DefaultRequestTimeout is how long a request may wait for a leader or a quorum before its client hears
	// that the outcome is an error or unknown: longer than any failover, shorter than a user's patience.
	DefaultRequestTimeout = 5 * time.Second
)

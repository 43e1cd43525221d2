package replica

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/wire"
)

// Output collects what replicas want done during one pass. The core empties it.
type Output struct {
	// Updates go into the pass's one log batch, in order.
	Updates []raftlog.Update
	// Awaiting are told, in order, when that batch is durable; without an update, when earlier ones are.
	Awaiting []Awaiting
	// Messages go to other members of their shards.
	Messages []Outgoing
	// Completions answer requests.
	Completions []Completion
	// Sends are snapshots to stream to followers.
	Sends []SnapshotSend
	// Installs are received snapshots to be made durable in the engine.
	Installs []SnapshotInstall
	// Leaderships are the shards whose known leader changed.
	Leaderships []Leadership
}

// Awaiting is a set of Raft messages that may be delivered once a batch is durable.
type Awaiting struct {
	Replica   *Replica
	Responses []*raftpb.Message
	stamp     stamp
}

// Outgoing is a message for another member of a shard.
type Outgoing struct {
	Shard   katakv.ShardID
	Message *raftpb.Message
	// Session is that of the promise under which Message acknowledges an append; zero: none.
	Session wire.Session
}

// SnapshotSend asks for a shard's state to be streamed to a follower; its end is reported with
// [Replica.SnapshotSent]. The receiver owns View and must close it.
type SnapshotSend struct {
	Shard   katakv.ShardID
	Message *raftpb.Message
	View    engine.Snapshot
}

// Installation is a received snapshot, staged and verified, not yet visible.
type Installation interface {
	// Commit swaps it into the engine and returns when it is durable. It blocks.
	Commit() (kv.Meta, error)
	// Abort drops it; safe after Commit.
	Abort()
}

// SnapshotInstall asks for Installation.Commit; its end is reported with [Replica.SnapshotInstalled].
type SnapshotInstall struct {
	Shard        katakv.ShardID
	Installation Installation
}

// Leadership is what a replica knows of its shard's leader.
type Leadership struct {
	Shard katakv.ShardID
	Term  katakv.Term
	// Leader is the leading replica, or zero while none is known.
	Leader katakv.ReplicaID
	// Self is true when this replica leads.
	Self bool
}

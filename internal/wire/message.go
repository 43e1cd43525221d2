package wire

import (
	"fmt"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
)

// Class is the kind of connection a message travels on: a large value must never delay a heartbeat.
type Class uint8

// The classes, most urgent first.
const (
	ClassControl Class = iota // heartbeats, votes, read indexes, gossip: small and urgent
	ClassLog                  // log appends and their answers
	ClassBulk                 // forwarded requests, snapshots
	ClassCount
)

// String returns the class's name: "control", "log" or "bulk".
func (c Class) String() string {
	switch c {
	case ClassControl:
		return "control"
	case ClassLog:
		return "log"
	case ClassBulk:
		return "bulk"
	default:
		return fmt.Sprintf("class-%d", uint8(c))
	}
}

// Message is one of the pointer types of this package.
type Message interface {
	// Class says on which kind of connection the message travels.
	Class() Class
}

// RaftBatch carries the Raft messages of one pass for one peer and one class.
type RaftBatch struct {
	Control bool // true: only heartbeats, votes and read indexes
	Items   []RaftItem
}

// RaftItem is one Raft message for one replica. Message.From and To are replica ids.
type RaftItem struct {
	Shard   katakv.ShardID
	Message *raftpb.Message
	// Session is that of the promise to the leader's node under which an append was acknowledged; zero: none ran.
	Session Session
}

// Session is an unbroken run of promises from one node to another. The zero value is none.
type Session struct {
	Boot  katakv.BootID // of who promises
	Count uint64        // of its sessions since then
}

// Before reports whether the same node opened s before other.
func (s Session) Before(other Session) bool {
	return s.Boot < other.Boot || (s.Boot == other.Boot && s.Count < other.Count)
}

// Class returns ClassControl or ClassLog.
func (b *RaftBatch) Class() Class {
	if b.Control {
		return ClassControl
	}
	return ClassLog
}

// Forward asks the node that leads a shard to execute operations on behalf of a client, in order and as a
// unit: either all are offered to the leader or none.
type Forward struct {
	ID    uint64 // chosen by the sender, unique among its forwards in flight
	Shard katakv.ShardID
	Epoch katakv.Epoch
	// Read is what operations that all read ask for; whoever has a replica may then answer them, once it has applied
	// Index.
	Read       katakv.Consistency
	Index      katakv.Index
	Operations []command.Operation
	// Journey asks for a report of what becomes of the operations.
	Journey bool
}

// Class returns ClassBulk.
func (*Forward) Class() Class { return ClassBulk }

// ForwardReply answers a Forward.
type ForwardReply struct {
	ID      uint64
	Index   katakv.Index    // the shard's applied index that the replies reflect; 0 with Err
	Level   katakv.Level    // what the replies keep to
	Age     time.Duration   // how old they were at most when they were made; katakv.UnknownAge
	Replies []command.Reply // one each operation, unless Err is set
	Err     *katakv.Error
	// Journey is what became of the operations, if the forward asked.
	Journey journey.Report
}

// Class returns ClassBulk.
func (*ForwardReply) Class() Class { return ClassBulk }

// Gossip tells a peer which epoch of the map the sender has and which shards it leads, so that whoever is
// stale can pull.
type Gossip struct {
	Epoch   katakv.Epoch
	Leading []Leading
	// Peer is where the sender is to be reached, which the map may not know yet.
	Peer string
}

// Leading says that the sender leads a shard in a term.
type Leading struct {
	Shard katakv.ShardID
	Term  katakv.Term
}

// Class returns ClassControl.
func (*Gossip) Class() Class { return ClassControl }

// Probe asks a node for a sign of life, and for the promise not to vote against leaders on the sender for a while.
type Probe struct {
	Boot katakv.BootID // of the sender
	Sent time.Duration // the sender's clock, which means nothing to others
}

// Class returns ClassControl.
func (*Probe) Class() Class { return ClassControl }

// ProbeAnswer answers a Probe, and with it promises.
type ProbeAnswer struct {
	Session Session       // of the promise; its boot is the sender's
	Boot    katakv.BootID // the probe's
	Sent    time.Duration // the probe's
	// Promise is how long a lease may rest on the promise, from when the probe was taken; zero: not at all.
	Promise time.Duration
}

// Class returns ClassControl.
func (*ProbeAnswer) Class() Class { return ClassControl }

// MapRequest asks for the cluster map if it is newer than Epoch.
type MapRequest struct{ Epoch katakv.Epoch }

// Class returns ClassControl.
func (*MapRequest) Class() Class { return ClassControl }

// MapReply carries an encoded placement.Map.
type MapReply struct{ Map []byte }

// Class returns ClassBulk: a map can be large.
func (*MapReply) Class() Class { return ClassBulk }

// SnapshotChunk is a part of a shard's state on its way to a follower. Sequence counts from 0; the first
// carries the Raft message (MsgSnap), the last has Final set. Data is a run of kv snapshot records.
type SnapshotChunk struct {
	Stream   uint64 // chosen by the sender, unique among its streams
	Shard    katakv.ShardID
	From, To katakv.ReplicaID
	Sequence uint32
	Message  *raftpb.Message // first chunk only
	Data     []byte
	Final    bool
}

// Class returns ClassBulk.
func (*SnapshotChunk) Class() Class { return ClassBulk }

// SnapshotAck tells the sender how far a stream has been staged, for flow control, and how it ended.
type SnapshotAck struct {
	Stream   uint64
	Sequence uint32 // chunks below this one are staged
	Done     bool   // the stream is over
	Error    string // why it was refused or failed; empty when it did not
}

// Class returns ClassBulk.
func (*SnapshotAck) Class() Class { return ClassBulk }

package core

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// Effects is what the outside must do after a pass. It belongs to the receiver.
type Effects struct {
	// Log is to be made durable, then reported with LogDurable(LogSeq). Nil: nothing.
	Log    *raftlog.Batch
	LogSeq uint64
	// Frames go to peers; they may be lost.
	Frames []Frame
	// Completions answer requests.
	Completions []replica.Completion
	// Sends are snapshots to stream; report each with SnapshotSent.
	Sends []SnapshotSend
	// Installs are to be committed to the engine; report each with SnapshotInstalled.
	Installs []replica.SnapshotInstall
	// Leaderships are news of who leads.
	Leaderships []replica.Leadership
	// Map is the new encoded cluster map when this core applied a change to it.
	Map []byte
	// More means that work is left for another pass at once.
	More bool
}

// Frame is one message for one peer.
type Frame struct {
	To      katakv.NodeID
	Message *wire.RaftBatch
}

// SnapshotSend is a snapshot to stream to a node.
type SnapshotSend struct {
	To katakv.NodeID
	replica.SnapshotSend
}

// effects turns the output of the replicas into effects and empties it.
func (c *Core) effects() *Effects {
	fx := &Effects{
		Completions: c.out.Completions,
		Installs:    c.out.Installs,
		Leaderships: c.out.Leaderships,
		Map:         c.writer.MapChanged(),
		More:        len(c.dirty) > 0,
	}
	if len(c.out.Updates) > 0 {
		c.seq++
		fx.Log, fx.LogSeq = &raftlog.Batch{Updates: c.out.Updates}, c.seq
	}
	if len(c.out.Awaiting) > 0 {
		c.awaiting = append(c.awaiting, awaitingBatch{seq: c.seq, waiting: c.out.Awaiting})
	}
	for i := range c.out.Sends {
		send := &c.out.Sends[i]
		fx.Sends = append(fx.Sends, SnapshotSend{
			To: c.nodeOf[katakv.ReplicaID(send.Message.GetTo())], SnapshotSend: *send,
		})
	}
	for _, m := range c.out.Messages {
		c.outboxes.add(c.nodeOf[katakv.ReplicaID(m.Message.GetTo())], m)
	}
	fx.Frames = c.outboxes.frames()
	c.out = replica.Output{}
	return fx
}

// outboxes gathers the messages of a pass by peer and class, in order of first use.
type outboxes struct {
	boxes []outbox
}

type outbox struct {
	node         katakv.NodeID
	log, control []wire.RaftItem
}

// controlTypes are small and urgent: they travel apart from log entries.
func isControl(t raftpb.MessageType) bool {
	switch t {
	case raftpb.MsgApp, raftpb.MsgAppResp:
		return false
	default:
		return true
	}
}

func (o *outboxes) add(node katakv.NodeID, m replica.Outgoing) {
	if node == 0 {
		return // a member the map no longer knows
	}
	i := 0
	for i < len(o.boxes) && o.boxes[i].node != node {
		i++
	}
	if i == len(o.boxes) {
		o.boxes = append(o.boxes, outbox{node: node})
	}
	item := wire.RaftItem{Shard: m.Shard, Message: m.Message, Session: m.Session}
	if isControl(m.Message.GetType()) {
		o.boxes[i].control = append(o.boxes[i].control, item)
	} else {
		o.boxes[i].log = append(o.boxes[i].log, item)
	}
}

func (o *outboxes) frames() []Frame {
	var frames []Frame
	for i := range o.boxes {
		b := &o.boxes[i]
		if len(b.control) > 0 {
			frames = append(frames, Frame{To: b.node, Message: &wire.RaftBatch{Control: true, Items: b.control}})
		}
		if len(b.log) > 0 {
			frames = append(frames, Frame{To: b.node, Message: &wire.RaftBatch{Items: b.log}})
		}
		b.control, b.log = nil, nil
	}
	return frames
}

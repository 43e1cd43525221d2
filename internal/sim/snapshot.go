package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// snapshotPatience is how long a sender waits for the end of its stream once all is sent, and a receiver for the next chunk: far
	// less than in a real node, so that lost streams are tried again within a run.
	snapshotPatience = 3 * time.Second
	// chunkInterval is what a chunk takes to be read and sent.
	chunkInterval = 200 * time.Microsecond
	// maxIncoming bounds the snapshots that a node stages at a time, as in a real node.
	maxIncoming = 8
)

// streamKey names a stream: its sender chose the number.
type streamKey struct {
	from   katakv.NodeID
	stream uint64
}

// stagedSnapshot is a snapshot whose chunks are arriving.
type stagedSnapshot struct {
	installer *kv.Installer
	first     *wire.SnapshotChunk
	next      uint32
}

// outgoingSnapshot is a stream that has not ended.
type outgoingSnapshot struct {
	shard katakv.ShardID
	node  katakv.NodeID
	to    katakv.ReplicaID
}

// sendSnapshot reads the view at once and sends its chunks one after another; what the network does to them decides.
func (n *Node) sendSnapshot(s core.SnapshotSend) {
	n.streams++
	stream := n.streams
	n.sending[stream] = &outgoingSnapshot{shard: s.Shard, node: s.To, to: katakv.ReplicaID(s.Message.GetTo())}
	n.cluster.witness.taken(n, s)
	chunks, err := n.sendChunks(stream, s)
	if err = errors.Join(err, s.View.Close()); err != nil {
		n.cluster.fail(fmt.Errorf("%v: send snapshot of %v: %w", n.id, s.Shard, err))
		return
	}
	n.cluster.tell("%v sends a snapshot of %v at %d to %v", n.id, s.Shard, s.Message.GetSnapshot().GetMetadata().GetIndex(), s.To)
	n.after(time.Duration(chunks)*chunkInterval+snapshotPatience, kindStream, func() { n.snapshotEnds(stream, false) })
}

// sendChunks schedules all chunks and returns how many they are.
func (n *Node) sendChunks(stream uint64, s core.SnapshotSend) (chunks uint32, err error) {
	reader, err := kv.NewSnapshotReader(s.View, s.Shard)
	if err != nil {
		return 0, err
	}
	for sequence := uint32(0); ; sequence++ {
		data, final, err := reader.Next(n.cluster.opts.ChunkBytes)
		if err != nil {
			return 0, err
		}
		chunk := &wire.SnapshotChunk{
			Stream: stream, Shard: s.Shard,
			From: katakv.ReplicaID(s.Message.GetFrom()), To: katakv.ReplicaID(s.Message.GetTo()),
			Sequence: sequence, Data: data, Final: final,
		}
		if sequence == 0 {
			chunk.Message = s.Message
		}
		n.after(time.Duration(sequence)*chunkInterval, kindStream, func() {
			if n.sending[stream] != nil {
				n.cluster.network.send(n.id, s.To, chunk)
			}
		})
		if final {
			return sequence + 1, nil
		}
	}
}

// snapshotAcknowledged hears how a stream ended at its receiver.
func (n *Node) snapshotAcknowledged(from katakv.NodeID, ack *wire.SnapshotAck) {
	if out := n.sending[ack.Stream]; out != nil && out.node == from && ack.Done {
		n.snapshotEnds(ack.Stream, ack.Error == "")
	}
}

// snapshotEnds tells the core, once.
func (n *Node) snapshotEnds(stream uint64, ok bool) {
	out := n.sending[stream]
	if out == nil {
		return
	}
	delete(n.sending, stream)
	n.core.SnapshotSent(out.shard, out.to, ok)
	n.wake()
}

// streamsDown ends the streams from and to a node: what was on the connection is lost.
func (n *Node) streamsDown(peer katakv.NodeID) {
	for stream := uint64(1); stream <= n.streams; stream++ { // in order, unlike the map
		if out := n.sending[stream]; out != nil && out.node == peer {
			n.snapshotEnds(stream, false)
		}
	}
	for key := range n.staged { // each alike: the order does not matter
		if key.from == peer {
			n.dropStaged(key)
		}
	}
}

func (n *Node) dropStaged(key streamKey) {
	if in := n.staged[key]; in != nil {
		delete(n.staged, key)
		in.installer.Abort()
	}
}

// receiveChunk stages a chunk if it is the next of its stream, and gives the stream up otherwise.
func (n *Node) receiveChunk(from katakv.NodeID, chunk *wire.SnapshotChunk) {
	key := streamKey{from, chunk.Stream}
	in := n.staged[key]
	if in == nil {
		if in = n.stage(key, chunk); in == nil {
			return
		}
	}
	err := fmt.Errorf("chunk %d came instead of %d", chunk.Sequence, in.next)
	if chunk.Sequence == in.next {
		in.next++
		if err = in.installer.Add(chunk.Data); err == nil && chunk.Final {
			err = in.installer.Complete()
		}
	}
	switch {
	case err != nil:
		n.dropStaged(key)
		n.answerStream(key, err)
	case chunk.Final:
		if n.cluster.network.damaged[key] {
			n.cluster.fail(fmt.Errorf("%v takes a snapshot of %v from %v for whole that was damaged on its way", n.id, chunk.Shard, from))
		}
		delete(n.staged, key)
		n.core.SnapshotReceived(from, chunk.Shard, in.first.Message, in.installer)
		n.wake()
		n.answerStream(key, nil)
	}
}

// stage opens a stream with its first chunk; nil when that is not to be.
func (n *Node) stage(key streamKey, chunk *wire.SnapshotChunk) *stagedSnapshot {
	if chunk.Sequence != 0 || chunk.Message == nil {
		return nil // of a stream that has ended
	}
	if len(n.staged) >= maxIncoming {
		n.answerStream(key, fmt.Errorf("%d snapshots are being received", maxIncoming))
		return nil
	}
	shard := n.known.Shard(chunk.Shard)
	if here, ok := shard.ReplicaOn(n.id); !ok || here.ID != chunk.To {
		n.answerStream(key, fmt.Errorf("replica %v of %v does not live here", chunk.To, chunk.Shard))
		return nil
	}
	installer, err := kv.NewInstaller(n.disk.engine, chunk.Shard, chunk.To, shard.Slots)
	if err != nil {
		n.cluster.fail(fmt.Errorf("%v: stage snapshot: %w", n.id, err))
		return nil
	}
	in := &stagedSnapshot{installer: installer, first: chunk}
	n.staged[key] = in
	n.expireStaged(key, in)
	return in
}

// expireStaged gives a stream up that does not go on.
func (n *Node) expireStaged(key streamKey, in *stagedSnapshot) {
	seen := in.next
	n.after(snapshotPatience, kindStream, func() {
		switch {
		case n.staged[key] != in:
		case in.next == seen:
			n.dropStaged(key)
		default:
			n.expireStaged(key, in)
		}
	})
}

func (n *Node) answerStream(key streamKey, err error) {
	ack := &wire.SnapshotAck{Stream: key.stream, Done: true}
	if err != nil {
		ack.Error = err.Error()
	}
	n.cluster.network.send(n.id, key.from, ack)
}

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

// chunkBytes is small, so that snapshots have many chunks.
const chunkBytes = 2 << 10

// snapshotTime is how long a stream may take before its sender calls it lost.
const snapshotTime = 3 * time.Second

// sendSnapshot sends all chunks; what the network does to them decides. The sender learns nothing from the
// receiver here: after snapshotTime it reports failure, and Raft sends again if it must.
func (n *Node) sendSnapshot(s core.SnapshotSend) {
	err := n.sendChunks(s)
	if err = errors.Join(err, s.View.Close()); err != nil {
		n.cluster.fail(fmt.Errorf("%v: send snapshot of %v: %w", n.id, s.Shard, err))
		return
	}
	to := katakv.ReplicaID(s.Message.GetTo())
	n.after(snapshotTime, "snapshot ends", func() {
		n.core.SnapshotSent(s.Shard, to, false)
		n.wake()
	})
}

func (n *Node) sendChunks(s core.SnapshotSend) error {
	reader, err := kv.NewSnapshotReader(s.View, s.Shard)
	if err != nil {
		return err
	}
	stream := n.cluster.queue.order<<8 | uint64(n.id)
	for sequence := uint32(0); ; sequence++ {
		data, final, err := reader.Next(chunkBytes)
		if err != nil {
			return err
		}
		c := &wire.SnapshotChunk{
			Stream: stream, Shard: s.Shard,
			From: katakv.ReplicaID(s.Message.GetFrom()), To: katakv.ReplicaID(s.Message.GetTo()),
			Sequence: sequence, Data: data, Final: final,
		}
		if sequence == 0 {
			c.Message = s.Message
		}
		// The transport keeps the order of a stream; the simulated network does not, so chunks are spaced out.
		n.after(time.Duration(sequence)*2*n.cluster.opts.Network.MaxDelay, "chunk", func() {
			n.cluster.network.send(n.id, s.To, c)
		})
		if final {
			return nil
		}
	}
}

// receiveChunk stages a chunk if it is the next of its stream, and gives the stream up otherwise.
func (n *Node) receiveChunk(from katakv.NodeID, c *wire.SnapshotChunk) {
	in := n.staged[c.Stream]
	if in == nil {
		if c.Sequence != 0 || c.Message == nil {
			return
		}
		installer, err := kv.NewInstaller(n.disk.engine, c.Shard, c.To, n.known.Shard(c.Shard).Slots)
		if err != nil {
			n.cluster.fail(fmt.Errorf("%v: stage snapshot: %w", n.id, err))
			return
		}
		in = &stagedSnapshot{installer: installer, first: c}
		n.staged[c.Stream] = in
	}
	if c.Sequence != in.next {
		delete(n.staged, c.Stream)
		in.installer.Abort()
		return
	}
	in.next++
	if err := in.installer.Add(c.Data); err != nil {
		n.cluster.fail(fmt.Errorf("%v: stage snapshot: %w", n.id, err))
		return
	}
	if c.Final {
		delete(n.staged, c.Stream)
		n.core.SnapshotReceived(from, c.Shard, in.first.Message, in.installer)
		n.wake()
	}
}

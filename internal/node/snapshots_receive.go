package node

import (
	"fmt"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/group"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// maxIncoming bounds the snapshots that are staged at a time; each holds a staging directory.
	maxIncoming = 8
	// incomingPatience is how long a stager waits for the next chunk: longer than a sender's patience.
	incomingPatience = 60 * time.Second
)

// incomingKey names a stream: its sender chose the number.
type incomingKey struct {
	from   katakv.NodeID
	stream uint64
}

// receiver stages snapshots that peers send, each in a goroutine of its own.
type receiver struct {
	node  *Node
	group *group.Group

	mu struct {
		sync.Mutex
		streams map[incomingKey]*incoming
	}
}

// incoming is one stream from one peer. Its channel has room for a sender's whole window, so that putting a
// chunk never blocks the connection; a sender that ignores the window loses its stream.
type incoming struct {
	key    incomingKey
	chunks chan *wire.SnapshotChunk
}

func newReceiver(n *Node) *receiver {
	r := &receiver{node: n, group: group.New()}
	r.mu.streams = make(map[incomingKey]*incoming)
	return r
}

func (r *receiver) stop() { r.group.Stop() }

// chunk takes a part of a snapshot. The first one opens its stream.
func (r *receiver) chunk(m *machinery, from katakv.NodeID, c *wire.SnapshotChunk) {
	in, err := r.stream(m, from, c)
	if err != nil {
		r.answer(incomingKey{from, c.Stream}, &wire.SnapshotAck{Done: true, Error: err.Error()})
		return
	}
	if in == nil {
		return // of a stream that has ended
	}
	select {
	case in.chunks <- c:
	default:
		r.node.cfg.Logger.Warn("peer sends more of a snapshot than its window", "node", uint64(from))
		r.end(in)
	}
}

// stream finds the stream of a chunk, or opens it.
func (r *receiver) stream(m *machinery, from katakv.NodeID, c *wire.SnapshotChunk) (*incoming, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := incomingKey{from, c.Stream}
	if in := r.mu.streams[key]; in != nil || c.Sequence > 0 {
		return in, nil
	}
	if c.Message == nil {
		return nil, fmt.Errorf("the first chunk has no message")
	}
	if len(r.mu.streams) >= maxIncoming {
		return nil, fmt.Errorf("%d snapshots are being received: try again later", maxIncoming)
	}
	in := &incoming{key: key, chunks: make(chan *wire.SnapshotChunk, snapshotWindow+1)}
	if !r.group.Start(func() { r.stage(m, in) }) {
		return nil, errStopping
	}
	r.mu.streams[key] = in
	return in, nil
}

// end forgets a stream and closes its channel, once.
func (r *receiver) end(in *incoming) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.streams[in.key] == in {
		delete(r.mu.streams, in.key)
		close(in.chunks)
	}
}

// peerDown ends the streams of a node.
func (r *receiver) peerDown(node katakv.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, in := range r.mu.streams {
		if key.from == node {
			delete(r.mu.streams, key)
			close(in.chunks)
		}
	}
}

func (r *receiver) answer(key incomingKey, ack *wire.SnapshotAck) {
	ack.Stream = key.stream
	r.node.transport.Send(key.from, ack) // lost: the sender's patience ends the stream
}

// stage writes a stream's records beside the engine and hands the whole to the core.
func (r *receiver) stage(m *machinery, in *incoming) {
	staged, message, shard, err := r.assemble(m, in)
	r.end(in)
	if err != nil {
		r.node.cfg.Logger.Warn("snapshot was not received", "node", uint64(in.key.from), "error", err)
		r.answer(in.key, &wire.SnapshotAck{Done: true, Error: err.Error()})
		return
	}
	l := m.loops[coreOf(shard, len(m.loops))]
	ok := l.inbox.put(event{do: func(c *core.Core) error {
		c.SnapshotReceived(in.key.from, shard, message, staged)
		return nil
	}})
	if !ok {
		staged.Abort()
		return
	}
	r.answer(in.key, &wire.SnapshotAck{Done: true})
}

// assemble stages chunks in their order until the final one.
func (r *receiver) assemble(m *machinery, in *incoming) (*kv.Installer, *raftpb.Message, katakv.ShardID, error) {
	var staged *kv.Installer
	var message *raftpb.Message
	fail := func(err error) (*kv.Installer, *raftpb.Message, katakv.ShardID, error) {
		if staged != nil {
			staged.Abort()
		}
		return nil, nil, 0, err
	}
	for next := uint32(0); ; next++ {
		c, err := r.next(in)
		if err != nil {
			return fail(err)
		}
		if c.Sequence != next {
			return fail(fmt.Errorf("chunk %d came instead of %d", c.Sequence, next))
		}
		if staged == nil {
			if staged, err = r.open(m, c); err != nil {
				return fail(err)
			}
			message = c.Message
		}
		if err := staged.Add(c.Data); err != nil {
			return fail(err)
		}
		if c.Final {
			if err := staged.Complete(); err != nil {
				return fail(err)
			}
			return staged, message, c.Shard, nil
		}
		r.answer(in.key, &wire.SnapshotAck{Sequence: next + 1})
	}
}

// open begins to stage, if the map says that the snapshot's target lives here.
func (r *receiver) open(m *machinery, c *wire.SnapshotChunk) (*kv.Installer, error) {
	t := r.node.Topology()
	s := t.Map.Shard(c.Shard)
	if s == nil {
		return nil, fmt.Errorf("%v is not in the map of epoch %d", c.Shard, t.Map.Epoch)
	}
	if here, ok := s.ReplicaOn(t.Self); !ok || here.ID != c.To {
		return nil, fmt.Errorf("replica %v of %v does not live here", c.To, c.Shard)
	}
	return kv.NewInstaller(m.engine, c.Shard, c.To, s.Slots)
}

func (r *receiver) next(in *incoming) (*wire.SnapshotChunk, error) {
	patience := clock.NewTimer(incomingPatience)
	defer patience.Stop()
	select {
	case c, ok := <-in.chunks:
		if !ok {
			return nil, fmt.Errorf("the stream was cut off")
		}
		return c, nil
	case <-patience.C:
		return nil, fmt.Errorf("no chunk within %v", incomingPatience)
	case <-r.group.Stopped():
		return nil, errStopping
	}
}

package node

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/group"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// snapshotChunkBytes is the size of a chunk: large enough to be cheap, small enough that forwarded
	// requests on the same connection wait little.
	snapshotChunkBytes = 256 << 10
	// snapshotWindow is how many chunks may be on their way without an acknowledgement.
	snapshotWindow = 8
	// snapshotPatience is how long a sender waits for an acknowledgement before it gives up.
	snapshotPatience = 30 * time.Second
	// snapshotRetry is how long a sender waits when the transport has no room.
	snapshotRetry = 20 * time.Millisecond
)

// senders streams snapshots to followers, each in a goroutine of its own.
type senders struct {
	node  *Node
	group *group.Group

	mu struct {
		sync.Mutex
		next    uint64
		streams map[uint64]*outgoing
	}
}

// outgoing is one stream to one follower.
type outgoing struct {
	to     katakv.NodeID
	stream uint64
	acks   chan *wire.SnapshotAck // one slot is enough: only the latest counts
}

func newSenders(n *Node) *senders {
	s := &senders{node: n, group: group.New()}
	s.mu.streams = make(map[uint64]*outgoing)
	return s
}

func (s *senders) stop() { s.group.Stop() }

// start streams a snapshot and reports to the core how it ended.
func (s *senders) start(l *coreLoop, send core.SnapshotSend) {
	o := s.register(send.To)
	started := s.group.Start(func() {
		err := s.stream(o, &send)
		err = errors.Join(err, send.View.Close())
		s.forget(o)
		if err != nil {
			s.node.cfg.Logger.Warn("snapshot was not sent", "shard", uint64(send.Shard), "to", uint64(send.To), "error", err)
		}
		to := katakv.ReplicaID(send.Message.GetTo())
		l.inbox.put(event{do: func(c *core.Core) error { c.SnapshotSent(send.Shard, to, err == nil); return nil }})
	})
	if !started {
		s.forget(o)
		_ = send.View.Close() // a view of memory: nothing is lost
	}
}

func (s *senders) register(to katakv.NodeID) *outgoing {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.next++
	o := &outgoing{to: to, stream: s.mu.next, acks: make(chan *wire.SnapshotAck, 1)}
	s.mu.streams[o.stream] = o
	return o
}

func (s *senders) forget(o *outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.streams, o.stream)
}

// acknowledged takes a follower's answer.
func (s *senders) acknowledged(from katakv.NodeID, ack *wire.SnapshotAck) {
	s.mu.Lock()
	o := s.mu.streams[ack.Stream]
	s.mu.Unlock()
	if o != nil && o.to == from {
		o.put(ack)
	}
}

// peerDown ends the streams to a node: what was on the connection is lost.
func (s *senders) peerDown(node katakv.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.mu.streams {
		if o.to == node {
			o.put(&wire.SnapshotAck{Stream: o.stream, Done: true, Error: "the connection broke"})
		}
	}
}

// put makes ack the latest, in place of one that was not looked at yet, unless that one ended the stream.
func (o *outgoing) put(ack *wire.SnapshotAck) {
	for {
		select {
		case o.acks <- ack:
			return
		default:
		}
		select {
		case old := <-o.acks:
			if old.Done {
				ack = old
			}
		default:
		}
	}
}

// stream sends every chunk and waits until the follower has staged the last.
func (s *senders) stream(o *outgoing, send *core.SnapshotSend) error {
	reader, err := kv.NewSnapshotReader(send.View, send.Shard)
	if err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	pace := pacer{bytesPerSecond: s.node.cfg.SnapshotBytesPerSecond}
	acked := uint32(0)
	for sequence := uint32(0); ; sequence++ {
		data, final, err := reader.Next(snapshotChunkBytes)
		if err != nil {
			return fmt.Errorf("read snapshot: %w", err)
		}
		chunk := &wire.SnapshotChunk{
			Stream: o.stream, Shard: send.Shard,
			From: katakv.ReplicaID(send.Message.GetFrom()), To: katakv.ReplicaID(send.Message.GetTo()),
			Sequence: sequence, Data: data, Final: final,
		}
		if sequence == 0 {
			chunk.Message = send.Message
		}
		for sequence-acked >= snapshotWindow {
			ack, err := s.await(o)
			if err != nil {
				return err
			}
			acked = max(acked, ack.Sequence)
		}
		if err := s.push(o, chunk, &pace); err != nil {
			return err
		}
		if final {
			return s.awaitDone(o)
		}
	}
}

// push hands a chunk to the transport, when the rate allows it and there is room.
func (s *senders) push(o *outgoing, chunk *wire.SnapshotChunk, pace *pacer) error {
	if err := s.pause(pace.delay(clock.Monotonic(), len(chunk.Data))); err != nil {
		return err
	}
	for waited := time.Duration(0); !s.node.transport.Send(o.to, chunk); waited += snapshotRetry {
		if waited >= snapshotPatience {
			return errors.New("no room to send for too long")
		}
		if err := s.pause(snapshotRetry); err != nil {
			return err
		}
	}
	return nil
}

func (s *senders) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-s.group.Stopped():
		return errStopping
	case <-clock.After(d):
		return nil
	}
}

var errStopping = errors.New("the node is stopping")

// await waits for the follower's next answer; one that ends the stream is an error.
func (s *senders) await(o *outgoing) (*wire.SnapshotAck, error) {
	patience := clock.NewTimer(snapshotPatience)
	defer patience.Stop()
	select {
	case ack := <-o.acks:
		if ack.Done && ack.Error != "" {
			return nil, fmt.Errorf("the follower refused: %s", ack.Error)
		}
		return ack, nil
	case <-patience.C:
		return nil, fmt.Errorf("no answer within %v", snapshotPatience)
	case <-s.group.Stopped():
		return nil, errStopping
	}
}

func (s *senders) awaitDone(o *outgoing) error {
	for {
		ack, err := s.await(o)
		if err != nil || ack.Done {
			return err
		}
	}
}

// pacer spreads bytes over time.
type pacer struct {
	bytesPerSecond int
	next           time.Duration // when the next chunk may go
}

// delay returns how long to wait before sending n bytes.
func (p *pacer) delay(now time.Duration, n int) time.Duration {
	start := max(p.next, now)
	p.next = start + time.Duration(n)*time.Second/time.Duration(p.bytesPerSecond)
	return start - now
}

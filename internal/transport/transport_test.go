package transport

import (
	"bytes"
	"context"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// writtenStats returns the counters once everything queued is counted as sent: a message can be received and
// answered before the write of it has returned.
func writtenStats(t *testing.T, stats func() []PeerStats) []PeerStats {
	t.Helper()
	for deadline := time.Now().Add(failsafe); time.Now().Before(deadline); runtime.Gosched() {
		now := stats()
		if !slices.ContainsFunc(now, func(s PeerStats) bool { return s.QueuedBytes > 0 }) {
			return now
		}
	}
	t.Fatal("messages stay queued")
	return nil
}

func TestExchange(t *testing.T) {
	where := &addresses{}
	a, b := startNode(t, 1, where, nil), startNode(t, 2, where, nil)
	large := &wire.SnapshotChunk{Stream: 1, Shard: 2, From: 3, To: 4, Data: bytes.Repeat([]byte("katakv"), 4<<20)}
	for _, m := range []wire.Message{
		&wire.MapRequest{Epoch: 7}, &wire.Gossip{Epoch: 8}, &wire.MapReply{Map: []byte("map")}, large,
		&wire.RaftBatch{},
	} {
		a.send(t, 2, m)
		if e := b.await(t, "message", m.Class()); e.node != 1 || !reflect.DeepEqual(e.m, m) {
			t.Errorf("got %T from %v, want %T", e.m, e.node, m)
		}
		b.send(t, 1, m)
		if e := a.await(t, "message", m.Class()); e.node != 2 || !reflect.DeepEqual(e.m, m) {
			t.Errorf("got %T from %v, want %T", e.m, e.node, m)
		}
	}
	for _, s := range writtenStats(t, a.Stats) {
		if s.Node != 2 || !s.Connected || s.Connects != 1 || s.Sent == 0 || s.Received == 0 || s.SentBytes == 0 || s.ReceivedBytes == 0 || s.Dropped != 0 {
			t.Errorf("got %+v", s)
		}
	}
	if n := len(a.Stats()); n != int(wire.ClassCount) {
		t.Errorf("got %d lanes", n)
	}
	if a.Send(1, &wire.MapRequest{}) || a.Send(9, &wire.MapRequest{}) {
		t.Error("sent to itself or to an unknown node")
	}
}

func TestOrderIsKept(t *testing.T) {
	where := &addresses{}
	a, b := startNode(t, 1, where, nil), startNode(t, 2, where, nil)
	const count = 20_000
	for i := range count {
		a.send(t, 2, &wire.MapRequest{Epoch: katakv.Epoch(i)})
	}
	for i := range count {
		if got := b.await(t, "message", wire.ClassControl).m.(*wire.MapRequest).Epoch; got != katakv.Epoch(i) {
			t.Fatalf("got message %d, want %d", got, i)
		}
	}
}

// gate is a connection whose writes, once armed, wait to be let through.
type gate struct {
	net.Conn
	armed  *atomic.Bool
	enter  chan int // sizes of writes that began
	permit chan struct{}
}

func (g *gate) Write(b []byte) (int, error) {
	if g.armed.Load() {
		g.enter <- len(b)
		<-g.permit
	}
	return g.Conn.Write(b)
}

func TestWaitingMessagesGoOutTogether(t *testing.T) {
	where, armed := &addresses{}, &atomic.Bool{}
	enter, permit := make(chan int), make(chan struct{})
	a := startNode(t, 1, where, func(cfg *Config) {
		cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			conn, err := DialTCP(ctx, address)
			return &gate{conn, armed, enter, permit}, err
		}
	})
	b := startNode(t, 2, where, nil)
	a.send(t, 2, &wire.MapRequest{})
	b.await(t, "message", wire.ClassControl)

	armed.Store(true)
	a.send(t, 2, &wire.MapRequest{Epoch: 1})
	<-enter // the first is being written
	one := len(frame(t, &wire.MapRequest{Epoch: 1}))
	for range 100 {
		a.send(t, 2, &wire.MapRequest{Epoch: 2})
	}
	permit <- struct{}{}
	if got := <-enter; got != 100*one {
		t.Errorf("the second write has %d bytes, want all %d", got, 100*one)
	}
	armed.Store(false)
	permit <- struct{}{}
	for range 101 {
		b.await(t, "message", wire.ClassControl)
	}
}

func TestReconnectsWhenThePeerIsBack(t *testing.T) {
	where := &addresses{}
	a, b := startNode(t, 1, where, nil), startNode(t, 2, where, nil)
	a.send(t, 2, &wire.MapRequest{Epoch: 1})
	b.await(t, "message", wire.ClassControl)
	for boot := katakv.BootID(2); boot < 6; boot++ {
		b.Stop()
		a.await(t, "down", wire.ClassControl)
		if a.Send(2, &wire.MapRequest{}) {
			t.Fatal("Send accepts a message for a peer that is down")
		}
		b = startNode(t, 2, where, func(cfg *Config) {
			cfg.Listener, cfg.Identity.Boot = listen(t, b.address), boot
		})
		a.await(t, "up", wire.ClassControl)
		a.send(t, 2, &wire.MapRequest{Epoch: katakv.Epoch(boot)})
		if got := b.await(t, "message", wire.ClassControl).m.(*wire.MapRequest).Epoch; got != katakv.Epoch(boot) {
			t.Errorf("got message %d, want %d", got, boot)
		}
	}
}

// A peer that never was there: one PeerDown, and Send says no from then on, until it comes.
func TestPeerThatComesLate(t *testing.T) {
	where := &addresses{}
	free := listen(t, "127.0.0.1:0")
	_ = free.Close()
	where.set(2, free.Addr().String())
	a := startNode(t, 1, where, nil)
	a.Send(2, &wire.MapRequest{}) // it may wait for the first attempt, and is lost with it
	a.await(t, "down", wire.ClassControl)
	b := startNode(t, 2, where, func(cfg *Config) { cfg.Listener = listen(t, free.Addr().String()) })
	a.await(t, "up", wire.ClassControl)
	a.send(t, 2, &wire.MapRequest{Epoch: 5})
	if got := b.await(t, "message", wire.ClassControl).m.(*wire.MapRequest).Epoch; got != 5 {
		t.Errorf("got message %d: an old one was kept", got)
	}
	if n := a.log.count("no connection to node"); n != 1 {
		t.Errorf("got %d log lines, want 1", n)
	}
}

// countDials lets a test wait until so many attempts have failed.
func countDials(cfg *Config) (attempts chan struct{}) {
	attempts = make(chan struct{}, 1<<16)
	cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		attempts <- struct{}{}
		return DialTCP(ctx, address)
	}
	return attempts
}

func TestWrongPeersAreRefusedAndLoggedOnce(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		of           Identity // who listens where node 2 should be
	}{
		{"cluster", "part of cluster 0000000000000009, not 000000000000004d", Identity{Self: 2, Cluster: 9, Boot: 1}},
		{"node", "this is node n3, not n2", Identity{Self: 3, Cluster: testCluster, Boot: 1}},
		{"no cluster", "not part of a cluster yet", Identity{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			where := &addresses{}
			var attempts chan struct{}
			a := startNode(t, 1, where, func(cfg *Config) { attempts = countDials(cfg) })
			b := startNode(t, 2, where, func(cfg *Config) { cfg.Identity = c.of })
			a.Send(2, &wire.MapRequest{})
			a.await(t, "down", wire.ClassControl)
			for range 5 {
				<-attempts
			}
			a.Stop()
			b.Stop()
			if here, there := a.log.count(c.reason), b.log.count(c.reason); here != 1 || there != 1 {
				t.Errorf("%q is logged %d and %d times, want once each: %q %q", c.reason, here, there, a.log.lines, b.log.lines)
			}
			for len(b.events) > 0 {
				if e := <-b.events; e.what == "message" {
					t.Errorf("a message came through: %+v", e)
				}
			}
		})
	}
}

func TestIdentityComesLater(t *testing.T) {
	where := &addresses{}
	a := startNode(t, 1, where, nil)
	b := startNode(t, 2, where, func(cfg *Config) { cfg.Identity = Identity{} })
	if b.Send(1, &wire.MapRequest{}) {
		t.Error("a node without an identity sends")
	}
	a.Send(2, &wire.MapRequest{})
	a.await(t, "down", wire.ClassControl)
	b.SetIdentity(2, testCluster, 1)
	a.await(t, "up", wire.ClassControl)
	b.send(t, 1, &wire.MapRequest{Epoch: 3})
	if e := a.await(t, "message", wire.ClassControl); e.node != 2 {
		t.Errorf("got %+v", e)
	}
}

// silentPeer accepts, says hello and never reads again.
func silentPeer(t *testing.T, id katakv.NodeID) net.Listener {
	l := listen(t, "127.0.0.1:0")
	var conns sync.Map
	t.Cleanup(func() {
		_ = l.Close()
		conns.Range(func(conn, _ any) bool { return conn.(net.Conn).Close() == nil })
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(conn, true)
			if hello, err := readHello(conn); err == nil {
				_ = writeHello(conn, &wire.Hello{Cluster: testCluster, From: id, To: hello.From, Carries: hello.Carries})
			}
		}
	}()
	return l
}

func TestSlowPeerDelaysNobodyElse(t *testing.T) {
	where := &addresses{}
	a := startNode(t, 1, where, func(cfg *Config) {
		cfg.Limits.QueueBytes[wire.ClassBulk] = 8 << 20
		cfg.Limits.WriteTimeout = 2 * failsafe // the slow peer stays connected throughout
		cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	})
	c := startNode(t, 3, where, nil)
	where.set(2, silentPeer(t, 2).Addr().String())

	chunk := &wire.SnapshotChunk{Data: make([]byte, 1<<20)}
	accepted := 0
	for a.Send(2, chunk) { // until its queue and the kernel's buffers are full
		accepted++
	}
	for i := range 50 {
		a.send(t, 3, &wire.SnapshotChunk{Sequence: uint32(i), Data: chunk.Data})
		if got := c.await(t, "message", wire.ClassBulk).m.(*wire.SnapshotChunk).Sequence; got != uint32(i) {
			t.Fatalf("got chunk %d, want %d", got, i)
		}
	}
	// The other classes of the slow peer have queues of their own.
	if !a.Send(2, &wire.MapRequest{}) {
		t.Error("a full bulk queue refuses control messages")
	}
	for _, s := range a.Stats() {
		if s.Node == 2 && s.Class == wire.ClassBulk && (s.Dropped != 1 || s.QueuedBytes > 8<<20 || s.QueuedBytes == 0) {
			t.Errorf("after %d accepted: got %+v", accepted, s)
		}
	}
}

func TestBlockedReceiveHoldsBackItsClassOnly(t *testing.T) {
	where := &addresses{}
	a, b := startNode(t, 1, where, nil), startNode(t, 2, where, func(cfg *Config) {
		cfg.Handler.(*recorder).block = make(chan struct{})
	})
	a.send(t, 2, &wire.MapReply{Map: []byte("x")})
	a.send(t, 2, &wire.MapRequest{Epoch: 1})
	b.await(t, "message", wire.ClassControl)
	close(b.block)
	b.await(t, "message", wire.ClassBulk)
}

func TestOneMessageOfAnySizeFitsAnEmptyQueue(t *testing.T) {
	q := newQueue(100, 3)
	large := &wire.MapReply{Map: make([]byte, 1000)}
	if err := q.enqueue(large); err != nil {
		t.Fatalf("large into empty: %v", err)
	}
	if err := q.enqueue(&wire.MapRequest{}); err == nil {
		t.Error("a second message is accepted beyond the limit")
	}
	batch := q.take()
	if err := q.enqueue(&wire.MapRequest{}); err == nil {
		t.Error("what is being written does not count")
	}
	q.written(batch)
	for range 3 {
		if err := q.enqueue(&wire.MapRequest{}); err != nil {
			t.Errorf("small: %v", err)
		}
	}
	if err := q.enqueue(&wire.MapRequest{}); err == nil {
		t.Error("a fourth message is accepted")
	}
	if err := q.enqueue(&wire.MapReply{Map: make([]byte, wire.MaxPayloadBytes)}); err == nil {
		t.Error("a message over the frame limit is accepted")
	}
	if q.counters.dropped.Load() != 4 {
		t.Errorf("got %d dropped, want 4", q.counters.dropped.Load())
	}
}

func TestRefreshFollowsAnAddress(t *testing.T) {
	where := &addresses{}
	a, b := startNode(t, 1, where, nil), startNode(t, 2, where, nil)
	a.send(t, 2, &wire.MapRequest{})
	b.await(t, "message", wire.ClassControl)
	a.Refresh(2) // nothing changed: the connection stays
	a.send(t, 2, &wire.MapRequest{})
	b.await(t, "message", wire.ClassControl)

	moved := startNode(t, 2, where, nil)
	a.Refresh(2)
	a.await(t, "down", wire.ClassControl)
	a.await(t, "up", wire.ClassControl)
	a.send(t, 2, &wire.MapRequest{Epoch: 9})
	if got := moved.await(t, "message", wire.ClassControl).m.(*wire.MapRequest).Epoch; got != 9 {
		t.Errorf("got message %d", got)
	}
	where.set(2, "")
	a.Refresh(2)
	a.await(t, "down", wire.ClassControl)
	if a.Send(2, &wire.MapRequest{}) {
		t.Error("sent to a node that is gone")
	}
}

func TestStopEndsEverything(t *testing.T) {
	where := &addresses{}
	nodes := []*testNode{startNode(t, 1, where, nil), startNode(t, 2, where, nil), startNode(t, 3, where, nil)}
	where.set(4, "127.0.0.1:1")                    // nobody
	where.set(5, silentPeer(t, 5).Addr().String()) // nobody who listens
	for _, from := range nodes {
		for to := range katakv.NodeID(5) {
			from.Send(to+1, &wire.MapRequest{})
			from.Send(to+1, &wire.SnapshotChunk{Data: make([]byte, 20<<20)})
		}
	}
	idle := dialRaw(t, nodes[0].address) // within its handshake
	for _, n := range nodes {
		n.Stop()
		n.Stop()
		if n.Send(1, &wire.MapRequest{}) || n.Send(2, &wire.MapRequest{}) {
			t.Error("Send after Stop")
		}
	}
	idle.awaitClosed()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, mark := range []string{"transport.(*Transport)", "transport.(*sender)", "transport.watch"} {
		if strings.Contains(string(stacks), mark) {
			t.Errorf("%s still runs:\n%s", mark, stacks)
		}
	}
	unused := New(Config{Listener: listen(t, "127.0.0.1:0"), Resolve: where.resolve, Handler: newRecorder()})
	unused.Stop()
}

func BenchmarkSend(b *testing.B) {
	where := &addresses{}
	a, peer := startNode(b, 1, where, nil), startNode(b, 2, where, nil)
	batch := raftBatch(64)
	a.send(b, 2, batch)
	peer.await(b, "message", wire.ClassLog)
	b.SetBytes(int64(len(frame(b, batch))))
	b.ReportAllocs()
	for b.Loop() {
		for !a.Send(2, batch) {
			runtime.Gosched()
		}
		<-peer.events
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/message")
}

// The sender does not wait for the receiver, so that frames are written together.
func BenchmarkSendStream(b *testing.B) {
	where := &addresses{}
	a, peer := startNode(b, 1, where, nil), startNode(b, 2, where, nil)
	batch := raftBatch(64)
	a.send(b, 2, batch)
	peer.await(b, "message", wire.ClassLog)
	b.SetBytes(int64(len(frame(b, batch))))
	b.ReportAllocs()
	sent, received := 0, 0
	for b.Loop() {
		for sent-received > 256 {
			<-peer.events
			received++
		}
		if !a.Send(2, batch) {
			b.Fatal("the queue is full")
		}
		sent++
	}
	for received < sent {
		<-peer.events
		received++
	}
	for _, s := range a.Stats() {
		b.ReportMetric(float64(s.Sent)/float64(s.Writes), "frames/write")
	}
}

package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// failsafe ends a test that would otherwise wait for ever; nothing is ever decided by it.
const failsafe = 30 * time.Second

const testCluster = katakv.ClusterID(77)

// event is one call of a Handler.
type event struct {
	what  string // "message", "up" or "down"
	node  katakv.NodeID
	class wire.Class
	m     wire.Message
}

// recorder is a Handler that hands its calls to the test.
type recorder struct {
	events chan event
	admin  func(wire.Message) wire.Message
	// block, when set, holds Receive back until it is closed.
	block chan struct{}
}

func newRecorder() *recorder { return &recorder{events: make(chan event, 1<<16)} }

func (r *recorder) Receive(from katakv.NodeID, m wire.Message) {
	if r.block != nil && m.Class() == wire.ClassBulk {
		<-r.block
	}
	r.events <- event{"message", from, m.Class(), m}
}

func (r *recorder) PeerUp(node katakv.NodeID, class wire.Class) {
	r.events <- event{"up", node, class, nil}
}

func (r *recorder) PeerRefused(katakv.NodeID) {}

func (r *recorder) PeerDown(node katakv.NodeID, class wire.Class) {
	r.events <- event{"down", node, class, nil}
}

func (r *recorder) Admin(request wire.Message) wire.Message {
	if r.admin == nil {
		return nil
	}
	return r.admin(request)
}

// await drops events until one is of the kind and class.
func (r *recorder) await(t testing.TB, what string, class wire.Class) event {
	t.Helper()
	for timeout := time.After(failsafe); ; {
		select {
		case e := <-r.events:
			if e.what == what && e.class == class {
				return e
			}
		case <-timeout:
			t.Fatalf("no %q on %v", what, class)
		}
	}
}

// logLines keeps log lines.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// addresses is what Resolve reads.
type addresses struct {
	mu sync.Mutex
	of map[katakv.NodeID]string
}

func (a *addresses) resolve(node katakv.NodeID) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	address, ok := a.of[node]
	return address, ok
}

func (a *addresses) set(node katakv.NodeID, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if address == "" {
		delete(a.of, node)
		return
	}
	if a.of == nil {
		a.of = map[katakv.NodeID]string{}
	}
	a.of[node] = address
}

// testNode is a Transport on loopback.
type testNode struct {
	*Transport
	*recorder
	log     *logLines
	address string
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("listen on %s: %v", address, err)
	}
	return l
}

// startNode starts node id and enters its address, unless change says otherwise.
func startNode(t testing.TB, id katakv.NodeID, where *addresses, change func(*Config)) *testNode {
	t.Helper()
	n := &testNode{recorder: newRecorder(), log: &logLines{}}
	cfg := Config{
		Identity: Identity{Self: id, Cluster: testCluster, Boot: 1},
		Resolve:  where.resolve,
		Handler:  n.recorder,
		Logger:   slog.New(slog.NewTextHandler(n.log, nil)),
		Seed:     uint64(id),
		Limits:   Limits{MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond},
	}
	if change != nil {
		change(&cfg)
	}
	if cfg.Listener == nil {
		cfg.Listener = listen(t, "127.0.0.1:0")
	}
	n.address = cfg.Listener.Addr().String()
	where.set(id, n.address)
	n.Transport = New(cfg)
	n.Start()
	t.Cleanup(n.Stop)
	return n
}

// send sends until it is accepted: while a connection is being made it may not be.
func (n *testNode) send(t testing.TB, to katakv.NodeID, m wire.Message) {
	t.Helper()
	for !n.Send(to, m) {
		n.await(t, "up", m.Class())
	}
}

// rawPeer is a connection made by hand.
type rawPeer struct {
	net.Conn
	t testing.TB
}

func dialRaw(t testing.TB, address string) *rawPeer {
	t.Helper()
	conn, err := DialTCP(context.Background(), address)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(failsafe))
	return &rawPeer{conn, t}
}

// hello goes through the handshake as node from.
func (p *rawPeer) hello(cluster katakv.ClusterID, from, to katakv.NodeID, class wire.Class) (*wire.Hello, error) {
	return exchange(p, &wire.Hello{Cluster: cluster, From: from, To: to, Carries: class})
}

func (p *rawPeer) mustHello(from, to katakv.NodeID, class wire.Class) *rawPeer {
	p.t.Helper()
	if _, err := p.hello(testCluster, from, to, class); err != nil {
		p.t.Fatalf("handshake: %v", err)
	}
	return p
}

func (p *rawPeer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// awaitClosed fails unless the other side closes.
func (p *rawPeer) awaitClosed() {
	p.t.Helper()
	var b [256]byte
	for {
		if _, err := p.Read(b[:]); err != nil {
			var network net.Error
			if errors.As(err, &network) && network.Timeout() {
				p.t.Fatal("the connection stays open")
			}
			return
		}
	}
}

func frame(t testing.TB, m wire.Message) []byte {
	t.Helper()
	data, err := wire.AppendFrames(nil, m)
	if err != nil {
		t.Fatalf("AppendFrames: %v", err)
	}
	return data
}

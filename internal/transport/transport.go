package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/group"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/wire"
)

// Transport holds the connections of one node. Build it with New.
type Transport struct {
	cfg      Config
	log      *slog.Logger
	identity atomic.Pointer[Identity]
	refusals *refusals

	group  *group.Group
	ctx    context.Context // ends with stop; for dialling
	cancel context.CancelFunc

	mu struct {
		sync.RWMutex
		started  bool
		stopping bool
		conns    map[net.Conn]struct{} // all open ones, for Stop
		inbound  int                   // accepted and not yet closed
		senders  map[lane]*sender
		// receivers holds who is receiving from whom. Entries stay, for their counters.
		receivers map[lane]*receiver
	}
}

// lane is one direction of one class between this node and another.
type lane struct {
	node  katakv.NodeID
	class wire.Class
}

// New builds a Transport that does nothing yet. Listener, Resolve and Handler must be set.
func New(cfg Config) *Transport {
	invariant.Check(cfg.Listener != nil && cfg.Resolve != nil && cfg.Handler != nil, "transport without a listener, resolver or handler")
	cfg.Limits.setDefaults()
	if cfg.Dial == nil {
		cfg.Dial = DialTCP
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Transport{cfg: cfg, log: cfg.Logger, refusals: newRefusals(cfg.Logger), group: group.New()}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	identity := cfg.Identity
	t.identity.Store(&identity)
	t.mu.conns = map[net.Conn]struct{}{}
	t.mu.senders = map[lane]*sender{}
	t.mu.receivers = map[lane]*receiver{}
	return t
}

// Start begins to accept connections and to send. It may be called once.
func (t *Transport) Start() {
	t.mu.Lock()
	invariant.Check(!t.mu.started, "transport started twice")
	t.mu.started = true
	t.mu.Unlock()
	t.group.Start(t.accept)
}

// Stop closes the listener and all connections and waits until every goroutine has ended. What was not yet
// written is lost. It may be called twice, and without Start.
func (t *Transport) Stop() {
	t.mu.Lock()
	t.mu.stopping = true
	open := make([]net.Conn, 0, len(t.mu.conns))
	for conn := range t.mu.conns {
		open = append(open, conn)
	}
	t.mu.Unlock()

	t.group.Signal()
	t.cancel()
	_ = t.cfg.Listener.Close() // nothing to do about a failure; closing twice is harmless
	for _, conn := range open {
		_ = conn.Close()
	}
	t.group.Wait()
}

// Identity returns who this node is.
func (t *Transport) Identity() Identity { return *t.identity.Load() }

// SetIdentity makes a node that waited part of a cluster. It must not change afterwards.
func (t *Transport) SetIdentity(self katakv.NodeID, cluster katakv.ClusterID, boot katakv.BootID) {
	next := Identity{Self: self, Cluster: cluster, Boot: boot}
	old := t.identity.Swap(&next)
	invariant.Check(old.Self == 0 || *old == next, "identity changes from %+v to %+v", *old, next)
}

// Send queues m for a node and never blocks: m is encoded before it returns, and nothing of it is kept. False
// means that it will surely not arrive: there is no connection, the queue is full, or m is too large. True means
// that it will be written unless the connection breaks.
func (t *Transport) Send(to katakv.NodeID, m wire.Message) bool {
	s := t.sender(lane{to, m.Class()})
	if s == nil {
		return false
	}
	err := s.enqueue(m)
	if errors.Is(err, wire.ErrTooLarge) {
		// Nobody will ever carry it: a limit is missing where it was made.
		t.log.Error("message dropped", "node", to, "class", s.class, "error", err)
	}
	return err == nil
}

// sender returns the sender of a lane and starts it when it is the first; nil when there cannot be one.
func (t *Transport) sender(l lane) *sender {
	t.mu.RLock()
	s := t.mu.senders[l]
	t.mu.RUnlock()
	if s != nil {
		return s
	}
	if _, known := t.cfg.Resolve(l.node); !known {
		return nil
	}
	if self := t.Identity().Self; self == 0 || self == l.node {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.mu.senders[l]; s != nil {
		return s
	}
	if !t.mu.started || t.mu.stopping {
		return nil
	}
	s = newSender(t, l)
	if !t.group.Start(s.run) {
		return nil
	}
	t.mu.senders[l] = s
	return s
}

// Refresh says that the address of a node may have changed. Connections to another address than the present one
// are closed, and attempts to connect are made at once.
func (t *Transport) Refresh(node katakv.NodeID) {
	address, _ := t.cfg.Resolve(node)
	for _, s := range t.sendersOf(node) {
		s.refresh(address)
	}
}

func (t *Transport) sendersOf(node katakv.NodeID) []*sender {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var found []*sender
	for class := range wire.ClassCount {
		if s := t.mu.senders[lane{node, class}]; s != nil {
			found = append(found, s)
		}
	}
	return found
}

// forget removes a sender whose node is gone.
func (t *Transport) forget(s *sender) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.senders[s.lane] == s {
		delete(t.mu.senders, s.lane)
	}
}

// track makes Stop close conn. It reports false, having closed it, when Stop has been called.
func (t *Transport) track(conn net.Conn) bool {
	t.mu.Lock()
	stopping := t.mu.stopping
	if !stopping {
		t.mu.conns[conn] = struct{}{}
	}
	t.mu.Unlock()
	if stopping {
		_ = conn.Close()
	}
	return !stopping
}

// untrack closes conn.
func (t *Transport) untrack(conn net.Conn) {
	_ = conn.Close() // it is of no use any more, whatever this says
	t.mu.Lock()
	delete(t.mu.conns, conn)
	t.mu.Unlock()
}

package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/wire"
)

// receiver is the one connection that may receive on a lane. The counters outlive it.
type receiver struct {
	conn net.Conn      // nil when there is none
	done chan struct{} // closed when nothing of conn will be handed over any more

	messages, bytes atomic.Uint64
}

// accept takes in connections until the listener is closed.
func (t *Transport) accept() {
	wait := time.Duration(0)
	for {
		conn, err := t.cfg.Listener.Accept()
		if t.ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil {
			wait = min(max(2*wait, t.cfg.Limits.MinBackoff), maxAcceptWait)
			t.log.Error("accept a connection from a node", "error", err, "retry in", wait)
			select {
			case <-clock.After(wait):
			case <-t.group.Stopped():
				return
			}
			continue
		}
		wait = 0
		if !t.admit(conn) {
			t.refusals.log(conn, "inbound", fmt.Sprintf("more than %d connections", t.cfg.Limits.MaxInbound))
			_ = conn.Close()
		}
	}
}

// admit starts the goroutine of an accepted connection, unless there are too many.
func (t *Transport) admit(conn net.Conn) bool {
	t.mu.Lock()
	full := t.mu.inbound >= t.cfg.Limits.MaxInbound
	if !full {
		t.mu.inbound++
	}
	t.mu.Unlock()
	if full {
		return false
	}
	release := func() {
		t.untrack(conn)
		t.mu.Lock()
		t.mu.inbound--
		t.mu.Unlock()
	}
	if !t.track(conn) || !t.group.Start(func() { defer release(); t.inbound(conn) }) {
		release()
	}
	return true
}

// inbound serves one accepted connection from its handshake to its end.
func (t *Transport) inbound(conn net.Conn) {
	tune(conn)
	if conn.SetDeadline(clock.Wall().Add(t.cfg.Limits.HandshakeTimeout)) != nil {
		return
	}
	hello, err := readHello(conn)
	if err != nil {
		if !errors.Is(err, io.EOF) { // who connects and says nothing only looks whether the port is open
			t.refusals.log(conn, "handshake", err.Error())
		}
		return
	}
	me := t.Identity()
	answer := &wire.Hello{
		Cluster: me.Cluster, From: me.Self, To: hello.From, Boot: me.Boot, Carries: hello.Carries, Purpose: hello.Purpose,
	}
	answer.Error = checkVersions(hello)
	switch {
	case answer.Error != "":
	case hello.Purpose == wire.PurposePeer:
		answer.Error = checkPeer(me, hello)
	case hello.Purpose != wire.PurposeAdmin:
		answer.Error = fmt.Sprintf("unknown purpose %d", hello.Purpose)
	}
	if answer.Error != "" {
		t.refusals.log(conn, fmt.Sprintf("node %v", hello.From), answer.Error)
	}
	if writeHello(conn, answer) != nil || answer.Error != "" {
		return
	}
	if hello.Purpose == wire.PurposeAdmin {
		t.serveAdmin(conn)
		return
	}
	if conn.SetDeadline(time.Time{}) != nil {
		return
	}
	t.receive(conn, lane{hello.From, hello.Carries})
}

// receive takes the place of an older connection on the lane and hands messages over until this one breaks or
// is replaced in turn.
func (t *Transport) receive(conn net.Conn, l lane) {
	done := make(chan struct{})
	defer close(done)
	r, older := t.replace(conn, l, done)
	defer t.vacate(r, conn)
	t.refusals.forget(fmt.Sprintf("node %v", l.node))
	if older != nil {
		// Its last message is handed over before our first: a class keeps its order.
		select {
		case <-older:
		case <-t.group.Stopped():
			return
		}
	}
	for _, s := range t.sendersOf(l.node) {
		s.hurry() // the node is there
	}
	frames := newFrameReader(conn, wire.MaxPayloadBytes, readBufferBytes)
	for {
		m, size, err := frames.next()
		if err == nil && !mayTravel(m, l.class) {
			err = fmt.Errorf("%T on a %v connection", m, l.class)
		}
		if err != nil {
			t.logEnd(conn, l, err)
			return
		}
		r.messages.Add(1)
		r.bytes.Add(uint64(size))
		t.cfg.Handler.Receive(l.node, m)
	}
}

// mayTravel keeps what opens connections and what administrators say away from the Handler, and each class to
// its own connection, where its order is kept.
func mayTravel(m wire.Message, class wire.Class) bool {
	switch m.(type) {
	case *wire.Hello, *wire.NodeStatusRequest, *wire.NodeStatus, *wire.BootstrapRequest, *wire.BootstrapReply, *wire.AdminError:
		return false
	default:
		return m.Class() == class
	}
}

// replace makes conn the receiving one of its lane and closes the one before it, whose done it returns.
func (t *Transport) replace(conn net.Conn, l lane, done chan struct{}) (r *receiver, older <-chan struct{}) {
	t.mu.Lock()
	r = t.mu.receivers[l]
	if r == nil {
		r = &receiver{}
		t.mu.receivers[l] = r
	}
	replaced, olderDone := r.conn, r.done
	r.conn, r.done = conn, done
	t.mu.Unlock()
	if replaced == nil {
		return r, nil
	}
	_ = replaced.Close() // its reader ends and cleans up
	return r, olderDone
}

// vacate says that conn receives no longer.
func (t *Transport) vacate(r *receiver, conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.conn == conn {
		r.conn, r.done = nil, nil
	}
}

// logEnd tells a connection that ended from one that was ended for what came over it.
func (t *Transport) logEnd(conn net.Conn, l lane, err error) {
	attributes := []any{"node", l.node, "class", l.class, "from", conn.RemoteAddr(), "error", err}
	var network net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network) {
		t.log.Debug("connection from node ended", attributes...)
		return
	}
	t.log.Error("connection from node closed: it sent something invalid", attributes...)
}

package transport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/katakv/katakv/internal/clock"
)

// errGone ends a sender whose node has no address any more.
var errGone = errors.New("the node is not in the cluster map")

// sender owns one lane out: a queue of encoded frames, and a goroutine that keeps a connection and writes.
type sender struct {
	lane
	t *Transport
	queue
	random *rand.Rand    // of run only
	nudge  chan struct{} // has room for one: do not wait any longer before the next attempt
}

func newSender(t *Transport, l lane) *sender {
	return &sender{
		lane:   l,
		t:      t,
		queue:  newQueue(t.cfg.Limits.QueueBytes[l.class], t.cfg.Limits.QueueMessages),
		random: rand.New(rand.NewPCG(t.cfg.Seed, uint64(l.node)<<8|uint64(l.class))),
		nudge:  make(chan struct{}, 1),
	}
}

// run connects and writes, again and again, until the transport stops or the node is gone.
func (s *sender) run() {
	defer s.t.forget(s)
	logged := "" // the last failure, so that each is logged once
	for failures := 0; ; {
		conn, address, err := s.dial()
		if s.t.ctx.Err() != nil {
			if err == nil {
				s.t.untrack(conn)
			}
			return
		}
		if err == nil {
			logged = ""
			began := clock.Monotonic()
			err = s.serve(conn, address)
			if clock.Monotonic()-began > s.t.cfg.Limits.MaxBackoff {
				failures = 0
			}
		}
		if s.t.ctx.Err() != nil {
			return
		}
		if s.down() {
			s.t.cfg.Handler.PeerDown(s.node, s.class)
		}
		if errors.Is(err, errGone) {
			return
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			s.t.cfg.Handler.PeerRefused(s.node)
		}
		if text := err.Error(); text != logged {
			logged = text
			s.t.log.Warn("no connection to node", "node", s.node, "class", s.class, "address", address, "error", err)
		}
		if !s.wait(failures) {
			return
		}
		failures++
	}
}

// dial makes one attempt to connect.
func (s *sender) dial() (conn net.Conn, address string, err error) {
	address, known := s.t.cfg.Resolve(s.node)
	if !known {
		return nil, "", errGone
	}
	conn, err = s.t.connect(s, address)
	return conn, address, err
}

// serve writes to a new connection until it breaks, and closes it.
func (s *sender) serve(conn net.Conn, address string) error {
	defer s.t.untrack(conn)
	broken := make(chan struct{})
	if !s.t.group.Start(func() { watch(conn, broken) }) {
		return net.ErrClosed
	}
	s.up(conn, address)
	s.t.log.Debug("connected to node", "node", s.node, "class", s.class, "address", address)
	for _, sibling := range s.t.sendersOf(s.node) {
		sibling.hurry()
	}
	s.t.cfg.Handler.PeerUp(s.node, s.class)
	for {
		batch := s.take()
		if batch == nil {
			select {
			case <-s.wake:
				continue
			case <-broken:
				return errors.New("the connection broke")
			case <-s.t.group.Stopped():
				return net.ErrClosed
			}
		}
		if err := s.write(conn, batch); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		s.written(batch)
	}
}

// watch closes conn as soon as the peer does: nothing is ever received on it after the handshake.
func watch(conn net.Conn, broken chan<- struct{}) {
	var b [1]byte
	_, _ = conn.Read(b[:])
	_ = conn.Close()
	close(broken)
}

// write writes all of batch: with one system call, unless it is so long that it needs more than one deadline.
func (s *sender) write(conn net.Conn, batch []byte) error {
	for len(batch) > 0 {
		part := batch[:min(len(batch), writeBytes)]
		if err := conn.SetWriteDeadline(clock.Wall().Add(s.t.cfg.Limits.WriteTimeout)); err != nil {
			return err
		}
		if _, err := conn.Write(part); err != nil {
			return err
		}
		s.counters.writes.Add(1)
		batch = batch[len(part):]
	}
	return nil
}

// wait waits before the next attempt: longer after each failure, up to a limit, by half of it at random. It
// reports false when the transport stops.
func (s *sender) wait(failures int) bool {
	limits := &s.t.cfg.Limits
	longest := limits.MaxBackoff
	if shift := min(failures, 20); limits.MinBackoff<<shift < longest {
		longest = limits.MinBackoff << shift
	}
	timer := clock.NewTimer(longest/2 + time.Duration(s.random.Int64N(int64(longest/2)+1)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.nudge:
		return true
	case <-s.t.group.Stopped():
		return false
	}
}

// hurry ends a wait for the next attempt: there is a sign that it may work now.
func (s *sender) hurry() {
	if !s.isDown() {
		return
	}
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// refresh closes a connection to any other address.
func (s *sender) refresh(address string) {
	if conn, connected := s.connection(); conn != nil && connected != address {
		_ = conn.Close() // the watcher sees it and ends the connection in order
	}
	s.hurry()
}

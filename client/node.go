package client

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// maxRest is how long a connection may have been idle and still be trusted with a command that cannot be sent again.
	// One that rested longer is asked first: a node that was restarted meanwhile has forgotten it.
	maxRest = time.Second

	// maxIdle is how long a connection may be idle before it is closed.
	maxIdle = time.Minute

	// avoidFor is how long a node that failed is not chosen where another one will do.
	avoidFor = time.Second
)

// node is one address and the connections to it. A connection belongs to one call at a time, so that none waits for the
// answers of another: a server answers a connection in order.
type node struct {
	addr        string
	dialTimeout time.Duration
	places      chan struct{} // one in it for each connection in use

	mu struct {
		sync.Mutex
		idle   []idleConn // the one used last at the end; at most as many as places
		open   map[*Conn]struct{}
		closed bool
		failed time.Time // zero after a success
	}
}

type idleConn struct {
	conn  *Conn
	since time.Time
}

func newNode(addr string, config *Config) *node {
	n := &node{addr: addr, dialTimeout: config.AttemptTimeout, places: make(chan struct{}, config.MaxConns)}
	n.mu.open = map[*Conn]struct{}{}
	return n
}

// take returns a connection for one exchange, to be given back by put; it waits while all are in use. Each wait of the
// exchange ends after timeout, unless that is negative. A careful caller is given no connection that might be dead
// already. The error is a [*ConnError]; nothing was sent.
func (n *node) take(ctx context.Context, timeout time.Duration, careful bool) (*Conn, error) {
	select {
	case n.places <- struct{}{}:
	default:
		select {
		case n.places <- struct{}{}:
		case <-ctx.Done():
			return nil, n.unsent("wait for a connection to", context.Cause(ctx))
		}
	}
	conn, err := n.reuse(ctx, careful)
	if conn == nil && err == nil {
		conn, err = n.dial(ctx)
	}
	if err != nil {
		<-n.places
		return nil, err
	}
	conn.timeout = timeout
	return conn, nil
}

// reuse returns an idle connection; nil when there is none.
func (n *node) reuse(ctx context.Context, careful bool) (*Conn, error) {
	for {
		n.mu.Lock()
		if n.mu.closed {
			n.mu.Unlock()
			return nil, n.unsent("use", ErrClosed)
		}
		last := len(n.mu.idle) - 1
		if last < 0 {
			n.mu.Unlock()
			return nil, nil
		}
		rested := n.mu.idle[last]
		n.mu.idle = n.mu.idle[:last]
		n.mu.Unlock()
		if !careful || time.Since(rested.since) < maxRest {
			return rested.conn, nil
		}
		rested.conn.timeout = n.dialTimeout
		if _, err := rested.conn.Do(ctx, "PING"); err == nil {
			return rested.conn, nil
		}
		n.drop(rested.conn)
	}
}

func (n *node) dial(ctx context.Context) (*Conn, error) {
	conn, err := Dial(ctx, n.addr, Options{Timeout: n.dialTimeout})
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.closed {
		_ = conn.Close()
		return nil, n.unsent("use", ErrClosed)
	}
	n.mu.open[conn] = struct{}{}
	return conn, nil
}

func (n *node) unsent(doing string, err error) *ConnError {
	return &ConnError{Addr: n.addr, Doing: doing, Unsent: true, Err: err}
}

// put gives a connection back. One that broke is closed already; all that rest are given up with it, since they are
// likely to have met the same.
func (n *node) put(conn *Conn) {
	broken := conn.Err() != nil || conn.Pending() > 0
	if !broken {
		conn.unwatch()
	}
	now := time.Now()
	var gone []*Conn
	n.mu.Lock()
	switch {
	case broken && !blameless(conn.Err()):
		n.mu.failed = now
		gone = append(n.takeIdleLocked(now), conn)
	case broken:
		gone = append(gone, conn)
	case n.mu.closed:
		gone = append(gone, conn)
	default:
		n.mu.failed = time.Time{}
		gone = n.takeIdleLocked(now.Add(-maxIdle))
		n.mu.idle = append(n.mu.idle, idleConn{conn, now})
	}
	n.mu.Unlock()
	for _, conn := range gone {
		n.drop(conn)
	}
	<-n.places
}

// blameless reports whether a connection ended because its user wanted no more of it.
func blameless(err error) bool {
	return err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrClosed)
}

// takeIdleLocked removes the connections that rest since before.
func (n *node) takeIdleLocked(before time.Time) []*Conn {
	count := 0
	for count < len(n.mu.idle) && !n.mu.idle[count].since.After(before) {
		count++
	}
	var gone []*Conn
	for _, rested := range n.mu.idle[:count] {
		gone = append(gone, rested.conn)
	}
	n.mu.idle = append(n.mu.idle[:0], n.mu.idle[count:]...)
	return gone
}

// drop closes a connection for good.
func (n *node) drop(conn *Conn) {
	_ = conn.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.open, conn)
}

// avoid notes that the node could not be reached.
func (n *node) avoid() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.failed = time.Now()
}

// avoided reports whether the node failed a moment ago.
func (n *node) avoided() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.mu.failed.IsZero() && time.Since(n.mu.failed) < avoidFor
}

// retire ends the node's use: connections that are in use are closed when they are given back.
func (n *node) retire() {
	n.mu.Lock()
	n.mu.closed = true
	idle := n.takeIdleLocked(time.Now())
	n.mu.Unlock()
	for _, conn := range idle {
		n.drop(conn)
	}
}

// close closes all connections; calls that wait for them return.
func (n *node) close() {
	n.mu.Lock()
	n.mu.closed = true
	open := n.mu.open
	n.mu.open, n.mu.idle = map[*Conn]struct{}{}, nil
	n.mu.Unlock()
	for conn := range open {
		_ = conn.Close()
	}
}

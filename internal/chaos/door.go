package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/slot"
)

// call is one operation on its way, and what came of it.
type call struct {
	op    check.Operation
	value client.Value
	err   error
}

// door is a client's way to the nodes: it belongs to one goroutine.
type door interface {
	// exchange sends the calls as one pipeline and fills in times and answers. It reports false when nothing
	// could be sent because no node took the connection; then no call has happened.
	exchange(ctx context.Context, calls []*call) bool
	close()
}

// maxRefusals is after how many refusals in a row a client tries another node, as an impatient one does.
const maxRefusals = 3

// plainDoor speaks to one node's plain port at a time, and turns to the next node when that fails it.
type plainDoor struct {
	addrs    []string
	turn     int
	options  client.Options
	tally    *tally
	conn     *client.Conn
	refusals int
}

func (d *plainDoor) exchange(ctx context.Context, calls []*call) bool {
	if d.conn == nil {
		conn, err := client.Dial(ctx, d.addrs[d.turn%len(d.addrs)], d.options)
		if err != nil {
			d.tally.fail(err)
			d.turn++
			return false
		}
		d.conn = conn
	}
	pipeline(ctx, d.conn, calls)
	if calls[len(calls)-1].err == nil {
		d.refusals = 0
	} else if d.refusals++; d.refusals == maxRefusals || d.conn.Err() != nil {
		d.close()
		d.turn++
	}
	return true
}

func (d *plainDoor) close() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
	d.conn, d.refusals = nil, 0
}

// pipeline sends all calls at once and takes their answers.
func pipeline(ctx context.Context, conn *client.Conn, calls []*call) {
	now := clock.Monotonic()
	var failed error
	for _, c := range calls {
		c.op.Call, c.value, c.err = now, client.Value{}, nil
		if err := conn.Send(arguments(&c.op)...); err != nil {
			failed = err
		}
	}
	if failed == nil {
		failed = conn.Flush(ctx)
	}
	for _, c := range calls {
		if c.err = failed; c.err == nil {
			c.value, c.err = conn.Receive(ctx)
			if conn.Err() != nil {
				failed = c.err
			}
		}
		c.op.Return = clock.Monotonic()
	}
}

// clusterDoor speaks to cluster ports and follows their redirects, one call at a time.
type clusterDoor struct {
	addrs   []string // of all nodes
	turn    int
	options client.Options
	tally   *tally
	conns   map[string]*client.Conn
	owners  map[katakv.Slot]string // where the last redirect for a slot led
}

// maxRedirects bounds how often one operation is sent on.
const maxRedirects = 4

func (d *clusterDoor) exchange(ctx context.Context, calls []*call) bool {
	for i, c := range calls {
		if !d.do(ctx, c) {
			for _, rest := range calls[i:] {
				now := clock.Monotonic()
				rest.op.Call, rest.op.Return, rest.err = now, now, errNotSent
			}
			return i > 0
		}
	}
	return true
}

// errNotSent is the end of a call that met no node.
var errNotSent = &client.ConnError{Doing: "dial", Unsent: true, Err: errors.New("no node took the connection")}

// do sends one call to the slot's node, and on where that leads.
func (d *clusterDoor) do(ctx context.Context, c *call) bool {
	s := slot.Of([]byte(c.op.Keys[0]))
	for range maxRedirects {
		addr, known := d.owners[s]
		if !known {
			addr = d.addrs[d.turn%len(d.addrs)]
		}
		conn, err := d.dial(ctx, addr)
		if err != nil {
			d.tally.fail(err)
			delete(d.owners, s)
			d.turn++
			return false
		}
		pipeline(ctx, conn, []*call{c})
		if conn.Err() != nil {
			delete(d.conns, addr)
		}
		if c.err == nil {
			return true
		}
		delete(d.owners, s)
		var reply *client.ReplyError
		if !errors.As(c.err, &reply) {
			d.turn++
			return true
		}
		_, to, moved := reply.Moved()
		if !moved {
			d.turn++
			return true
		}
		d.owners[s] = to
	}
	return true
}

func (d *clusterDoor) dial(ctx context.Context, addr string) (*client.Conn, error) {
	if conn := d.conns[addr]; conn != nil {
		return conn, nil
	}
	conn, err := client.Dial(ctx, addr, d.options)
	if err == nil {
		d.conns[addr] = conn
	}
	return conn, err
}

func (d *clusterDoor) close() {
	for _, conn := range d.conns {
		_ = conn.Close()
	}
	clear(d.conns)
}

// clientTimeouts are how long clients wait for an answer: some give up before the server does, some after.
var clientTimeouts = []time.Duration{1500 * time.Millisecond, 4 * time.Second, 8 * time.Second}

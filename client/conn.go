package client

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/katakv/katakv/internal/resp"
)

const (
	// DefaultTimeout ends waits that nothing else ends: longer than a server's own limit on a request, so
	// that the server's answer, which says more, comes first.
	DefaultTimeout = 10 * time.Second

	// maxRetainedBytes is the largest send buffer that a connection keeps: one large value should not cost
	// it memory for ever.
	maxRetainedBytes = 256 << 10

	// minReadBytes is the least room offered to one read of the socket.
	minReadBytes = 1 << 10
)

// Options of a connection. The zero value is good.
type Options struct {
	// Timeout bounds the dial, each Flush and each wait for a reply (to within an eighth), besides the context. Zero means
	// [DefaultTimeout], a negative value none.
	Timeout time.Duration

	// Protocol is 2 or 3; zero means 2. Three costs a round trip when the connection is made.
	Protocol int
}

// Conn is a connection to one server. See the package for its rules.
type Conn struct {
	addr    string
	timeout time.Duration
	net     net.Conn

	out     []byte   // commands not yet written
	unsent  int      // their number
	pending int      // commands written or buffered whose replies were not received
	args    [][]byte // scratch of Send and SendBytes
	text    []byte   // scratch of Send
	parser  *resp.ReplyParser

	watched  <-chan struct{} // Done of the context whose end interrupts the socket; see watch
	deadline time.Time       // the socket's, unless an end of a context brought it forward

	mu struct {
		sync.Mutex
		turn        uint64 // counts watched contexts, so that the end of an older one is ignored
		stopWatched func() bool
		closed      *ConnError
	}
}

// Dial connects to addr, "host:port". The error is a [*ConnError], or a [*ReplyError] when the server refuses
// the protocol; nothing that the caller wants was sent then.
func Dial(ctx context.Context, addr string, options Options) (*Conn, error) {
	timeout := options.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	dialer := net.Dialer{Timeout: max(timeout, 0)}
	socket, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, &ConnError{Addr: addr, Doing: "dial", Unsent: true, Err: err}
	}
	c := &Conn{
		addr: addr, timeout: timeout, net: socket,
		parser: resp.NewReplyParser(resp.DefaultReplyLimits()),
	}
	switch options.Protocol {
	case 0, resp.Protocol2:
		return c, nil
	case resp.Protocol3:
		if _, err := c.Do(ctx, "HELLO", "3"); err != nil {
			_ = c.Close()
			return nil, err
		}
		return c, nil
	}
	_ = c.Close()
	return nil, &ConnError{Addr: addr, Doing: "dial", Unsent: true, Err: fmt.Errorf("no protocol %d: choose 2 or 3", options.Protocol)}
}

// Addr returns the address that was dialled.
func (c *Conn) Addr() string { return c.addr }

// Pending returns the number of commands sent or buffered whose replies were not received yet.
func (c *Conn) Pending() int { return c.pending }

// Err returns nil while the connection is usable, and the [*ConnError] that ended it after that.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed == nil {
		return nil
	}
	return c.mu.closed
}

// Close ends the connection; a call that waits returns. Closing twice is fine. The result is always nil.
func (c *Conn) Close() error {
	_ = c.closeWith(&ConnError{Addr: c.addr, Doing: "close", Err: ErrClosed})
	return nil
}

// closeWith closes the socket and keeps the first cause, which it returns.
func (c *Conn) closeWith(cause *ConnError) *ConnError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed == nil {
		c.mu.closed = cause
		_ = c.net.Close()
		if c.mu.stopWatched != nil {
			c.mu.stopWatched()
		}
	}
	return c.mu.closed
}

// Do sends one command and waits for its reply. An argument is a string, []byte, integer or float. The error is
// a [*ReplyError], [*ConnError] or [*ArgumentError]; see [OutcomeOf]. Replies of earlier sends must have been
// received.
func (c *Conn) Do(ctx context.Context, args ...any) (Value, error) {
	if err := c.Err(); err != nil {
		return Value{}, &ConnError{Addr: c.addr, Doing: "send", Unsent: true, Err: err}
	}
	if c.pending > 0 {
		return Value{}, fmt.Errorf("%d replies to receive before Do", c.pending)
	}
	if err := c.Send(args...); err != nil {
		return Value{}, err
	}
	if err := c.Flush(ctx); err != nil {
		return Value{}, err
	}
	return c.Receive(ctx)
}

// Send buffers one command; arguments as for [Conn.Do], copied. Nothing is written before [Conn.Flush]. A very
// long pipeline should be received in parts: a server that waits for its replies to be read stops reading.
func (c *Conn) Send(args ...any) error {
	c.args, c.text = c.args[:0], c.text[:0]
	for i, arg := range args {
		from := len(c.text)
		switch arg := arg.(type) {
		case []byte:
			c.args = append(c.args, arg)
			continue
		case string:
			c.text = append(c.text, arg...)
		case int:
			c.text = strconv.AppendInt(c.text, int64(arg), 10)
		case int64:
			c.text = strconv.AppendInt(c.text, arg, 10)
		case uint64:
			c.text = strconv.AppendUint(c.text, arg, 10)
		case float64:
			c.text = strconv.AppendFloat(c.text, arg, 'g', -1, 64)
		default:
			return &ArgumentError{Index: i, Value: arg}
		}
		// Should text move when it grows, earlier arguments keep the old memory.
		c.args = append(c.args, c.text[from:len(c.text):len(c.text)])
	}
	err := c.SendBytes(c.args...)
	if cap(c.text) > maxRetainedBytes {
		c.text = nil
	}
	return err
}

// SendBytes is [Conn.Send] for arguments that are bytes already. It allocates nothing once the buffer has grown.
func (c *Conn) SendBytes(args ...[]byte) error {
	if len(args) == 0 {
		return &ArgumentError{Index: -1}
	}
	if err := c.Err(); err != nil {
		return &ConnError{Addr: c.addr, Doing: "send", Unsent: true, Err: err}
	}
	c.args = append(c.args[:0], args...) // so that the caller's slice of arguments need not be on the heap
	c.out = resp.AppendCommand(c.out, c.args...)
	clear(c.args)
	c.unsent++
	c.pending++
	return nil
}

// Flush writes what was buffered. If ctx has ended already, what was buffered is dropped and the connection goes
// on; after any other error it is closed. ConnError.Unsent tells whether nothing has left.
func (c *Conn) Flush(ctx context.Context) error {
	if len(c.out) == 0 {
		return nil
	}
	if err := c.begin(ctx); err != nil {
		c.pending -= c.unsent
		c.unsent, c.out = 0, c.out[:0]
		return &ConnError{Addr: c.addr, Doing: "send", Unsent: true, Err: err}
	}
	n, err := c.net.Write(c.out)
	if err != nil {
		return c.closeWith(&ConnError{Addr: c.addr, Doing: "send", Unsent: n == 0, Err: c.cause(ctx, err)})
	}
	c.unsent = 0
	if cap(c.out) > maxRetainedBytes {
		c.out = nil
	}
	c.out = c.out[:0]
	return nil
}

// Receive returns the next reply, in the order of the commands; it does not flush. A reply that is an error is
// returned as a [*ReplyError], and the connection goes on. After a [*ConnError] it is closed, and the outcomes of
// all commands without a reply are unknown. Messages that are no replies (RESP3 pushes) are dropped.
func (c *Conn) Receive(ctx context.Context) (Value, error) {
	if err := c.Err(); err != nil {
		return Value{}, err
	}
	if c.pending == c.unsent {
		return Value{}, ErrNothingPending
	}
	value, err := c.parser.Next()
	for err != nil || value.Kind == resp.KindPush {
		if err != nil {
			if err = c.read(ctx, err); err != nil {
				return Value{}, err
			}
		}
		value, err = c.parser.Next()
	}
	c.pending--
	if value.Kind == resp.KindError {
		return Value{}, newReplyError(string(value.Bytes))
	}
	return newValue(value), nil
}

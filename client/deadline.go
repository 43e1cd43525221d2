package client

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/katakv/katakv/internal/resp"
)

// past is a deadline that has passed: it interrupts reads and writes that wait.
var past = time.Unix(1, 0)

// begin prepares the socket for one wait: it ends after the timeout, and when ctx ends.
func (c *Conn) begin(ctx context.Context) error {
	if err := c.Err(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		// Nothing was written or read: the connection stays as it is.
		return err
	}
	if c.watch(ctx) {
		c.deadline = time.Time{}
	}
	deadline, ok := ctx.Deadline()
	if c.timeout > 0 {
		if limit := time.Now().Add(c.timeout); !ok || limit.Before(deadline) {
			deadline, ok = limit, true
		}
	}
	if !ok {
		deadline = time.Time{}
	}
	// Setting a deadline costs as much as half a small write. One that was set a moment ago will do: the wait
	// then ends early by at most an eighth of the timeout.
	if early := deadline.Sub(c.deadline); !c.deadline.IsZero() && ok && early >= 0 && early < c.timeout/8 {
		return nil
	}
	c.deadline = deadline
	return c.setDeadline(ctx, deadline)
}

// setDeadline sets the deadline unless ctx has ended, whose end must not be undone.
func (c *Conn) setDeadline(ctx context.Context, deadline time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return c.net.SetDeadline(deadline)
}

// watch makes the end of ctx interrupt the socket. Calls in a row usually bring the same context, which then
// costs nothing. It reports whether ctx is another than before.
func (c *Conn) watch(ctx context.Context) (changed bool) {
	done := ctx.Done()
	if c.watched == done {
		return false
	}
	c.watched = done
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.turn++
	turn := c.mu.turn
	if c.mu.stopWatched != nil {
		c.mu.stopWatched()
		c.mu.stopWatched = nil
	}
	if done == nil || c.mu.closed != nil {
		return true
	}
	c.mu.stopWatched = context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.mu.turn == turn {
			_ = c.net.SetDeadline(past)
		}
	})
	return true
}

// read gets more bytes when the parser wants them; any other error of the parser ends the connection.
func (c *Conn) read(ctx context.Context, wanted error) error {
	if !errors.Is(wanted, resp.ErrIncomplete) {
		return c.closeWith(&ConnError{Addr: c.addr, Doing: "receive", Err: wanted})
	}
	if err := c.begin(ctx); err != nil {
		// Replies are outstanding: whoever came next would receive them as its own.
		return c.closeWith(&ConnError{Addr: c.addr, Doing: "receive", Err: err})
	}
	n, err := c.net.Read(c.parser.Space(minReadBytes))
	c.parser.Commit(n)
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // a reply was awaited
	}
	return c.closeWith(&ConnError{Addr: c.addr, Doing: "receive", Err: c.cause(ctx, err)})
}

// cause names the end of the context rather than the deadline by which it interrupted the socket.
func (c *Conn) cause(ctx context.Context, err error) error {
	if ended := context.Cause(ctx); ended != nil {
		return ended
	}
	return err
}

// unwatch makes the connection forget the context of its last wait, whose end then means nothing to it.
func (c *Conn) unwatch() {
	c.watched, c.deadline = nil, time.Time{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.turn++
	if c.mu.stopWatched != nil {
		c.mu.stopWatched()
		c.mu.stopWatched = nil
	}
}

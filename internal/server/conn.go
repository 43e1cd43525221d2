package server

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
)

// conn is one client's connection. Its fields belong to its goroutine, but for those under mu and the atomic
// ones.
type conn struct {
	server *Server
	net    net.Conn
	id     uint64
	opened time.Time

	parser   *resp.Parser
	limits   command.Limits
	protocol int
	// inputShare is what the connection holds of the server's input budget, in bytes.
	inputShare int
	// armed is set while a read deadline is.
	armed bool
	// readOnly is set by READONLY.
	readOnly bool
	reading  reading
	// leaving is set by QUIT.
	leaving bool

	// lastActive is when bytes last came, in Unix nanoseconds.
	lastActive atomic.Int64

	mu struct {
		sync.Mutex
		shown shown
	}
}

// shown is what CLIENT LIST tells of a connection beyond what never changes.
type shown struct {
	name, libName, libVersion string
	protocol                  int
	command                   *command.Spec // The last one that was no data command.
	readOnly                  bool          // As conn.readOnly.
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, net: nc, opened: s.config.Now(), limits: s.config.Limits, protocol: resp.Protocol2}
	c.parser = resp.NewParser(parserLimits(c.limits))
	c.mu.shown.protocol = resp.Protocol2
	c.lastActive.Store(c.opened.UnixNano())
	return c
}

// parserLimits lets every key and value through that the limits allow.
func parserLimits(limits command.Limits) resp.Limits {
	l := resp.DefaultLimits()
	l.MaxBulkBytes = max(limits.MaxKeyBytes, limits.MaxValueBytes)
	return l
}

// serve answers the client until either side ends it.
func (c *conn) serve() {
	defer c.server.remove(c)
	defer c.close()
	for !c.server.stopping.Load() {
		if !c.read() {
			return
		}
		if !c.answer() {
			break
		}
	}
	c.linger()
}

// read waits for bytes; false when there will be none or the connection must end without further words.
func (c *conn) read() bool {
	for {
		room := c.parser.Space(readBytes)
		if !c.parser.Pending() && !c.tryAccountInput() {
			// No command needs the large buffer, and others need its memory.
			c.parser = resp.NewParser(parserLimits(c.limits))
			room = c.parser.Space(readBytes)
		}
		if !c.accountInput() {
			return false
		}
		c.armReadDeadline()
		if c.server.stopping.Load() {
			return false // Checked after the deadline was set: wake sets its own after stopping.
		}
		n, err := c.net.Read(room)
		c.parser.Commit(n)
		if n > 0 {
			c.lastActive.Store(c.server.config.Now().UnixNano())
			return true
		}
		if !isTimeout(err) || c.server.stopping.Load() || c.parser.Pending() {
			return false
		}
		// Silent for IdleAfter with nothing begun: give the large buffer back.
		c.parser = resp.NewParser(parserLimits(c.limits))
	}
}

// heldInput is what counts as input of this connection, in bytes.
func (c *conn) heldInput() int {
	if held := c.parser.HeldBytes(); held > idleBufferBytes {
		return held
	}
	return 0
}

// tryAccountInput makes the connection's share of the input budget equal to what it holds, if that can be had.
func (c *conn) tryAccountInput() bool {
	held := c.heldInput()
	if held == c.inputShare {
		return true
	}
	_, ok := c.server.input.tryResize(c.inputShare, held)
	if ok {
		c.inputShare = held
	}
	return ok
}

// accountInput waits until tryAccountInput succeeds; false, and the client was told, when that takes too long.
func (c *conn) accountInput() bool {
	held := c.heldInput()
	if held == c.inputShare {
		return true
	}
	if !c.server.input.resize(c.server.ctx, c.inputShare, held) {
		c.writeRaw("-ERR this node holds too many bytes of unfinished commands: send fewer large values at a time\r\n")
		c.linger()
		return false
	}
	c.inputShare = held
	return true
}

// armReadDeadline bounds how long a connection that holds memory may be silent. Small ones may wait for ever,
// and pay nothing for it.
func (c *conn) armReadDeadline() {
	until := time.Time{}
	switch {
	case c.inputShare == 0 && !c.armed:
		return
	case c.inputShare == 0:
	case c.parser.Pending():
		until = deadline(stalledAfter)
	default:
		until = deadline(c.server.config.IdleAfter)
	}
	c.armed = !until.IsZero()
	_ = c.net.SetReadDeadline(until) // It fails on a closed connection, and so will the read.
}

// answer executes every complete command that was read and writes the replies; false when the connection ends.
func (c *conn) answer() bool {
	w := takeWorkspace(c.protocol)
	defer w.release()
	for {
		topology := c.server.config.Backend.Topology()
		c.useLimits(topology)
		err := c.collect(w, topology)
		if !c.execute(w, topology) {
			return false
		}
		switch {
		case w.control != nil:
			c.control(w, topology)
		case errors.Is(err, resp.ErrIncomplete):
			return c.flush(w)
		case err != nil:
			c.refuse(w, topology, err)
		}
		if err != nil && !errors.Is(err, resp.ErrIncomplete) || c.leaving || c.server.stopping.Load() {
			c.flush(w)
			return false
		}
		if w.writer.Len() >= flushBytes && !c.flush(w) {
			return false
		}
	}
}

// useLimits follows the value limit of the cluster map.
func (c *conn) useLimits(topology *router.Topology) {
	limits := c.server.config.Limits
	if topology.Map != nil && topology.Map.Settings.MaxValueBytes > 0 {
		limits.MaxValueBytes = topology.Map.Settings.MaxValueBytes
	}
	if limits != c.limits {
		c.limits = limits
		c.parser.SetLimits(parserLimits(limits))
	}
}

// flush writes the collected replies; false when the client does not take them.
func (c *conn) flush(w *workspace) bool {
	rest := w.writer.Bytes()
	for len(rest) > 0 {
		chunk := rest[:min(len(rest), writeChunkBytes)]
		_ = c.net.SetWriteDeadline(deadline(c.server.config.WriteTimeout))
		if _, err := c.net.Write(chunk); err != nil {
			if isTimeout(err) {
				c.server.config.Logger.Warn("closed a client that does not read",
					"client", c.net.RemoteAddr().String(), "timeout", c.server.config.WriteTimeout)
			}
			return false
		}
		rest = rest[len(chunk):]
	}
	w.writer.Reset()
	return true
}

// writeRaw writes the last words of a connection, as far as the client takes them.
func (c *conn) writeRaw(text string) {
	_ = c.net.SetWriteDeadline(deadline(lingerTimeout))
	_, _ = io.WriteString(c.net, text)
}

// linger tells the client that nothing more comes and reads away what it still sends, so that its kernel does
// not drop the last replies.
func (c *conn) linger() {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.net.SetReadDeadline(deadline(lingerTimeout))
	_, _ = io.CopyN(io.Discard, c.net, lingerBytes)
}

// close releases everything; only the connection's goroutine calls it.
func (c *conn) close() {
	_ = c.net.Close()
	c.server.input.tryResize(c.inputShare, 0)
	c.inputShare = 0
}

// wake makes a waiting read return, because the server stops.
func (c *conn) wake() { _ = c.net.SetReadDeadline(time.Unix(1, 0)) }

// abort ends the connection at once, from outside.
func (c *conn) abort() { _ = c.net.Close() }

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// deadline is for sockets, which know no clock but the real one.
func deadline(after time.Duration) time.Time {
	return clock.Wall().Add(after)
}

package server

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv/internal/router"
)

// Server serves one Redis listener.
type Server struct {
	config Config
	input  *inputBudget

	// ctx ends when running batches must stop.
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	// stopping is set once, before connections are woken.
	stopping atomic.Bool
	stopOnce sync.Once

	mu struct {
		sync.Mutex
		conns  map[uint64]*conn
		lastID uint64
	}

	started  time.Time
	accepted atomic.Int64
	refused  atomic.Int64
	commands atomic.Int64
}

// New builds a server; it does nothing before [Server.Start].
func New(config Config) *Server {
	config = config.withDefaults()
	s := &Server{config: config, input: newInputBudget(config.MaxInputBytes, config.InputWait)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.conns = make(map[uint64]*conn)
	s.started = config.Now()
	return s
}

// Start accepts connections in the background until [Server.Stop]. Call it once.
func (s *Server) Start() {
	s.config.Logger.Info("redis port open", "address", s.Addr().String(), "mode", s.modeName())
	s.group.Go(s.acceptLoop)
}

// Addr returns the listener's address.
func (s *Server) Addr() net.Addr { return s.config.Listener.Addr() }

// Connections returns the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.conns)
}

// Stop closes the listener, lets running batches finish within StopGrace, answers them, closes every connection
// and returns when all is done. Commands that were read but not begun are dropped without an answer. It may be
// called again, and without Start.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		s.stopping.Store(true)
		if err := s.config.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.config.Logger.Warn("close listener", "error", err)
		}
		for _, c := range s.connections() {
			c.wake()
		}
		grace, endGrace := context.WithTimeout(context.Background(), s.config.StopGrace)
		settled := context.AfterFunc(grace, func() {
			s.cancel()
			for _, c := range s.connections() {
				c.abort()
			}
		})
		s.group.Wait()
		settled()
		endGrace()
		s.cancel()
		s.config.Logger.Info("redis port closed", "address", s.Addr().String())
	})
}

func (s *Server) acceptLoop() {
	for {
		nc, err := s.config.Listener.Accept()
		switch {
		case err == nil:
			s.accept(nc)
		case s.stopping.Load() || errors.Is(err, net.ErrClosed):
			return
		default:
			s.config.Logger.Warn("accept connection", "error", err)
			s.pause(acceptRetry)
		}
	}
}

// pause waits for d, or until running batches must stop.
func (s *Server) pause(d time.Duration) {
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	<-ctx.Done()
}

// What a connection is told that is refused: one too many in Redis's words, and one that came as the server stops, which
// nothing was done for, so that a client may safely ask another node.
const (
	tooManyText  = "-ERR max number of clients reached\r\n"
	stoppingText = "-CLUSTERDOWN this node is stopping: connect to another one\r\n"
)

// accept starts a connection, or refuses it.
func (s *Server) accept(nc net.Conn) {
	c := newConn(s, nc)
	refusal := s.add(c)
	if refusal == "" {
		s.accepted.Add(1)
		s.group.Go(c.serve)
		return
	}
	s.refused.Add(1)
	// A new socket takes one line without waiting. If it does not, the client is told nothing.
	_ = nc.SetWriteDeadline(deadline(lingerTimeout))
	_, _ = nc.Write([]byte(refusal))
	_ = nc.Close()
}

// add registers c unless there are too many connections or the server stops; then it returns what to answer.
func (s *Server) add(c *conn) (refusal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		return stoppingText
	}
	if s.config.Open.Add(1) > int64(s.config.MaxConnections) {
		s.config.Open.Add(-1)
		return tooManyText
	}
	s.mu.lastID++
	c.id = s.mu.lastID
	s.mu.conns[c.id] = c
	return ""
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.conns, c.id)
	s.config.Open.Add(-1)
}

// connections returns the open connections by id.
func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.mu.conns))
	for _, c := range s.mu.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
	return all
}

// clustered reports whether this is the cluster port.
func (s *Server) clustered() bool { return s.config.Mode == router.Redirect }

// modeName is the server's mode in Redis's words.
func (s *Server) modeName() string {
	if s.clustered() {
		return "cluster"
	}
	return "standalone"
}

package admin

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// Limits of the HTTP door. Its users are probes, scrapers, people, and clients of the key-value API, which sets its own
// limits on bodies and times.
const (
	// DefaultMaxConnections leaves most descriptors to Redis clients.
	DefaultMaxConnections = 1024

	// maxHeaderBytes lets prefix and start of a listing have the size of the largest key, each byte of them escaped,
	// beside ordinary headers.
	maxHeaderBytes = 2*3*katakv.MaxKeyBytes + 32<<10

	maxBodyBytes      = 64 << 10 // no request but those to httpapi needs one; what a client sends all the same is read up to here
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	idleTimeout       = 2 * time.Minute

	// writeTimeout covers the slowest answer, checksums over all data.
	writeTimeout = 5 * time.Minute

	// stopTimeout is how long Stop lets requests finish; none that matters takes longer.
	stopTimeout = 2 * time.Second
)

// Config says what a [Server] is. All fields are required, but for MaxConnections.
type Config struct {
	// Listener is closed by Stop.
	Listener net.Listener
	Backend  Backend
	// KV serves what httpapi.Owns.
	KV     http.Handler
	Logger *slog.Logger
	// MaxConnections is DefaultMaxConnections when it is zero.
	MaxConnections int
}

// Server serves one HTTP listener.
type Server struct {
	config   Config
	http     *http.Server
	listener net.Listener
	group    sync.WaitGroup
	stopOnce sync.Once
}

// New builds a server; it does nothing before [Server.Start].
func New(config Config) *Server {
	invariant.Check(config.Listener != nil && config.Backend != nil && config.KV != nil && config.Logger != nil, "admin: config is incomplete")
	return &Server{
		config:   config,
		listener: newBoundedListener(config.Listener, cmp.Or(config.MaxConnections, DefaultMaxConnections)),
		http: &http.Server{
			Handler:           newHandler(config.Backend, config.KV),
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(config.Logger.Handler(), slog.LevelDebug),
		},
	}
}

// Start serves in the background until [Server.Stop]. Call it once.
func (s *Server) Start() {
	s.group.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.config.Logger.Error("http port", "error", err)
		}
	})
}

// Stop closes the listener, lets requests finish within a bound, and closes every connection. It may be called
// again, and without Start.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			_ = s.http.Close()
		}
		_ = s.config.Listener.Close() // without Start, net/http does not know it
		s.group.Wait()
	})
}

// boundedListener accepts so many connections at a time; others wait in the kernel's queue.
type boundedListener struct {
	net.Listener
	room      chan struct{}
	closed    chan struct{}
	closeOnce sync.Once
}

func newBoundedListener(l net.Listener, connections int) *boundedListener {
	return &boundedListener{Listener: l, room: make(chan struct{}, connections), closed: make(chan struct{})}
}

// Accept waits for room, then for a connection.
func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &boundedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.room })}, nil
}

// Close also ends an Accept that waits for room.
func (l *boundedListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type boundedConn struct {
	net.Conn
	release func()
}

func (c *boundedConn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}

package server

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/router"
)

// Limits and times of a connection.
const (
	// DefaultMaxConnections leaves room for the node's other descriptors below the usual limit of 20,000.
	DefaultMaxConnections = 12_000

	// DefaultStopGrace is how long Stop lets running batches finish: a little less than a request may wait.
	DefaultStopGrace = 4 * time.Second

	// DefaultWriteTimeout is how long a client may take to accept writeChunkBytes: far longer than any
	// network that works, short enough that dead clients do not pile up.
	DefaultWriteTimeout = 30 * time.Second

	// DefaultMaxInputBytes bounds the memory of incomplete commands over all connections of a server; a
	// connection over it waits for others to finish theirs. The largest command fits, and two ports take at
	// most a quarter of what a node may use.
	DefaultMaxInputBytes = 128 << 20

	// maxBatchCommands bounds a batch: beyond a thousand commands packing gains nothing, and the commands
	// behind them would only wait longer for the first reply.
	maxBatchCommands = 1024

	// maxBatchBytes bounds the arguments of a batch: one log entry of this size still leaves room for
	// others. A batch holds at least one command, whatever its size.
	maxBatchBytes = 1 << 20

	// readBytes is the least room offered to a read; the parser chooses more.
	readBytes = 1 << 10

	// idleBufferBytes is what a connection may keep while it waits: the parser's first buffer. Ten thousand
	// idle connections then cost 40 MiB of buffers.
	idleBufferBytes = 4 << 10

	// DefaultIdleAfter is how long a connection is silent before its larger buffer is given back.
	DefaultIdleAfter = 2 * time.Second

	// stalledAfter is how long a client may be silent within a command whose bytes count as input.
	stalledAfter = 30 * time.Second

	// DefaultInputWait is how long a connection waits for input memory before it is closed: unfinished
	// commands that all wait for each other must end.
	DefaultInputWait = 5 * time.Second

	// writeChunkBytes is written under one deadline, so that a large reply to a slow client that does read
	// is not cut off.
	writeChunkBytes = 256 << 10

	// flushBytes is how many bytes of replies are collected before they are written although more commands
	// wait: a larger buffer saves no time.
	flushBytes = 256 << 10

	// lingerTimeout and lingerBytes bound how long a closing connection goes on reading: without it the
	// kernel answers unread input with a reset, which can destroy the last reply on its way.
	lingerTimeout = time.Second
	lingerBytes   = 1 << 20

	// countSlots is how many slots DBSIZE counts at a time: counting runs in the cores, and other requests
	// must fit between.
	countSlots = 64

	// acceptRetry is the pause after a failed accept, which mostly means that descriptors are short.
	acceptRetry = 100 * time.Millisecond
)

// RedisVersion is the version of Redis whose behaviour clients may expect, as HELLO and INFO say it.
const RedisVersion = "7.2.0"

// Config says what a [Server] is. Listener, Backend and Logger are required.
type Config struct {
	// Listener is closed by Stop.
	Listener net.Listener
	// Mode is router.Redirect for the cluster port and router.Forward for the plain port.
	Mode    router.Mode
	Backend Backend
	Logger  *slog.Logger
	// Version is KataKV's own.
	Version string

	// The following have defaults, used when they are zero.
	MaxConnections int
	// Open counts connections; servers of one process that share its descriptors share one, and then
	// MaxConnections is for all of them together.
	Open          *atomic.Int64
	MaxInputBytes int // At least twice the largest value, or that can never be received.
	InputWait     time.Duration
	IdleAfter     time.Duration
	WriteTimeout  time.Duration
	StopGrace     time.Duration
	// Limits hold as long as the cluster map sets no other value limit.
	Limits command.Limits
	// Now reads the wall clock.
	Now func() time.Time
}

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	invariant.Check(c.Listener != nil && c.Backend != nil && c.Logger != nil, "server: config is incomplete")
	if c.Open == nil {
		c.Open = new(atomic.Int64)
	}
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	c.MaxInputBytes = cmp.Or(c.MaxInputBytes, DefaultMaxInputBytes)
	c.InputWait = cmp.Or(c.InputWait, DefaultInputWait)
	c.IdleAfter = cmp.Or(c.IdleAfter, DefaultIdleAfter)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, DefaultWriteTimeout)
	c.StopGrace = cmp.Or(c.StopGrace, DefaultStopGrace)
	if c.Limits == (command.Limits{}) {
		c.Limits = command.DefaultLimits()
	}
	if c.Now == nil {
		c.Now = clock.Wall
	}
	return c
}

// Backend is what the server needs of a node. All methods may be called from any goroutine.
type Backend interface {
	// Execute runs the calls and fills their replies; errors are replies. It blocks until every call has one,
	// and returns early, with replies that tell the outcome, when ctx ends. Calls on the same shard run in
	// order. The caller owns the slices of calls; Execute may read those of operations until it returns and
	// copies what it keeps. The slices of replies belong to the caller.
	Execute(ctx context.Context, mode router.Mode, calls []router.Call)

	// Run is Execute of a batch that says more: at which level its reads are answered, and for which session. It uses
	// the session until it returns.
	Run(ctx context.Context, batch router.Batch)

	// Topology returns the node's present view of the cluster, never nil.
	Topology() *router.Topology

	// Info returns what INFO tells about the node, in order.
	Info() []InfoSection
}

// InfoSection is one section of INFO, such as "Replication".
type InfoSection struct {
	Name   string
	Fields []InfoField
}

// InfoField is one line of INFO.
type InfoField struct {
	Name, Value string
}

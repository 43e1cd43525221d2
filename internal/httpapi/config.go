package httpapi

import (
	"cmp"
	"context"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/router"
)

// Limits and times of requests.
const (
	// DefaultMaxMemoryBytes bounds the values that all requests hold together, on their way in or out: two of the
	// largest size.
	DefaultMaxMemoryBytes = 2 * katakv.MaxValueBytes

	// DefaultMemoryWait is how long a request waits for memory: requests that all wait for each other must end.
	DefaultMemoryWait = 5 * time.Second

	// DefaultStall is how long a client may take for the next pieceBytes of a body, or to accept writeChunkBytes:
	// far longer than any network that works, short enough that dead clients do not pile up.
	DefaultStall = 30 * time.Second

	// DefaultStopGrace is how long Stop lets running requests finish: a little less than a request may wait.
	DefaultStopGrace = 4 * time.Second

	// pieceBytes is the unit in which memory is counted, and a body's first buffer.
	pieceBytes = 64 << 10

	// writeChunkBytes is written under one deadline, so that a large value is not cut off for a client that is slow
	// and does read.
	writeChunkBytes = 256 << 10

	// lineBufferBytes is what of a listing is collected before it is written.
	lineBufferBytes = 32 << 10

	// retryAfter is what a refusal that passes by itself advises, in seconds. It is the least that the header can
	// say; most such refusals have passed by then.
	retryAfter = "1"
)

// Backend is what the API needs of a node. All methods may be called from any goroutine.
type Backend interface {
	// Run runs the batch's calls, at its level and for its session, and fills their replies; errors are replies. It
	// blocks until every call has one; ctx may cut that short only before anything is done. Slices of operations must
	// not change afterwards either; those of replies belong to the caller.
	Run(ctx context.Context, batch router.Batch)

	// Topology returns the node's present view of the cluster, never nil.
	Topology() *router.Topology
}

// Config says what an [API] is. Backend is required; the rest has defaults, used when it is zero.
type Config struct {
	Backend Backend
	// MaxMemoryBytes is at least katakv.MaxValueBytes, or the largest values can never pass.
	MaxMemoryBytes int
	MemoryWait     time.Duration
	Stall          time.Duration
	StopGrace      time.Duration
}

func (c Config) withDefaults() Config {
	c.MaxMemoryBytes = cmp.Or(c.MaxMemoryBytes, DefaultMaxMemoryBytes)
	c.MemoryWait = cmp.Or(c.MemoryWait, DefaultMemoryWait)
	c.Stall = cmp.Or(c.Stall, DefaultStall)
	c.StopGrace = cmp.Or(c.StopGrace, DefaultStopGrace)
	invariant.Check(c.Backend != nil && c.MaxMemoryBytes >= katakv.MaxValueBytes, "httpapi: config is incomplete: %d bytes", c.MaxMemoryBytes)
	return c
}

package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
)

const (
	// DefaultConnections keeps three nodes on one machine busy, with DefaultPipeline: 512 records in flight.
	DefaultConnections = 8
	// DefaultPipeline fills a read buffer of the server with records of a KiB.
	DefaultPipeline = 64

	// DefaultPatience is longer than any failover and any restart of a node with much to replay.
	DefaultPatience = time.Minute

	// MaxLineBytes bounds a line: no larger value can be stored.
	MaxLineBytes = katakv.MaxValueBytes

	// maxConnections and maxPipeline keep a mistyped flag from taking the machine.
	maxConnections = 1024
	maxPipeline    = 4096

	// maxBatchBytes ends a batch early: what two sockets' buffers roughly hold, so that neither side waits for
	// the other to read.
	maxBatchBytes = 128 << 10
)

// Config of a run. Zero values of numbers and times mean the defaults.
type Config struct {
	// Addrs are the plain ports of nodes. Write uses them all and goes on with those that are alive; Verify
	// reads every record through each.
	Addrs []string
	// Key is the field whose text, or number as it is written, names the key; Prefix is put before it.
	Key    string
	Prefix string

	Connections int
	// Pipeline is how many records a connection has in flight.
	Pipeline int
	// SkipBad counts lines that are no records, and goes on.
	SkipBad bool
	// Timeout bounds the wait for one answer.
	Timeout time.Duration
	// Patience bounds the time without any success.
	Patience time.Duration

	// From is where an earlier run ended; that much of the stream is skipped.
	From Position

	// OnProgress, if not nil, is called every ProgressInterval and once at the end, errors included.
	OnProgress       func(Progress)
	ProgressInterval time.Duration
}

// Position is a place in the stream, between two lines.
type Position struct {
	Bytes int64 `json:"bytes"`
	Lines int64 `json:"lines"`
}

// Progress counts what a run has done, earlier runs not included, save in Position.
type Progress struct {
	Position
	// Records were acknowledged (Write) or compared through every address (Verify).
	Records int64 `json:"records"`
	// Bad lines were skipped.
	Bad int64 `json:"bad"`
	// Retries counts records that were sent again.
	Retries int64 `json:"retries"`
}

// LineError is a line that is no record, or one that the servers refuse.
type LineError struct {
	Line int64 // from 1
	Err  error
}

// Error names the line.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// withDefaults returns c with every zero replaced, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.Pipeline == 0 {
		c.Pipeline = DefaultPipeline
	}
	if c.Timeout == 0 {
		c.Timeout = client.DefaultTimeout
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.ProgressInterval == 0 {
		c.ProgressInterval = time.Second
	}
	switch {
	case len(c.Addrs) == 0:
		return c, errors.New("no address of a node")
	case c.Key == "":
		return c, errors.New("no name of the field that holds the key")
	case c.Connections < 1 || c.Connections > maxConnections:
		return c, fmt.Errorf("%d connections: choose 1 to %d", c.Connections, maxConnections)
	case c.Pipeline < 1 || c.Pipeline > maxPipeline:
		return c, fmt.Errorf("a pipeline of %d: choose 1 to %d", c.Pipeline, maxPipeline)
	case c.Timeout < 0 || c.Patience < 0 || c.ProgressInterval < 0:
		return c, errors.New("times cannot be negative")
	case c.From.Bytes < 0 || c.From.Lines < 0:
		return c, errors.New("the position to go on from is negative")
	}
	return c, nil
}

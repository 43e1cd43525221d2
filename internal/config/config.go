package config

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// Bounds and defaults.
const (
	// DefaultMemoryBytes keeps a node below 1 GiB of resident memory with room for what the runtime, the
	// kernel's buffers and short peaks take on top.
	DefaultMemoryBytes = 768 << 20

	// MinMemoryBytes is the least with which the largest command, its copies and the fixed parts fit.
	MinMemoryBytes = 384 << 20

	// MaxCores bounds the cores of a node: each has a log of its own, and beyond this disks are the limit.
	MaxCores = 64

	defaultTickInterval = 100 * time.Millisecond
	// minTickInterval: below it, heartbeats of ten ticks an election are lost in the scheduling of a busy machine.
	minTickInterval = 5 * time.Millisecond
	maxTickInterval = 10 * time.Second

	minRequestTimeout = 100 * time.Millisecond
	maxRequestTimeout = 5 * time.Minute
)

// Addresses are the four doors of a node, as "host:port".
type Addresses struct{ Peer, Cluster, Plain, HTTP string }

// Config is everything that `katakv serve` can be told.
type Config struct {
	// Data is the data directory.
	Data string
	// Listen says where the node accepts connections. Port 0 lets the kernel choose.
	Listen Addresses
	// Advertise says how others reach it; an empty one means the address that is listened on.
	Advertise Addresses
	// Zone is the failure domain, such as a rack; empty when there is only one.
	Zone string
	// Cores is the number of single-threaded cores; fixed once the data directory is part of a cluster.
	Cores int
	// MemoryBytes is the resident memory that the node aims to stay below.
	MemoryBytes int64
	// InsecureListen allows to listen beyond loopback although anyone who connects may do anything.
	InsecureListen bool
	// TickInterval is the unit of Raft time: an election takes ten to twenty.
	TickInterval time.Duration
	// RequestTimeout bounds how long a request waits for a leader or a quorum.
	RequestTimeout time.Duration
	// LogLevel is the least severe level that is logged.
	LogLevel slog.Level
	// LogFormat is "text" or "json".
	LogFormat string
}

// Default returns the defaults. Data has none.
func Default() Config {
	return Config{
		Listen: Addresses{
			Peer: "127.0.0.1:7100", Cluster: "127.0.0.1:7200", Plain: "127.0.0.1:7300", HTTP: "127.0.0.1:7400",
		},
		Cores:          1,
		MemoryBytes:    DefaultMemoryBytes,
		TickInterval:   defaultTickInterval,
		RequestTimeout: katakv.DefaultRequestTimeout,
		LogLevel:       slog.LevelInfo,
		LogFormat:      "text",
	}
}

// Validate returns what is wrong with the configuration, or nil. Every finding is one line.
func (c *Config) Validate() error {
	var errs []error
	finding := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Data == "" {
		finding("say where to keep data: --data DIR")
	}
	if len(c.Zone) > placement.MaxZoneBytes {
		finding("zone: %d bytes are more than %d", len(c.Zone), placement.MaxZoneBytes)
	}
	if c.Cores < 1 || c.Cores > MaxCores {
		finding("cores: %d is not between 1 and %d", c.Cores, MaxCores)
	}
	if c.MemoryBytes < MinMemoryBytes {
		finding("memory: %s is too little: give the node at least %s", FormatBytes(c.MemoryBytes), FormatBytes(MinMemoryBytes))
	}
	if c.TickInterval < minTickInterval || c.TickInterval > maxTickInterval {
		finding("tick-interval: %v is not between %v and %v", c.TickInterval, minTickInterval, maxTickInterval)
	}
	if c.RequestTimeout < minRequestTimeout || c.RequestTimeout > maxRequestTimeout {
		finding("request-timeout: %v is not between %v and %v", c.RequestTimeout, minRequestTimeout, maxRequestTimeout)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		finding("log-format: %q is neither text nor json", c.LogFormat)
	}
	errs = append(errs, c.validateAddresses()...)
	return errors.Join(errs...)
}

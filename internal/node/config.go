package node

import (
	"cmp"
	"log/slog"
	"net"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// Defaults.
const (
	// DefaultTickInterval is the unit of Raft time: with ten ticks an election timeout, a dead leader is
	// replaced within one to two seconds.
	DefaultTickInterval = 100 * time.Millisecond

	// DefaultInflightBytes bounds the operations that clients and peers have in flight on one node, and so the
	// memory that queues can take.
	DefaultInflightBytes = 128 << 20

	// DefaultCacheBytes is the state engine's block cache.
	DefaultCacheBytes = 128 << 20

	// DefaultMemTableBytes is the size at which the state engine flushes a memtable; a few exist at a time.
	// Larger ones cost more for each write, smaller ones stall writers (measured: docs/decisions).
	DefaultMemTableBytes = 16 << 20

	// DefaultSnapshotBytesPerSecond limits outgoing snapshots, so that they do not starve writes.
	DefaultSnapshotBytesPerSecond = 64 << 20
)

// Config builds a node. Zero values mean the defaults above.
type Config struct {
	// Dir is the data directory.
	Dir string
	// Cores is the number of cores; fixed when the directory first becomes part of a cluster.
	Cores int
	// Listener accepts connections of other nodes. The node closes it.
	Listener net.Listener
	// Advertised are the addresses under which others reach this node.
	Advertised placement.Addresses
	// Zone is the failure domain, empty when there is only one.
	Zone string

	TickInterval           time.Duration
	RequestTimeout         time.Duration
	InflightBytes          int
	CacheBytes             int64
	MemTableBytes          int64
	WindowBytes            int
	SnapshotBytesPerSecond int

	Logger *slog.Logger
	// Version is the program's, for administrators.
	Version string
}

func (cfg *Config) setDefaults() {
	cfg.Cores = cmp.Or(cfg.Cores, 1)
	cfg.TickInterval = cmp.Or(cfg.TickInterval, DefaultTickInterval)
	cfg.RequestTimeout = cmp.Or(cfg.RequestTimeout, katakv.DefaultRequestTimeout)
	cfg.InflightBytes = cmp.Or(cfg.InflightBytes, DefaultInflightBytes)
	cfg.CacheBytes = cmp.Or(cfg.CacheBytes, DefaultCacheBytes)
	cfg.MemTableBytes = cmp.Or(cfg.MemTableBytes, DefaultMemTableBytes)
	cfg.SnapshotBytesPerSecond = cmp.Or(cfg.SnapshotBytesPerSecond, DefaultSnapshotBytesPerSecond)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
}

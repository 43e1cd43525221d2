package sim

import (
	"cmp"
	"io"
	"time"

	"github.com/katakv/katakv/internal/placement"
)

// Options shape a cluster. Zero values mean the defaults that setDefaults gives.
type Options struct {
	Seed     uint64
	Nodes    int
	Shards   int // that hold data; the meta shard comes on top
	Replicas int

	TickInterval time.Duration
	// Timeout is the routers' patience with a request.
	Timeout time.Duration
	// WindowBytes is each core's memory for log entries; small ones force snapshots.
	WindowBytes int
	// SegmentBytes is the size of log segments; small ones force records to move.
	SegmentBytes int64
	// ChunkBytes is the size of a snapshot's chunks.
	ChunkBytes int
	// FlushInterval is the mean time between flushes of a node's engine.
	FlushInterval time.Duration
	// RequestRetention is how long a shard remembers a request; zero means the default, which outlasts a run.
	RequestRetention time.Duration
	// StrongReads is how leaders make sure that they lead. Under leases no clock goes wrong by more than is allowed.
	StrongReads placement.StrongReads
	// Pebble keeps the state in real Pebble on the simulated disk, instead of the engine in memory.
	Pebble bool

	Network Network
	Disk    Disk

	// Story receives what happens, for people; nil tells nothing.
	Story io.Writer
	// Messages tells every Raft message and log update as well.
	Messages bool
}

func (o *Options) setDefaults() {
	o.Nodes = cmp.Or(o.Nodes, 3)
	o.Shards = cmp.Or(o.Shards, 4)
	o.Replicas = cmp.Or(o.Replicas, min(3, o.Nodes))
	o.TickInterval = cmp.Or(o.TickInterval, 100*time.Millisecond)
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 64<<10)
	o.ChunkBytes = cmp.Or(o.ChunkBytes, 2<<10)
	o.FlushInterval = cmp.Or(o.FlushInterval, time.Second)
	o.Network.setDefaults()
	o.Disk.setDefaults()
}

// Network says how links behave when nothing is wrong with them. Probabilities are for each message.
type Network struct {
	MinDelay, MaxDelay time.Duration
	Drop               float64
	Duplicate          float64
	// Slow is the probability of a delay up to SlowDelay instead, which reorders messages.
	Slow      float64
	SlowDelay time.Duration
	// Corrupt is the probability that a chunk of a snapshot arrives with a flipped bit or without its end.
	Corrupt float64
}

func (n *Network) setDefaults() {
	n.MinDelay = cmp.Or(n.MinDelay, 100*time.Microsecond)
	n.MaxDelay = cmp.Or(n.MaxDelay, 2*time.Millisecond)
	n.SlowDelay = cmp.Or(n.SlowDelay, 500*time.Millisecond)
}

// Disk says how long syncs take when nothing is wrong with the disk.
type Disk struct {
	MinSync, MaxSync time.Duration
	// Stall is the probability that a sync takes up to StallTime.
	Stall     float64
	StallTime time.Duration
}

func (d *Disk) setDefaults() {
	d.MinSync = cmp.Or(d.MinSync, 100*time.Microsecond)
	d.MaxSync = cmp.Or(d.MaxSync, 3*time.Millisecond)
	d.StallTime = cmp.Or(d.StallTime, 3*time.Second)
}

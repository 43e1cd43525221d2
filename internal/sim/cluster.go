package sim

import (
	"cmp"
	cryptorand "crypto/rand"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// Options shape a cluster. Zero values mean the defaults that setDefaults gives.
type Options struct {
	Seed     uint64
	Nodes    int
	Shards   int
	Replicas int

	TickInterval time.Duration
	Timeout      time.Duration
	// WindowBytes is each core's memory for log entries; small ones force snapshots.
	WindowBytes int
	// SegmentBytes is the size of log segments; small ones force records to move.
	SegmentBytes int64
	// FlushInterval is the mean time between flushes of a node's engine.
	FlushInterval time.Duration
	Network       Network
	Disk          Disk
}

func (o *Options) setDefaults() {
	o.Nodes = cmp.Or(o.Nodes, 3)
	o.Shards = cmp.Or(o.Shards, 4)
	o.Replicas = cmp.Or(o.Replicas, min(3, o.Nodes))
	o.TickInterval = cmp.Or(o.TickInterval, 100*time.Millisecond)
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 64<<10)
	o.FlushInterval = cmp.Or(o.FlushInterval, time.Second)
	o.Network.setDefaults()
	o.Disk.setDefaults()
}

// Cluster is a simulated cluster.
type Cluster struct {
	opts    Options
	rng     *rand.Rand
	queue   queue
	network *network
	nodes   []*Node

	trace    hash.Hash64
	installs int
	failed   error

	restoreRand io.Reader
}

// New builds a cluster whose nodes have been bootstrapped and are running.
func New(opts Options) (*Cluster, error) {
	opts.setDefaults()
	c := &Cluster{
		opts:        opts,
		rng:         rand.New(rand.NewPCG(opts.Seed, 0x6b617461)),
		trace:       fnv.New64a(),
		restoreRand: cryptorand.Reader,
	}
	cryptorand.Reader = &seededReader{rng: rand.New(rand.NewPCG(opts.Seed, 0x72616674))}
	c.network = newNetwork(c, opts.Network)
	m, err := c.bootstrapMap()
	if err != nil {
		return nil, err
	}
	for i := range m.Nodes {
		n, err := newNode(c, m.Nodes[i].ID, m)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Cluster) bootstrapMap() (*placement.Map, error) {
	nodes := make([]placement.Node, c.opts.Nodes)
	for i := range nodes {
		host := fmt.Sprintf("10.0.0.%d", i+1)
		nodes[i] = placement.Node{Weight: 1, Addresses: placement.Addresses{
			Peer: host + ":7100", Cluster: host + ":7200", Plain: host + ":7300", HTTP: host + ":7400",
		}}
	}
	m, err := placement.Bootstrap(katakv.ClusterID(c.opts.Seed|1), nodes, c.opts.Shards, placement.Settings{
		Replicas: c.opts.Replicas, MaxValueBytes: katakv.DefaultMaxValueBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	return m, nil
}

// Close ends the simulation and gives crypto/rand back its reader.
func (c *Cluster) Close() { cryptorand.Reader = c.restoreRand }

// Node returns node i, counted from 0.
func (c *Cluster) Node(i int) *Node { return c.nodes[i] }

// Now returns the simulated time.
func (c *Cluster) Now() time.Duration { return c.queue.now }

// Installs returns how many snapshots have been installed.
func (c *Cluster) Installs() int { return c.installs }

// Trace returns a hash of everything that has happened so far.
func (c *Cluster) Trace() uint64 { return c.trace.Sum64() }

// Run lets time pass. It returns the first failure: a node that could not go on although nothing was done to
// its disk.
func (c *Cluster) Run(d time.Duration) error { return c.RunUntil(d, func() bool { return false }) }

// RunUntil lets time pass until done answers true after an event, at most d.
func (c *Cluster) RunUntil(d time.Duration, done func() bool) error {
	end := c.queue.now + d
	for c.failed == nil && len(c.queue.events) > 0 && c.queue.events[0].at <= end {
		e := c.queue.next()
		c.note(e.name)
		e.run()
		if done() {
			return c.failed
		}
	}
	c.queue.now = max(c.queue.now, end)
	return c.failed
}

// note adds an event to the trace.
func (c *Cluster) note(what string) {
	fmt.Fprintf(c.trace, "%d %s\n", c.queue.now, what)
}

// fail records a failure that no fault explains.
func (c *Cluster) fail(err error) {
	if c.failed == nil {
		c.failed = fmt.Errorf("seed %d, at %v: %w", c.opts.Seed, c.queue.now, err)
	}
}

// between draws a duration in [low, high].
func (c *Cluster) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(c.rng.Int64N(int64(high-low)+1))
}

// chance draws true with probability p.
func (c *Cluster) chance(p float64) bool { return p > 0 && c.rng.Float64() < p }

// seededReader replaces crypto/rand.Reader.
type seededReader struct{ rng *rand.Rand }

// Read fills p.
func (r *seededReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.rng.Uint32())
	}
	return len(p), nil
}

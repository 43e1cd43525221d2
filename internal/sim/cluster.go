package sim

import (
	cryptorand "crypto/rand"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// Cluster is a simulated cluster.
type Cluster struct {
	opts    Options
	rng     *rand.Rand // of nodes: their disks, passes and flushes
	queue   queue
	network *network
	nodes   []*Node
	trace   trace
	witness *witness

	installs int
	failed   error

	restoreRand io.Reader
}

// New builds a cluster whose nodes have been bootstrapped and are running.
func New(opts Options) (*Cluster, error) {
	opts.setDefaults()
	c := &Cluster{
		opts:        opts,
		rng:         newRand(opts.Seed, "nodes"),
		restoreRand: cryptorand.Reader,
	}
	c.trace.story = opts.Story
	cryptorand.Reader = &seededReader{rng: newRand(opts.Seed, "raft")}
	c.network = newNetwork(c, opts.Network)
	if err := c.populate(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// populate makes the nodes and starts them.
func (c *Cluster) populate() error {
	m, err := c.bootstrapMap()
	if err != nil {
		return err
	}
	c.witness = newWitness(c, m)
	for i := range m.Nodes {
		n, err := newNode(c, m.Nodes[i].ID, m)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		n.Start()
	}
	return c.failed
}

func (c *Cluster) bootstrapMap() (*placement.Map, error) {
	nodes := make([]placement.Node, c.opts.Nodes)
	for i := range nodes {
		nodes[i] = placement.Node{Weight: 1, Addresses: addresses(i+1, 0)}
	}
	m, err := placement.Bootstrap(katakv.ClusterID(c.opts.Seed|1), nodes, c.opts.Shards, placement.Settings{
		Replicas: c.opts.Replicas, MaxValueBytes: katakv.DefaultMaxValueBytes, RequestRetention: c.opts.RequestRetention,
		StrongReads: c.opts.StrongReads,
	})
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	return m, nil
}

// addresses makes up where a node is reached; move counts how often it has moved.
func addresses(node, move int) placement.Addresses {
	host := fmt.Sprintf("10.0.%d.%d", move%256, node)
	return placement.Addresses{Peer: host + ":7100", Cluster: host + ":7200", Plain: host + ":7300", HTTP: host + ":7400"}
}

// Close ends the simulation, lets go of everything and gives crypto/rand back its reader.
func (c *Cluster) Close() {
	for _, n := range c.nodes {
		n.discard()
	}
	cryptorand.Reader = c.restoreRand
}

// Node returns node i, counted from 0.
func (c *Cluster) Node(i int) *Node { return c.nodes[i] }

// Now returns the simulated time.
func (c *Cluster) Now() time.Duration { return c.queue.now }

// Installs returns how many snapshots have been installed.
func (c *Cluster) Installs() int { return c.installs }

// Trace returns a hash of everything that has happened so far.
func (c *Cluster) Trace() uint64 { return c.trace.hash }

// maxEvents bounds a run: a busy minute has a tenth of that.
const maxEvents = 5_000_000

// Run lets time pass. It returns the first violation.
func (c *Cluster) Run(d time.Duration) error { return c.RunUntil(d, func() bool { return false }) }

// RunUntil lets time pass until done answers true after an event, at most d.
func (c *Cluster) RunUntil(d time.Duration, done func() bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.fail(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
			err = c.failed
		}
	}()
	end := c.queue.now + d
	for c.failed == nil && c.queue.until(end) {
		e := c.queue.pop()
		c.trace.add(&e)
		c.dispatch(&e)
		if c.trace.events > maxEvents {
			c.fail(fmt.Errorf("%d events and no end: the nodes keep each other busy", maxEvents))
		}
		if done() {
			return c.failed
		}
	}
	if c.failed == nil {
		c.queue.now = max(c.queue.now, end)
	}
	return c.failed
}

// dispatch runs an event, unless the life of the node that it belongs to is over; what comes to a paused node waits.
func (c *Cluster) dispatch(e *event) {
	if e.node == 0 {
		e.run()
		return
	}
	n := c.nodes[e.node-1]
	switch {
	case n.life != e.life || !n.up:
	default:
		n.admitOwn(e.run)
	}
}

// after schedules something that is nobody's.
func (c *Cluster) after(d time.Duration, k kind, arg uint64, run func()) {
	c.queue.push(d, event{kind: k, arg: arg, run: run})
}

// fail records a violation; the first one counts.
func (c *Cluster) fail(err error) {
	if err != nil && c.failed == nil {
		c.failed = fmt.Errorf("at %v: %w", c.queue.now, err)
		c.trace.tell(c.queue.now, "VIOLATION: %v", err)
	}
}

// tell adds a line to the story.
func (c *Cluster) tell(format string, args ...any) { c.trace.tell(c.queue.now, format, args...) }

package sim

import (
	"cmp"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// Network says how links behave. Probabilities are for each message.
type Network struct {
	MinDelay, MaxDelay time.Duration
	Drop               float64
	Duplicate          float64
	// Slow is the probability of a delay up to SlowDelay instead, which reorders messages.
	Slow      float64
	SlowDelay time.Duration
}

func (n *Network) setDefaults() {
	n.MinDelay = cmp.Or(n.MinDelay, 100*time.Microsecond)
	n.MaxDelay = cmp.Or(n.MaxDelay, 2*time.Millisecond)
	n.SlowDelay = cmp.Or(n.SlowDelay, 500*time.Millisecond)
}

// network carries encoded messages between nodes.
type network struct {
	cluster *Cluster
	opts    Network
	cut     map[[2]katakv.NodeID]bool // one-way
}

func newNetwork(c *Cluster, opts Network) *network {
	return &network{cluster: c, opts: opts, cut: make(map[[2]katakv.NodeID]bool)}
}

// send delivers a message later, perhaps. It goes through its encoding, as in a real cluster. Raft's messages
// may come twice; the transport promises that others do not.
func (w *network) send(from, to katakv.NodeID, m wire.Message) {
	payload := wire.Append(nil, m)
	c := w.cluster
	if c.chance(w.opts.Drop) {
		return
	}
	w.deliver(from, to, payload)
	if _, raft := m.(*wire.RaftBatch); raft && c.chance(w.opts.Duplicate) {
		w.deliver(from, to, payload)
	}
}

func (w *network) deliver(from, to katakv.NodeID, payload []byte) {
	c := w.cluster
	delay := c.between(w.opts.MinDelay, w.opts.MaxDelay)
	if c.chance(w.opts.Slow) {
		delay = c.between(w.opts.MinDelay, w.opts.SlowDelay)
	}
	c.queue.after(delay, fmt.Sprintf("%v->%v %d", from, to, len(payload)), func() {
		target := c.nodes[to-1]
		if w.cut[[2]katakv.NodeID{from, to}] || !target.up {
			return
		}
		m, err := wire.Decode(payload)
		if err != nil {
			c.fail(fmt.Errorf("decode what %v sent: %w", from, err))
			return
		}
		target.receive(from, m)
	})
}

// Cut stops messages between two nodes, in both directions.
func (c *Cluster) Cut(a, b int) {
	c.CutOneWay(a, b)
	c.CutOneWay(b, a)
}

// CutOneWay stops messages from one node to another.
func (c *Cluster) CutOneWay(from, to int) {
	c.network.cut[[2]katakv.NodeID{c.nodes[from].id, c.nodes[to].id}] = true
}

// Isolate cuts a node off from all others.
func (c *Cluster) Isolate(i int) {
	for j := range c.nodes {
		if j != i {
			c.Cut(i, j)
		}
	}
}

// Heal mends all links.
func (c *Cluster) Heal() { clear(c.network.cut) }

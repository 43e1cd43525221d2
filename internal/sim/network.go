package sim

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// castagnoli is the polynomial that processors compute themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// network carries encoded messages between nodes.
type network struct {
	cluster *Cluster
	rng     *rand.Rand
	// normal is how links behave when nothing is wrong, now how they behave at the moment.
	normal, now Network
	links       map[[2]katakv.NodeID]*link
	// lag is by how much what is sent to a node arrives later than it should, in its order.
	lag map[katakv.NodeID]time.Duration
	// damaged are the streams of snapshots that did not arrive as they were sent.
	damaged map[streamKey]bool
}

// link is one direction between two nodes.
type link struct {
	cuts int // how many faults hold it cut
	// connection counts how often it was reset: what was on its way then is lost.
	connection int
	// busyUntil is when the last message of each class arrives: a connection keeps its order.
	busyUntil [wire.ClassCount]time.Duration
}

func newNetwork(c *Cluster, opts Network) *network {
	return &network{
		cluster: c, rng: newRand(c.opts.Seed, "network"), normal: opts, now: opts,
		links: make(map[[2]katakv.NodeID]*link), lag: make(map[katakv.NodeID]time.Duration), damaged: make(map[streamKey]bool),
	}
}

func (w *network) link(from, to katakv.NodeID) *link {
	key := [2]katakv.NodeID{from, to}
	l := w.links[key]
	if l == nil {
		l = &link{}
		w.links[key] = l
	}
	return l
}

// send delivers a message later, perhaps. It goes through its encoding, as in a real cluster. Raft's messages may
// come twice and out of order; the transport promises that others do not.
func (w *network) send(from, to katakv.NodeID, m wire.Message) {
	if c, ok := m.(*wire.SnapshotChunk); ok && len(c.Data) > 0 && chance(w.rng, w.now.Corrupt) {
		m = w.corrupted(c)
		w.damaged[streamKey{from, c.Stream}] = true
	}
	payload := wire.Append(nil, m)
	// A connection loses nothing in the middle: a snapshot's stream is lost whole or not at all.
	if c, within := m.(*wire.SnapshotChunk); !(within && c.Sequence > 0) && chance(w.rng, w.now.Drop) {
		return
	}
	_, raft := m.(*wire.RaftBatch)
	w.deliver(from, to, payload, m.Class(), !raft)
	if raft && chance(w.rng, w.now.Duplicate) {
		w.deliver(from, to, payload, m.Class(), false)
	}
}

// corrupted returns a chunk with one bit flipped or without its end, as a bad disk or memory at its sender's would leave
// it.
func (w *network) corrupted(c *wire.SnapshotChunk) *wire.SnapshotChunk {
	bad := *c
	cut := 0.2
	if c.Final {
		cut = 0.8 // what is cut short is cut at its end
	}
	if chance(w.rng, cut) {
		bad.Data = c.Data[:w.rng.IntN(len(c.Data))]
		w.cluster.tell("chunk %d of a snapshot of %v lacks its end", c.Sequence, c.Shard)
		return &bad
	}
	bad.Data = bytes.Clone(c.Data)
	at := w.rng.IntN(8 * len(bad.Data))
	bad.Data[at/8] ^= 1 << (at % 8)
	w.cluster.tell("a bit flips in chunk %d of a snapshot of %v", c.Sequence, c.Shard)
	return &bad
}

func (w *network) deliver(from, to katakv.NodeID, payload []byte, class wire.Class, ordered bool) {
	c := w.cluster
	l := w.link(from, to)
	delay := between(w.rng, w.now.MinDelay, w.now.MaxDelay)
	if chance(w.rng, w.now.Slow) {
		delay = between(w.rng, w.now.MinDelay, w.now.SlowDelay)
	}
	delay += w.lag[to]
	if ordered {
		delay = max(delay, l.busyUntil[class]-c.queue.now)
		l.busyUntil[class] = c.queue.now + delay
	}
	connection := l.connection
	arg := uint64(from)<<48 | uint64(crc32.Checksum(payload, castagnoli))
	c.after(delay, kindDeliver, arg^uint64(to)<<40, func() {
		target := c.nodes[to-1]
		if l.cuts > 0 || l.connection != connection || !target.up {
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

// Cut stops messages between two nodes, in both directions. Cuts add up: as many Mend calls end them.
func (c *Cluster) Cut(a, b int) {
	c.CutOneWay(a, b)
	c.CutOneWay(b, a)
}

// CutOneWay stops messages from one node to another.
func (c *Cluster) CutOneWay(from, to int) {
	c.network.link(c.nodes[from].id, c.nodes[to].id).cuts++
}

// Mend ends one Cut.
func (c *Cluster) Mend(a, b int) {
	c.MendOneWay(a, b)
	c.MendOneWay(b, a)
}

// MendOneWay ends one CutOneWay.
func (c *Cluster) MendOneWay(from, to int) {
	l := c.network.link(c.nodes[from].id, c.nodes[to].id)
	l.cuts = max(l.cuts-1, 0)
}

// Isolate cuts a node off from all others.
func (c *Cluster) Isolate(i int) {
	for j := range c.nodes {
		if j != i {
			c.Cut(i, j)
		}
	}
}

// Rejoin ends one Isolate.
func (c *Cluster) Rejoin(i int) {
	for j := range c.nodes {
		if j != i {
			c.Mend(i, j)
		}
	}
}

// Heal mends all links, whoever cut them, and lets them behave as they do when nothing is wrong.
func (c *Cluster) Heal() {
	for _, l := range c.network.links { // all alike: the order does not matter
		l.cuts = 0
	}
	c.network.now = c.network.normal
	clear(c.network.lag)
}

// calm lets links lose, repeat and delay nothing from now on.
func (w *network) calm() {
	w.normal.Drop, w.normal.Duplicate, w.normal.Slow = 0, 0, 0
	w.now = w.normal
}

// Reset breaks the connections between two nodes: what is on its way is lost, and both are told.
func (c *Cluster) Reset(a, b int) {
	for _, pair := range [2][2]int{{a, b}, {b, a}} {
		here, there := c.nodes[pair[0]], c.nodes[pair[1]]
		c.network.link(here.id, there.id).connection++
		here.peerDown(there.id)
	}
}

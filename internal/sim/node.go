package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/wire"
)

// passDelay is how long after the first event of a burst a core makes its pass.
const passDelay = 50 * time.Microsecond

// Node is a simulated node: the real core and router around simulated storage.
type Node struct {
	cluster *Cluster
	id      katakv.NodeID
	disk    *storage
	known   *placement.Map

	up     bool
	paused bool
	life   int // counts starts; events of earlier lives are void
	held   []func()

	core    *core.Core
	router  *router.Router
	log     *raftlog.Log
	passing bool // a pass is scheduled

	writing bool // a sync is under way
	batches []*raftlog.Batch
	seq     uint64

	staged map[uint64]*stagedSnapshot
}

// stagedSnapshot is a snapshot whose chunks are arriving.
type stagedSnapshot struct {
	installer *kv.Installer
	first     *wire.SnapshotChunk
	next      uint32
}

func newNode(c *Cluster, id katakv.NodeID, m *placement.Map) (*Node, error) {
	disk, err := newStorage(id, m)
	if err != nil {
		return nil, err
	}
	return &Node{cluster: c, id: id, disk: disk, known: m}, nil
}

// Up reports whether the node runs.
func (n *Node) Up() bool { return n.up }

// start recovers the node from its disk.
func (n *Node) start() error {
	n.life++
	log, recovered, err := raftlog.Open(logDir, raftlog.Options{FS: n.disk.fs, SegmentBytes: n.cluster.opts.SegmentBytes})
	if err != nil {
		return fmt.Errorf("%v: open log: %w", n.id, err)
	}
	n.log = log
	metas, err := kv.ListMetas(n.disk.engine)
	if err != nil {
		return fmt.Errorf("%v: list replicas: %w", n.id, err)
	}
	shards := make([]katakv.ShardID, len(metas))
	for i := range metas {
		shards[i] = metas[i].Shard
	}
	n.core = core.New(core.Config{Self: n.id, Engine: n.disk.engine, WindowBytes: n.cluster.opts.WindowBytes})
	if err := n.core.AddReplicas(shards, recovered.Replicas); err != nil {
		return fmt.Errorf("%v: add replicas: %w", n.id, err)
	}
	n.core.SetMap(n.known)
	n.router = router.New(n.cluster.opts.Timeout, katakv.BootID(n.life))
	n.router.SetMap(n.id, n.known)
	n.staged = make(map[uint64]*stagedSnapshot)
	n.batches, n.seq, n.writing, n.passing = nil, 0, false, false
	n.up, n.paused, n.held = true, false, nil
	n.tick()
	n.flushLater()
	n.wake()
	return nil
}

// Crash stops the node at once; what was not durable is lost.
func (n *Node) Crash() {
	n.cluster.note(fmt.Sprintf("%v crashes", n.id))
	n.up = false
	n.life++
	n.disk.crash()
}

// Restart starts a crashed node.
func (n *Node) Restart() {
	n.cluster.note(fmt.Sprintf("%v restarts", n.id))
	if err := n.start(); err != nil {
		n.cluster.fail(err)
	}
}

// Pause stops the node's clock and hands; what arrives meanwhile waits.
func (n *Node) Pause() { n.paused = true }

// Resume ends a pause.
func (n *Node) Resume() {
	n.paused = false
	held := n.held
	n.held = nil
	for _, run := range held {
		run()
	}
}

// after schedules something that only happens in this life of the node.
func (n *Node) after(d time.Duration, name string, run func()) {
	life := n.life
	n.cluster.queue.after(d, fmt.Sprintf("%v %s", n.id, name), func() {
		switch {
		case n.life != life || !n.up:
		case n.paused:
			n.held = append(n.held, run)
		default:
			run()
		}
	})
}

func (n *Node) tick() {
	n.after(n.cluster.opts.TickInterval, "tick", func() {
		n.core.Tick()
		n.router.Tick(n.cluster.Now())
		n.gossip()
		n.carryRouter()
		n.wake()
		n.tick()
	})
}

// gossip tells the others what this node leads, as a real node does.
func (n *Node) gossip() {
	g := &wire.Gossip{Epoch: n.known.Epoch, Leading: n.router.Leading()}
	for i := range n.known.Nodes {
		if id := n.known.Nodes[i].ID; id != n.id {
			n.cluster.network.send(n.id, id, g)
		}
	}
}

func (n *Node) flushLater() {
	interval := n.cluster.opts.FlushInterval
	n.after(n.cluster.between(interval/2, 2*interval), "flush", func() {
		if n.writing {
			n.flushLater() // the log has one writer
			return
		}
		err := n.disk.engine.Flush()
		if err = errors.Join(err, n.disk.release(n.log)); err != nil {
			n.cluster.fail(fmt.Errorf("%v: flush: %w", n.id, err))
		}
		n.flushLater()
	})
}

// wake schedules a pass of the core.
func (n *Node) wake() {
	if n.passing {
		return
	}
	n.passing = true
	n.after(passDelay, "pass", func() {
		n.passing = false
		fx, err := n.core.Pass()
		if err != nil {
			n.cluster.fail(fmt.Errorf("%v: %w", n.id, err))
			return
		}
		n.carry(fx)
	})
}

// carry carries out the effects of a pass.
func (n *Node) carry(fx *core.Effects) {
	if fx.Log != nil {
		n.batches = append(n.batches, fx.Log)
		n.seq = fx.LogSeq
		n.write()
	}
	for _, f := range fx.Frames {
		n.cluster.network.send(n.id, f.To, f.Message)
	}
	for _, s := range fx.Sends {
		n.sendSnapshot(s)
	}
	for _, in := range fx.Installs {
		n.install(in)
	}
	if fx.Map != nil {
		n.adopt(fx.Map)
	}
	n.router.Leadership(fx.Leaderships)
	n.router.Completed(n.cluster.Now(), fx.Completions)
	n.carryRouter()
	if fx.More || n.core.HasWork() {
		n.wake()
	}
}

// write syncs everything that waits for the log, unless a sync is under way.
func (n *Node) write() {
	if n.writing || len(n.batches) == 0 {
		return
	}
	n.writing = true
	batches, seq := n.batches, n.seq
	n.batches = nil
	d := n.cluster.opts.Disk
	delay := n.cluster.between(d.MinSync, d.MaxSync)
	if n.cluster.chance(d.Stall) {
		delay = n.cluster.between(d.MinSync, d.StallTime)
	}
	n.after(delay, "sync", func() {
		n.writing = false
		if err := n.log.Append(batches); err != nil {
			n.cluster.fail(fmt.Errorf("%v: %w", n.id, err))
			return
		}
		n.core.LogDurable(seq)
		n.wake()
		n.write()
	})
}

func (n *Node) adopt(encoded []byte) {
	m, err := placement.Decode(encoded)
	if err != nil {
		n.cluster.fail(fmt.Errorf("%v: %w", n.id, err))
		return
	}
	n.known = m
	n.core.SetMap(m)
	n.router.SetMap(n.id, m)
}

// carryRouter carries out the router's effects.
func (n *Node) carryRouter() {
	fx := n.router.Effects()
	for _, r := range fx.Submit {
		n.core.Submit(r)
	}
	for _, f := range fx.Frames {
		n.cluster.network.send(n.id, f.To, f.Message)
	}
	for _, b := range fx.Done {
		b.Caller.(func())()
	}
	if len(fx.Submit) > 0 {
		n.wake()
	}
}

// receive takes a message from a peer.
func (n *Node) receive(from katakv.NodeID, m wire.Message) {
	if n.paused {
		n.held = append(n.held, func() { n.receive(from, m) })
		return
	}
	switch msg := m.(type) {
	case *wire.RaftBatch:
		n.core.Receive(from, msg)
		n.wake()
	case *wire.Forward:
		n.router.Forward(n.cluster.Now(), from, msg)
	case *wire.ForwardReply:
		n.router.ForwardReply(n.cluster.Now(), from, msg)
	case *wire.SnapshotChunk:
		n.receiveChunk(from, msg)
	case *wire.Gossip:
		n.router.Gossip(from, msg.Leading)
	}
	n.carryRouter()
}

// Execute runs a batch from a client of this node; done is called when it has its replies. A node that crashes
// never answers.
func (n *Node) Execute(b *router.Batch, done func()) {
	b.Caller = done
	n.router.Start(n.cluster.Now(), b)
	n.carryRouter()
}

// install commits a staged snapshot after a while.
func (n *Node) install(in replica.SnapshotInstall) {
	n.after(n.cluster.between(n.cluster.opts.Disk.MinSync, 10*n.cluster.opts.Disk.MaxSync), "install", func() {
		_, err := in.Installation.Commit()
		if err == nil {
			err = n.core.SnapshotInstalled(in.Shard)
		}
		if err != nil {
			n.cluster.fail(fmt.Errorf("%v: install: %w", n.id, err))
			return
		}
		n.cluster.installs++
		n.wake()
	})
}

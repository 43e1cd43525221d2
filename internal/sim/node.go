package sim

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
)

const (
	// normalPassDelay is how long after the first event of a burst a core makes its pass.
	normalPassDelay = 50 * time.Microsecond
	// routesInterval and gossipInterval are those of a real node.
	routesInterval = 25 * time.Millisecond
	gossipInterval = time.Second
	// tidyInterval is how long a log writer is idle before it tidies its log, as in a real node.
	tidyInterval = 200 * time.Millisecond
)

// Node is a simulated node: the real core and router around simulated storage.
type Node struct {
	cluster *Cluster
	id      katakv.NodeID
	disk    *storage
	// known is the cluster map as the data directory keeps it: durable before anybody in the node hears of it.
	known *placement.Map

	up   bool
	lost string // why the node will never start again; empty: it may
	life int    // counts starts; events of earlier lives are void
	// promise is the longest that any life gave, as the data directory keeps it.
	promise time.Duration
	hands

	clock     nodeClock
	passDelay time.Duration
	crashAt   crashPoint

	core        *core.Core
	router      *router.Router
	watch       *liveness.Watch
	passing     bool // a pass is scheduled
	gossipSoon  bool
	observeSoon bool // the witness looks where the replicas stand after the next pass

	log      *raftlog.Log
	writing  bool          // a sync is under way
	began    time.Duration // when it began
	inflight []logged      // what it writes
	waiting  []logged      // batches that the next sync takes

	staged   map[streamKey]*stagedSnapshot
	replaced map[katakv.ShardID]bool // by a snapshot that the core does not know to be installed
	sending  map[uint64]*outgoingSnapshot
	streams  uint64
	moves    int // how often it has moved to another address
	stopping bool
	// startAgain says that the node is to start again once it has stopped.
	startAgain bool
	severed    bool // cut off for good, in the liveness phase
	behind     bool // may stay behind a leader that it does not hear
}

func newNode(c *Cluster, id katakv.NodeID, m *placement.Map) (*Node, error) {
	disk, err := newStorage(c, id, m)
	if err != nil {
		return nil, err
	}
	return &Node{
		cluster: c, id: id, disk: disk, known: m,
		clock: nodeClock{rate: million}, passDelay: normalPassDelay,
	}, nil
}

func (n *Node) now() time.Duration { return n.clock.read(n.cluster.queue.now) }

// time returns what the node's clocks show.
func (n *Node) time() replica.Time {
	now := n.now()
	return replica.Time{Monotonic: now, Wall: (epoch + now + n.clock.wallOff).Milliseconds()}
}

// Start starts the node from what is on its disk. It does nothing when the node runs or is lost.
func (n *Node) Start() {
	if n.up || n.lost != "" {
		return
	}
	c := n.cluster
	c.trace.add(&event{at: c.queue.now, kind: kindStart, node: n.id})
	n.life++
	if err := n.recover(); err != nil {
		n.disk.giveUp()
		n.refuse(err)
		return
	}
	n.up, n.hands, n.stopping, n.startAgain = true, hands{}, false, false
	n.passing, n.writing, n.waiting, n.crashAt = false, false, nil, crashNowhere
	n.staged, n.sending = make(map[streamKey]*stagedSnapshot), make(map[uint64]*outgoingSnapshot)
	n.replaced = make(map[katakv.ShardID]bool)
	c.tell("%v starts for the %d. time", n.id, n.life)
	n.keepTime()
	n.flushLater()
	n.wake()
}

// recover opens the disk and builds the core and the router.
func (n *Node) recover() error {
	c := n.cluster
	e, err := n.disk.open()
	if err != nil {
		return err
	}
	log, recovered, err := raftlog.Open(logDir, raftlog.Options{FS: n.disk.fs, SegmentBytes: c.opts.SegmentBytes})
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	n.log = log
	metas, err := kv.ListMetas(e)
	if err != nil {
		return fmt.Errorf("list replicas: %w", err)
	}
	shards := make([]katakv.ShardID, len(metas))
	for i := range metas {
		shards[i] = metas[i].Shard
	}
	leases := n.known.Settings.Leases()
	n.core = core.New(core.Config{
		Self: n.id, Engine: e, WindowBytes: c.opts.WindowBytes, Boot: katakv.BootID(n.life), Leases: leases, QuietUntil: n.now() + n.promise,
	})
	n.promise = max(n.promise, liveness.LongestFirm(leases))
	n.core.SetTime(n.time())
	if err := n.core.AddReplicas(shards, recovered.Replicas); err != nil {
		return fmt.Errorf("add replicas: %w", err)
	}
	n.known = kv.NewestMap(e, n.known)
	n.core.SetMap(n.known)
	n.router = router.New(c.opts.Timeout, katakv.BootID(n.life))
	n.router.SetMap(n.id, n.known)
	n.watch = liveness.New(liveness.Config{Boot: katakv.BootID(n.life), Firm: leases})
	n.watchAll()
	return c.witness.started(n, recovered.Replicas, metas)
}

// refuse takes note that a start failed. That is right when the disk is broken, full or damaged, and a violation
// otherwise.
func (n *Node) refuse(err error) {
	c := n.cluster
	var damaged *raftlog.DamagedError
	if n.disk.damaged != "" && errors.As(err, &damaged) {
		n.lost = "its log is damaged"
		c.tell("%v refuses to start, as it must: %v", n.id, err)
		return
	}
	if n.disk.failing() {
		if !errors.Is(err, syscall.ENOSPC) {
			n.lost = "its disk failed"
		}
		c.tell("%v cannot start: %v", n.id, err)
		return
	}
	c.fail(fmt.Errorf("%v does not start: %w", n.id, err))
}

// after schedules something that only happens in this life of the node.
func (n *Node) after(d time.Duration, k kind, run func()) {
	n.cluster.queue.push(d, event{kind: k, node: n.id, life: n.life, run: run})
}

// every schedules run again and again, each interval of the node's own clock.
func (n *Node) every(interval time.Duration, k kind, run func()) {
	n.after(n.clock.takes(interval), k, func() {
		run()
		if n.up {
			n.every(interval, k, run)
		}
	})
}

// keepTime starts what a real node's clock drives.
func (n *Node) keepTime() {
	n.every(n.cluster.opts.TickInterval, kindTick, func() {
		n.core.SetTime(n.time())
		n.core.SetStalled(n.stalled())
		n.core.Tick()
		n.observeSoon = true
		n.wake()
	})
	n.every(routesInterval, kindRoutes, func() {
		n.router.Tick(n.now())
		n.carryRouter()
		if n.gossipSoon {
			n.gossip()
		}
	})
	n.every(gossipInterval, kindGossip, n.gossip)
	n.pulse()
	n.every(tidyInterval, kindTidy, n.tidy)
}

// wake schedules a pass of the core.
func (n *Node) wake() {
	if n.passing {
		return
	}
	n.passing = true
	n.after(n.passDelay, kindPass, func() {
		n.passing = false
		n.core.SetPromises(n.watch.Promises())
		n.core.SetTime(n.time())
		fx, err := n.core.Pass()
		if err != nil {
			n.cluster.fail(fmt.Errorf("%v: %w", n.id, err))
			return
		}
		n.carry(fx)
		if n.observeSoon {
			n.observeSoon = false
			n.cluster.witness.observe(n)
		}
	})
}

// carry carries out the effects of a pass.
func (n *Node) carry(fx *core.Effects) {
	noted := n.cluster.witness.passed(n, fx)
	if fx.Log != nil {
		n.waiting = append(n.waiting, logged{batch: fx.Log, seq: fx.LogSeq, noted: noted})
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
	if len(fx.Leaderships) > 0 {
		n.gossipSoon = true
	}
	n.router.Leadership(fx.Leaderships)
	if len(fx.Leaderships) > 0 {
		n.cluster.witness.routed(n)
	}
	n.router.Completed(n.now(), fx.Completions)
	n.carryRouter()
	if fx.More || n.core.HasWork() {
		n.wake()
	}
}

// carryRouter carries out the router's effects.
func (n *Node) carryRouter() {
	fx := n.router.Effects()
	if fx.Topology != nil {
		n.cluster.witness.routed(n)
	}
	n.core.SetTime(n.time())
	for _, r := range fx.Submit {
		r.Journey.Begin(n.now())
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

// Execute runs a batch from a client of this node; done is called when it has its replies. A node that crashes
// never answers.
func (n *Node) Execute(b *router.Batch, done func()) {
	b.Caller = done
	n.router.Start(n.now(), b)
	n.carryRouter()
}

// install commits a staged snapshot after a while.
func (n *Node) install(in replica.SnapshotInstall) {
	c := n.cluster
	n.after(between(c.rng, c.opts.Disk.MinSync, 10*c.opts.Disk.MaxSync), kindInstall, func() {
		if n.reach(crashBeforeSync) {
			return
		}
		meta, err := in.Installation.Commit()
		if err != nil {
			n.diskFailed(fmt.Errorf("install snapshot of %v: %w", in.Shard, err))
			return
		}
		c.installs++
		c.witness.installed(n, in.Shard, &meta)
		n.replaced[in.Shard] = true
		if n.reach(crashAfterSync) {
			return
		}
		// The core hears of it later: passes may come between, with a state in the engine that it does not know of.
		n.after(between(c.rng, 0, c.opts.Disk.MaxSync), kindInstall, func() {
			n.replaced[in.Shard] = false
			if err := n.core.SnapshotInstalled(in.Shard); err != nil {
				c.fail(fmt.Errorf("%v: %w", n.id, err))
				return
			}
			n.wake()
		})
	})
}

// diskFailed ends the node because its disk failed it. A full disk can be mended; after any other failure nobody
// knows what is on the disk, so the directory is marked and never used again.
func (n *Node) diskFailed(err error) {
	c := n.cluster
	if !n.disk.failing() {
		c.fail(fmt.Errorf("%v: although nothing is wrong with its disk: %w", n.id, err))
		return
	}
	if !errors.Is(err, syscall.ENOSPC) {
		n.lost = "its disk failed"
	}
	c.tell("%v stops: %v", n.id, err)
	n.end(endProcess)
}

package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/datadir"
	"github.com/katakv/katakv/internal/group"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/transport"
)

const (
	// routerInterval is how often the router looks at its deadlines and retries.
	routerInterval = 25 * time.Millisecond
	// evacuateTimeout bounds how long a planned stop waits for other nodes to take over leadership.
	evacuateTimeout = 5 * time.Second
	// evacuateStall is how long it waits without any shard changing hands: then the others cannot take over,
	// as when a whole cluster stops. A busy machine takes a good part of it.
	evacuateStall = 1500 * time.Millisecond
	// evacuatePoll is how often it looks.
	evacuatePoll = 20 * time.Millisecond
	// stopLinger is how long a node that leads no more goes on refusing what others send. They hear of the new leaders a
	// moment later; what is refused they send there, and what is lost with a connection is of unknown outcome.
	stopLinger = 200 * time.Millisecond
)

// Node is one process of a cluster. Build it with Open, run it with Start, end it with Stop.
type Node struct {
	cfg       Config
	dir       *datadir.Dir
	transport *transport.Transport
	pulse     *pulse
	senders   *senders
	receiver  *receiver
	inflight  *semaphore.Weighted

	topology   atomic.Pointer[router.Topology]
	machinery  atomic.Pointer[machinery] // nil while the node waits for a cluster
	gossipSoon atomic.Bool
	readOnly   atomic.Bool // the disk is nearly full
	failing    atomic.Bool
	// engineFailed is closed when the state engine reported a fatal error: whoever is in it never comes back.
	engineFailed chan struct{}
	engineOnce   sync.Once
	// moved holds the peer addresses (NodeID to string) of nodes that told them themselves.
	moved sync.Map

	group    *group.Group
	failed   chan error // holds the first failure
	stopOnce sync.Once

	routerMu sync.Mutex
	router   *router.Router

	// bootstrapMu orders administrators' requests and map changes: they replace files in the data directory.
	bootstrapMu sync.Mutex
	boot        katakv.BootID
}

// Open takes the data directory and recovers what is in it. Nothing runs yet. The node owns cfg.Listener, also
// when Open fails.
func Open(cfg Config) (*Node, error) {
	cfg.setDefaults()
	dir, err := datadir.Open(cfg.Dir)
	if err != nil {
		return nil, errors.Join(err, cfg.Listener.Close())
	}
	n := &Node{
		cfg:      cfg,
		dir:      dir,
		inflight: semaphore.NewWeighted(int64(cfg.InflightBytes)),
		group:    group.New(),
		failed:   make(chan error, 1),

		engineFailed: make(chan struct{}),
		router:       router.New(cfg.RequestTimeout, dir.Identity().Boot+1),
	}
	n.topology.Store(n.router.Topology())
	n.pulse = newPulse(n)
	n.senders = newSenders(n)
	n.receiver = newReceiver(n)
	if err := n.openOrFail(); err != nil {
		return nil, errors.Join(err, cfg.Listener.Close(), dir.Close())
	}
	return n, nil
}

// openOrFail is open in a goroutine of its own: one that meets a damaged file in the engine never comes back.
func (n *Node) openOrFail() error {
	opened := make(chan error, 1)
	n.group.Start(func() { opened <- n.open() })
	select {
	case err := <-opened:
		return err
	case err := <-n.failed:
		return err
	}
}

func (n *Node) open() error {
	id := n.dir.Identity()
	if !id.Empty() && id.Cores != n.cfg.Cores {
		return fmt.Errorf("data directory %s was created for %d cores, not %d: start with --cores %d",
			n.dir.Path(), id.Cores, n.cfg.Cores, id.Cores)
	}
	n.transport = transport.New(n.transportConfig())
	if id.Empty() || !id.Active() {
		return nil
	}
	return n.assemble()
}

// Start begins to serve peers and, once the node is part of a cluster, clients.
func (n *Node) Start() {
	n.transport.Start()
	n.group.Start(n.runClock)
	n.group.Start(n.pulse.run)
	n.group.Start(n.watchDisk)
	if m := n.machinery.Load(); m != nil {
		n.launch(m)
	}
}

// Failed returns a channel that receives the reason when the node can no longer go on. The process should stop
// it and exit.
func (n *Node) Failed() <-chan error { return n.failed }

// fail records why the node cannot go on. Whatever was not acknowledged yet never will be.
func (n *Node) fail(err error) {
	if err == nil {
		return
	}
	n.failing.Store(true)
	select {
	case n.failed <- err:
		n.cfg.Logger.Error("the node cannot go on", "error", err.Error())
	default:
	}
}

// failDisk is fail for a log whose contents on disk are no longer certain: after a failed sync the page cache
// cannot be believed, so the directory is marked and never used again. A full disk is not such a case: what
// did not fit was never synced, and the next start cuts it off.
func (n *Node) failDisk(err error) {
	if !errors.Is(err, syscall.ENOSPC) {
		err = errors.Join(err, n.dir.Fail(err))
	}
	n.fail(err)
}

// GiveUp lets the replicas of a node that failed fall silent, so that others lead their shards at once, and answers
// what waits on them. Until Stop, requests are still sent on to other nodes. Without it the node would keep its
// shards from taking writes for as long as its clients are being sent away.
func (n *Node) GiveUp() {
	n.unlessEngineFails(func() {
		if m := n.machinery.Load(); m != nil {
			n.abandon(m)
		}
	})
}

// unlessEngineFails carries out work that may wait for the state engine, and stops waiting when that fails: then
// goroutines that were in the engine never come back, and the process is to end without them. The log has all that was
// acknowledged.
func (n *Node) unlessEngineFails(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
	case <-n.engineFailed:
	}
}

// Stop ends the node. Unless it failed, leadership is handed to other nodes first. Stop may be called twice.
func (n *Node) Stop() {
	n.stopOnce.Do(n.stop)
}

func (n *Node) stop() {
	n.unlessEngineFails(n.stopAll)
	n.transport.Stop()
}

// stopAll stops everything in the order in which one part serves another.
func (n *Node) stopAll() {
	m := n.machinery.Load()
	if m != nil && !n.failing.Load() {
		n.evacuate(m)
	}
	if m != nil {
		n.abandon(m)
	}
	if m != nil && !n.failing.Load() && len(n.Topology().Map.Nodes) > 1 {
		<-clock.After(stopLinger)
	}
	n.senders.stop()
	n.receiver.stop()
	n.transport.Stop()
	n.group.Stop()
	if m != nil {
		if err := m.close(n.engineFailed); err != nil {
			n.cfg.Logger.Error("close", "error", err)
		}
	}
	if err := n.dir.Close(); err != nil {
		n.cfg.Logger.Error("close", "error", err)
	}
}

// evacuate hands leadership away and waits until it is gone, and until the writes that were proposed here are known to
// have taken effect or not, within a bound.
func (n *Node) evacuate(m *machinery) {
	for _, l := range m.loops {
		l.inbox.put(event{do: func(c *core.Core) error { c.Evacuate(); return nil }})
	}
	start := clock.Monotonic()
	least, changed := len(n.Topology().Map.Shards)+1, start
	for now := start; now-start < evacuateTimeout && now-changed < evacuateStall; now = clock.Monotonic() {
		left := n.unsettled()
		if left == 0 {
			return
		}
		if left < least {
			least, changed = left, now
		}
		<-clock.After(evacuatePoll)
	}
}

// unsettled returns in how many shards this node leads, or has proposed what may still take effect.
func (n *Node) unsettled() int {
	count := 0
	for _, s := range n.Replicas() {
		if s.Self || s.Pending > 0 {
			count++
		}
	}
	return count
}

// abandon answers everything that still waits on a core and lets nothing new in.
func (n *Node) abandon(m *machinery) {
	n.pulse.end()
	for _, l := range m.loops {
		done := make(chan struct{})
		if !l.inbox.put(event{do: func(c *core.Core) error {
			fx := c.Close()
			n.coreAnswered(nil, fx.Completions)
			close(done)
			return nil
		}}) {
			continue
		}
		select {
		case <-done:
		case <-m.halted:
		}
		l.reject(l.inbox.close())
	}
}

// reject answers requests that were still in a closed inbox.
func (l *coreLoop) reject(events []event) {
	for i := range events {
		if r := events[i].request; r != nil {
			l.node.rejectStopped([]*replica.Request{r})
		}
	}
}

// runClock ticks the cores and the router, and gossips.
func (n *Node) runClock() {
	ticks := clock.NewTicker(n.cfg.TickInterval)
	defer ticks.Stop()
	routes := clock.NewTicker(routerInterval)
	defer routes.Stop()
	gossip := clock.NewTicker(gossipInterval)
	defer gossip.Stop()
	for {
		select {
		case <-n.group.Stopped():
			return
		case <-ticks.C:
			n.tickCores()
		case <-routes.C:
			n.withRouter(func(r *router.Router) { r.Tick(clock.Monotonic()) })
			if n.gossipSoon.Swap(false) {
				n.gossip()
			}
		case <-gossip.C:
			n.gossip()
		}
	}
}

func (n *Node) tickCores() {
	m := n.machinery.Load()
	if m == nil {
		return
	}
	for _, l := range m.loops {
		stalled := l.log.stalled()
		l.inbox.put(event{do: func(c *core.Core) error {
			c.SetStalled(stalled)
			c.Tick()
			return nil
		}})
	}
}

// Replicas returns the state of every replica on this node, by core and shard; nil while it waits for a
// cluster or stops.
func (n *Node) Replicas() []core.Status {
	m := n.machinery.Load()
	if m == nil {
		return nil
	}
	var rows []core.Status
	for _, l := range m.loops {
		answer := make(chan []core.Status, 1)
		if !l.inbox.put(event{do: func(c *core.Core) error { answer <- c.Status(); return nil }}) {
			return nil
		}
		select {
		case r := <-answer:
			rows = append(rows, r...)
		case <-m.halted:
			return nil
		}
	}
	return rows
}

// Ready reports whether this node is part of a cluster and every shard of it has a known leader.
func (n *Node) Ready() error {
	t := n.Topology()
	if t.Map == nil {
		return errors.New("not part of a cluster yet: run katakv cluster create")
	}
	n.routerMu.Lock()
	defer n.routerMu.Unlock()
	if missing := n.router.Leaderless(); missing > 0 {
		return fmt.Errorf("%d of %d shards have no known leader", missing, len(t.Map.Shards))
	}
	return nil
}

// change proposes a change of the cluster map and waits for its outcome.
func (n *Node) change(ctx context.Context, c placement.Change) error {
	calls := []router.Call{{Operation: mapChange(c)}}
	n.execute(ctx, router.Batch{Mode: router.Forward, Calls: calls, Meta: true})
	if err := calls[0].Reply.Err; err != nil {
		return err
	}
	return nil
}

package node

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/engine/pebble"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/transport"
)

// machinery is what a member of a cluster runs: the engine, and a loop and a log for each core.
type machinery struct {
	engine  *pebble.Engine
	loops   []*coreLoop
	writers []*logWriter
	flusher *flusher

	halted   chan struct{} // closed when the first loop has ended
	haltOnce sync.Once
}

// assemble opens the engine and the logs, checks them against the map, and builds the cores.
func (n *Node) assemble() error {
	clusterMap, err := n.dir.Map()
	if err != nil {
		return err
	}
	id := n.dir.Identity()
	if clusterMap == nil || clusterMap.Cluster != id.Cluster {
		return fmt.Errorf("data directory %s has no map of its cluster %v: it is damaged; let the node rejoin as a new one",
			n.dir.Path(), id.Cluster)
	}
	quietUntil, err := n.nextBoot(clusterMap)
	if err != nil {
		return err
	}
	m := &machinery{halted: make(chan struct{})}
	if err := n.openEngine(m); err != nil {
		return err
	}
	metas, err := kv.ListMetas(m.engine)
	if err == nil {
		err = checkReplicas(clusterMap, id.Node, metas)
	}
	for i := 0; i < n.cfg.Cores && err == nil; i++ {
		err = n.openCore(m, i, metas, core.Config{QuietUntil: quietUntil, Leases: clusterMap.Settings.Leases()})
	}
	if err != nil {
		return errors.Join(err, m.close(n.engineFailed))
	}
	clusterMap = kv.NewestMap(m.engine, clusterMap)
	for _, l := range m.loops {
		l.core.SetMap(clusterMap)
	}
	n.machinery.Store(m)
	n.withRouter(func(r *router.Router) { r.SetMap(id.Node, clusterMap) })
	n.transport.SetIdentity(id.Node, id.Cluster, n.boot) // from now on peers are heard
	n.pulse.begin(n.boot, id.Node, clusterMap)
	return nil
}

// nextBoot counts this start. It returns until when promises of earlier ones may run.
func (n *Node) nextBoot(clusterMap *placement.Map) (quietUntil time.Duration, err error) {
	boot, quiet, err := n.dir.NextBoot(liveness.LongestFirm(clusterMap.Settings.Leases()))
	n.boot = boot
	return clock.Boot() + quiet, err
}

func (n *Node) openEngine(m *machinery) error {
	var err error
	m.engine, err = pebble.Open(n.dir.StatePath(), pebble.Options{
		CacheBytes:    n.cfg.CacheBytes,
		MemTableBytes: n.cfg.MemTableBytes,
		Logger:        n.cfg.Logger,
		OnFlush: func() {
			if m.flusher != nil {
				m.flusher.flushed()
			}
		},
		Fatal: func(err error) {
			n.engineOnce.Do(func() { close(n.engineFailed) })
			n.failDisk(fmt.Errorf("state engine: %w", err))
		},
	})
	if err != nil {
		return fmt.Errorf("open the state engine: %w", err)
	}
	m.flusher = newFlusher(n, m)
	return nil
}

// checkReplicas refuses to start without a replica that the map says is here: its vote and data are lost, and
// under its old id it would break quorums.
func checkReplicas(clusterMap *placement.Map, self katakv.NodeID, metas []kv.ShardMeta) error {
	have := make(map[katakv.ReplicaID]bool, len(metas))
	for i := range metas {
		have[metas[i].Replica] = true
	}
	for i := range clusterMap.Shards {
		if r, ok := clusterMap.Shards[i].ReplicaOn(self); ok && !have[r.ID] {
			return fmt.Errorf("the state engine does not hold replica %v of %v: the data directory is damaged; "+
				"let the node rejoin as a new one", r.ID, clusterMap.Shards[i].ID)
		}
	}
	return nil
}

// openCore opens the log of core i and builds the core with its share of the replicas.
func (n *Node) openCore(m *machinery, i int, metas []kv.ShardMeta, cfg core.Config) error {
	log, recovered, err := raftlog.Open(n.dir.LogPath(i), raftlog.Options{Logger: n.cfg.Logger})
	if err != nil {
		return fmt.Errorf("open the raft log: %w", err)
	}
	if recovered.TornBytes > 0 {
		n.cfg.Logger.Info("cut an unfinished write from the end of the raft log", "core", i, "bytes", recovered.TornBytes)
	}
	var shards []katakv.ShardID
	for j := range metas {
		if coreOf(metas[j].Shard, n.cfg.Cores) == i {
			shards = append(shards, metas[j].Shard)
		}
	}
	l := &coreLoop{node: n, inbox: newInbox()}
	cfg.Self, cfg.Boot, cfg.Engine = n.dir.Identity().Node, n.boot, m.engine
	cfg.WindowBytes = n.cfg.WindowBytes / n.cfg.Cores
	cfg.Warn = func(message string) { n.cfg.Logger.Warn(message) }
	l.core = core.New(cfg)
	l.core.SetTime(timeNow())
	l.log = newLogWriter(log, func(seq uint64) { l.inbox.put(event{durable: seq}) })
	m.loops = append(m.loops, l)
	m.writers = append(m.writers, l.log)
	return l.core.AddReplicas(shards, recovered.Replicas)
}

// launch starts the goroutines.
func (n *Node) launch(m *machinery) {
	for _, l := range m.loops {
		n.group.Start(func() {
			err := l.log.run(n.group.Stopped())
			if err != nil {
				n.failDisk(err)
			}
		})
		n.group.Start(func() {
			err := l.run(n.group.Stopped())
			m.haltOnce.Do(func() { close(m.halted) })
			n.fail(err)
		})
		l.inbox.signal()
	}
	n.group.Start(func() { m.flusher.run(n.group.Stopped()) })
	n.group.Start(n.announce)
}

// close closes the logs and the engine; the goroutines have ended. An engine that failed stays open: who met the
// failure is in it for ever, and Pebble panics if it is closed around a reader.
func (m *machinery) close(engineFailed <-chan struct{}) error {
	var errs []error
	for _, w := range m.writers {
		errs = append(errs, w.close())
	}
	select {
	case <-engineFailed:
	default:
		errs = append(errs, m.engine.Close())
	}
	return errors.Join(errs...)
}

func (n *Node) transportConfig() transport.Config {
	return transport.Config{
		Listener: n.cfg.Listener,
		Resolve:  n.resolve,
		Handler:  n,
		Logger:   n.cfg.Logger,
	}
}

// resolve finds where another node listens for peers.
func (n *Node) resolve(id katakv.NodeID) (string, bool) {
	if address, ok := n.moved.Load(id); ok {
		return address.(string), true
	}
	node := n.Topology().Node(id)
	if node == nil {
		return "", false
	}
	return node.Addresses.Peer, true
}

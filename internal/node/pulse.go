package node

import (
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
)

// pulse runs the watch over the other nodes. It has a goroutine of its own and a lock that nobody holds for long, so that
// heavy work elsewhere in the node does not make others look dead, nor this node to them.
type pulse struct {
	node *Node
	mu   sync.Mutex
	// watch is nil until the node is part of a cluster.
	watch *liveness.Watch
}

// begin starts to watch the nodes of a map.
func (p *pulse) begin(boot katakv.BootID, self katakv.NodeID, m *placement.Map) {
	p.mu.Lock()
	p.watch = liveness.New(liveness.Config{Boot: boot})
	p.mu.Unlock()
	p.setMap(self, m)
}

// setMap takes over whom to watch.
func (p *pulse) setMap(self katakv.NodeID, m *placement.Map) {
	p.with(func(w *liveness.Watch) { w.SetPeers(clock.Monotonic(), m.Others(self)) })
}

// run probes until the node stops.
func (p *pulse) run() {
	ticks := clock.NewTicker(liveness.ProbeInterval)
	defer ticks.Stop()
	for {
		select {
		case <-p.node.group.Stopped():
			return
		case <-ticks.C:
			p.with(func(w *liveness.Watch) { w.Tick(clock.Monotonic()) })
		}
	}
}

// with lets the watch note something and carries out what follows.
func (p *pulse) with(note func(*liveness.Watch)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watch == nil {
		return
	}
	note(p.watch)
	fx := p.watch.Effects()
	for _, f := range fx.Frames {
		p.node.transport.Send(f.To, f.Message) // lost: that is what it is to find out
	}
	for _, v := range fx.Verdicts {
		p.node.judged(v)
	}
}

// judged tells the router and the cores what became of a node.
func (n *Node) judged(v liveness.Verdict) {
	m := n.machinery.Load()
	if m == nil {
		return
	}
	if v.Suspect {
		n.cfg.Logger.Warn("a node does not answer: what it leads gets other leaders", "node", v.Node)
		n.withRouter(func(r *router.Router) { r.PeerDown(v.Node) })
	} else {
		n.cfg.Logger.Info("a node answers again", "node", v.Node)
	}
	for _, l := range m.loops {
		l.inbox.put(event{do: func(c *core.Core) error {
			if v.Suspect {
				c.Suspect(v.Node)
			} else {
				c.Trust(v.Node)
			}
			return nil
		}})
	}
}

// stallLimit is how long the log's disk may make no progress before the node hands away what it leads: far beyond what a
// busy disk takes for a sync, and short enough that clients notice a pause and no outage.
const stallLimit = time.Second

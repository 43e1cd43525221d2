package node

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/wire"
)

// pulse runs the watch over the other nodes, on a clock that goes on in suspend. It has a goroutine of its own and a lock
// that nobody holds for long, so that heavy work elsewhere in the node does not make others look dead, nor this node to
// them.
type pulse struct {
	node *Node
	mu   sync.Mutex
	// watch is nil until the node is part of a cluster, and when it serves no more.
	watch *liveness.Watch
	// promises are those of other nodes, for the cores.
	promises atomic.Pointer[map[katakv.NodeID]replica.Promise]
}

func newPulse(n *Node) *pulse {
	p := &pulse{node: n}
	p.promises.Store(&map[katakv.NodeID]replica.Promise{})
	return p
}

// begin starts to watch the nodes of a map.
func (p *pulse) begin(boot katakv.BootID, self katakv.NodeID, m *placement.Map) {
	p.mu.Lock()
	p.watch = liveness.New(liveness.Config{Boot: boot, Firm: m.Settings.Leases()})
	p.mu.Unlock()
	p.setMap(self, m)
}

// end keeps the node from giving signs of life, although it goes on sending clients away: nobody shall wait for what it led.
func (p *pulse) end() {
	p.mu.Lock()
	p.watch = nil
	p.mu.Unlock()
}

// setMap takes over whom to watch.
func (p *pulse) setMap(self katakv.NodeID, m *placement.Map) {
	p.with(func(w *liveness.Watch) { w.SetPeers(clock.Boot(), m.Others(self)) })
}

// run probes and lets promises end, until the node stops.
func (p *pulse) run() {
	for {
		wait := liveness.ProbeInterval
		p.with(func(w *liveness.Watch) {
			if p.node.progresses() {
				w.Tick(clock.Boot())
				wait = w.Next() - clock.Boot()
			}
		})
		select {
		case <-p.node.group.Stopped():
			return
		case <-clock.After(wait):
		}
	}
}

// with lets the watch note something and carries out what follows. That a promise is given must be in the queues of the
// cores before the answer that gives it is in that of the connection.
func (p *pulse) with(note func(*liveness.Watch)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watch == nil {
		return
	}
	note(p.watch)
	promises := p.watch.Promises()
	p.promises.Store(&promises)
	fx := p.watch.Effects()
	for _, h := range fx.Holds {
		p.node.held(h)
	}
	for _, v := range fx.Verdicts {
		p.node.judged(v)
	}
	for _, f := range fx.Frames {
		p.node.transport.Send(f.To, f.Message) // lost: that is what it is to find out
	}
}

// held tells the cores that a promise runs, or none any more.
func (n *Node) held(h liveness.Hold) {
	m := n.machinery.Load()
	if m == nil {
		return
	}
	for _, l := range m.loops {
		l.inbox.put(event{do: func(c *core.Core) error {
			if h.Session == (wire.Session{}) {
				c.Lapsed(h.Node, h.Accuse)
			} else {
				c.Hold(h.Node, h.Session)
			}
			return nil
		}})
	}
}

// progressLimit is how long an event may wait for a core before this node stops probing others, so that they stop waiting
// for it. An idle core has nothing waiting: proof of progress costs nothing.
const progressLimit = 500 * time.Millisecond

// progresses reports whether no core has kept its events waiting for long.
func (n *Node) progresses() bool {
	m := n.machinery.Load()
	if m == nil {
		return false
	}
	now := clock.Boot()
	for _, l := range m.loops {
		if since := l.inbox.waitingSince(); since != 0 && now-since > progressLimit {
			return false
		}
	}
	return true
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

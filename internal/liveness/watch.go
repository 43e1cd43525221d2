package liveness

import (
	"cmp"
	"slices"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// ProbeInterval is how often every other node is probed: often enough that a few lost probes end no promise.
	ProbeInterval = 40 * time.Millisecond
	// DefaultPatience is how long a node may owe an answer before it is suspected. Followers then campaign, and a
	// shard whose leader hangs or is cut off takes writes again within 1.5 s. On a machine that is loaded to the brim
	// an answer has been seen to take a third of this.
	DefaultPatience = 900 * time.Millisecond
	// pauseLimit is how long after the last one a Tick must come for the process to take itself for paused: then it gives
	// everybody patience anew. A busy machine delays ticks by less than that.
	pauseLimit = 300 * time.Millisecond
)

// Config builds a Watch.
type Config struct {
	// Boot is this node's own, and goes with every probe and answer.
	Boot katakv.BootID
	// Patience is how long a node may owe an answer; zero means the default.
	Patience time.Duration
	// Firm says that leases rest on this node's promises: nothing but time, or the end of the process that they were
	// given to, ends them.
	Firm bool
}

// Frame is a message for a node.
type Frame struct {
	To      katakv.NodeID
	Message wire.Message
}

// Verdict says that a node is suspected from now on, or is not any more.
type Verdict struct {
	Node    katakv.NodeID
	Suspect bool
}

// Effects are what the outside must do, in this order: cores must know of a promise before it is sent.
type Effects struct {
	Holds    []Hold
	Verdicts []Verdict
	Frames   []Frame
}

// Watch is the state machine. See the package comment.
type Watch struct {
	cfg   Config
	peers []*peer // by node
	// last is when Tick was called last, next when it sends probes again, renewed when this process has got over a pause.
	last, next, renewed time.Duration
	sessions            uint64 // opened so far
	promises            map[katakv.NodeID]replica.Promise
	out                 Effects
}

// peer is what is known of another node.
type peer struct {
	node  katakv.NodeID
	boot  katakv.BootID // the newest known; 0: none yet
	heard time.Duration // when that came, or when patience began anew
	// since is when the node was refused last: answers to earlier probes are from a life that may be over.
	since   time.Duration
	suspect bool
	given   given
}

// New returns a watch over nobody.
func New(cfg Config) *Watch {
	cfg.Patience = cmp.Or(cfg.Patience, DefaultPatience)
	return &Watch{cfg: cfg}
}

// SetPeers says whom to watch. Who is new has all the patience there is; verdicts about the others stay. Who is named no
// more stays as well while a promise to it runs, until the next call.
func (w *Watch) SetPeers(now time.Duration, nodes []katakv.NodeID) {
	var peers []*peer
	for _, id := range nodes {
		p := w.peer(id)
		if p == nil {
			p = &peer{node: id, heard: now}
		}
		peers = append(peers, p)
	}
	for _, p := range w.peers {
		if p.given.session != (wire.Session{}) && !slices.Contains(nodes, p.node) {
			peers = append(peers, p)
		}
	}
	slices.SortFunc(peers, func(a, b *peer) int { return cmp.Compare(a.node, b.node) })
	w.peers = peers
}

func (w *Watch) peer(id katakv.NodeID) *peer {
	for _, p := range w.peers {
		if p.node == id {
			return p
		}
	}
	return nil
}

// Tick ends promises whose time is over, suspects who owes an answer for too long, and probes everybody each
// ProbeInterval. It wants to be called again at Next; now never goes back.
func (w *Watch) Tick(now time.Duration) {
	w.mindGap(now)
	w.last = now
	for _, p := range w.peers {
		w.lapsed(now, p)
		if now-p.heard > w.cfg.Patience {
			w.judge(p, true)
		}
	}
	if now < w.next {
		return
	}
	w.next = now + ProbeInterval
	for _, p := range w.peers {
		w.out.Frames = append(w.out.Frames, Frame{To: p.node, Message: &wire.Probe{Boot: w.cfg.Boot, Sent: now}})
	}
}

// mindGap takes note of how long this process has done nothing.
func (w *Watch) mindGap(now time.Duration) {
	gap := now - w.last
	if w.last == 0 || gap <= starvedLimit {
		return
	}
	w.renewed = now + renewTime
	if gap <= pauseLimit {
		return
	}
	for _, p := range w.peers {
		p.heard = now
	}
}

// Next is when something is due: probes, or the end of a promise.
func (w *Watch) Next() time.Duration {
	next := w.next
	for _, p := range w.peers {
		if p.given.session != (wire.Session{}) {
			next = min(next, p.given.until)
		}
		if p.given.accuse {
			next = min(next, w.renewed)
		}
	}
	return next
}

// Probe answers a peer's probe. One of a process that has ended is nobody's.
func (w *Watch) Probe(now time.Duration, from katakv.NodeID, m *wire.Probe) {
	p := w.peer(from)
	if p == nil || m.Boot < p.boot {
		return
	}
	w.lives(p, m.Boot)
	w.promise(now, p)
	w.out.Frames = append(w.out.Frames, Frame{To: from, Message: &wire.ProbeAnswer{
		Session: p.given.session, Boot: m.Boot, Sent: m.Sent, Promise: LongestFirm(w.cfg.Firm),
	}})
}

// Answer takes a peer's answer to a probe of ours.
func (w *Watch) Answer(now time.Duration, from katakv.NodeID, m *wire.ProbeAnswer) {
	p := w.peer(from)
	if p == nil || m.Boot != w.cfg.Boot || m.Sent < p.since || m.Sent > now || m.Session.Boot < p.boot {
		return
	}
	w.lives(p, m.Session.Boot)
	p.heard = now
	w.judge(p, false)
	w.received(p, m)
}

// lives takes note of a peer's boot id. A new one proves that the process before has ended, and with it all that it led:
// the promise to it is over.
func (w *Watch) lives(p *peer, boot katakv.BootID) {
	if p.boot != 0 && boot > p.boot {
		w.lapse(p, true)
		w.judge(p, true)
	}
	p.boot = boot
}

// Refused hears that a node, which may be unknown here, does not take connections where it should listen.
func (w *Watch) Refused(now time.Duration, node katakv.NodeID) {
	if p := w.peer(node); p != nil {
		p.since = now
		if !w.cfg.Firm {
			w.lapse(p, true)
		}
		w.judge(p, true)
	}
}

func (w *Watch) judge(p *peer, suspect bool) {
	if p.suspect != suspect {
		p.suspect = suspect
		w.out.Verdicts = append(w.out.Verdicts, Verdict{Node: p.node, Suspect: suspect})
	}
}

// Effects returns what is to be done and forgets it.
func (w *Watch) Effects() Effects {
	fx := w.out
	w.out = Effects{}
	return fx
}

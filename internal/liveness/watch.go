package liveness

import (
	"cmp"
	"slices"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// ProbeInterval is how often every other node is probed: often enough that a few lost probes change no verdict.
	ProbeInterval = 100 * time.Millisecond
	// DefaultPatience is how long a node may owe an answer before it is suspected. Followers then campaign, and a
	// shard whose leader hangs or is cut off takes writes again within 1.5 s. On a machine that is loaded to the brim
	// an answer has been seen to take a third of this.
	DefaultPatience = 900 * time.Millisecond
	// pauseLimit is how late a Tick must be for the process to take itself for paused.
	pauseLimit = 3 * ProbeInterval
)

// Config builds a Watch.
type Config struct {
	// Boot is this node's own, and goes with every probe and answer.
	Boot katakv.BootID
	// Patience is how long a node may owe an answer; zero means the default.
	Patience time.Duration
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

// Effects are what the outside must do, in order.
type Effects struct {
	Frames   []Frame
	Verdicts []Verdict
}

// Watch is the state machine. See the package comment.
type Watch struct {
	cfg   Config
	peers []*peer // by node
	last  time.Duration
	out   Effects
}

// peer is what is known of another node.
type peer struct {
	node  katakv.NodeID
	boot  katakv.BootID // of its last answer; 0: none yet
	heard time.Duration // when that came, or when patience began anew
	// since is when the node was refused last: answers to earlier probes are from a life that may be over.
	since   time.Duration
	suspect bool
}

// New returns a watch over nobody.
func New(cfg Config) *Watch {
	cfg.Patience = cmp.Or(cfg.Patience, DefaultPatience)
	return &Watch{cfg: cfg}
}

// SetPeers says whom to watch. Who is new has all the patience there is; verdicts about the others stay.
func (w *Watch) SetPeers(now time.Duration, nodes []katakv.NodeID) {
	var peers []*peer
	for _, id := range nodes {
		p := w.peer(id)
		if p == nil {
			p = &peer{node: id, heard: now}
		}
		peers = append(peers, p)
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

// Tick probes everybody and suspects who owes an answer for too long. Call it every ProbeInterval; now never goes back.
func (w *Watch) Tick(now time.Duration) {
	paused := w.last != 0 && now-w.last > pauseLimit
	w.last = now
	for _, p := range w.peers {
		if paused {
			p.heard = now
		}
		if now-p.heard > w.cfg.Patience {
			w.judge(p, true)
		}
		w.out.Frames = append(w.out.Frames, Frame{To: p.node, Message: &wire.Probe{Boot: w.cfg.Boot, Sent: now}})
	}
}

// Probe answers a peer's probe.
func (w *Watch) Probe(from katakv.NodeID, m *wire.Probe) {
	w.out.Frames = append(w.out.Frames, Frame{To: from, Message: &wire.ProbeAnswer{Boot: w.cfg.Boot, Sent: m.Sent}})
}

// Answer takes a peer's answer to a probe of ours.
func (w *Watch) Answer(now time.Duration, from katakv.NodeID, m *wire.ProbeAnswer) {
	p := w.peer(from)
	if p == nil || m.Sent < p.since || m.Sent > now || m.Boot < p.boot {
		return
	}
	if p.boot != 0 && m.Boot > p.boot {
		w.judge(p, true)
	}
	p.boot, p.heard = m.Boot, now
	w.judge(p, false)
}

// Refused hears that a node, which may be unknown here, does not take connections where it should listen.
func (w *Watch) Refused(now time.Duration, node katakv.NodeID) {
	if p := w.peer(node); p != nil {
		p.since = now
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

package liveness

import (
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// FirmPromise is how long this node does not vote against leaders on a node whose probe it answered, if leases rest
	// on that: six probes. What is left of it when a leader dies is most of the time that its shards take no writes.
	FirmPromise = 240 * time.Millisecond
	// loosePromise is how long it is where none does. A broken connection ends it, so that it only has to be short enough for
	// nodes that hang or are cut off, and can be longer than any time for which a busy machine starves a process.
	loosePromise = 900 * time.Millisecond
	// clockDriftAllowance is the inverse of how much the rates of two nodes' clocks may differ, ten times what crystals
	// and slewing do.
	clockDriftAllowance = 100
	// starvedLimit is how long after the last one a Tick must come for probes to be waiting, perhaps, that this process has
	// not got to. renewTime is how long it then waits for them before it accuses those whose promises have run out
	// meanwhile: a round trip on a busy machine.
	starvedLimit = 2 * ProbeInterval
	renewTime    = 60 * time.Millisecond
)

// Hold says that from now on a promise runs to a node, or none any more.
type Hold struct {
	Node katakv.NodeID
	// Session is that of the promise; zero: none runs.
	Session wire.Session
	// Accuse says that the end of the promise is a sign that the node may not live.
	Accuse bool
}

// given is the promise to a peer.
type given struct {
	session wire.Session // zero: none runs
	until   time.Duration
	// accuse is set while the end of a promise, for which this process was perhaps too late, waits for a sign of life.
	accuse bool
}

// promise gives a peer the promise, which begins anew with each probe that is taken.
func (w *Watch) promise(now time.Duration, p *peer) {
	if p.given.session != (wire.Session{}) && now >= p.given.until {
		w.lapse(p, false)
	}
	if p.given.session == (wire.Session{}) {
		w.sessions++
		p.given = given{session: wire.Session{Boot: w.cfg.Boot, Count: w.sessions}}
		w.out.Holds = append(w.out.Holds, Hold{Node: p.node, Session: p.given.session})
	}
	p.given.until = now + w.promiseLength()
}

// lapse ends the promise to a peer, and its session for good.
func (w *Watch) lapse(p *peer, accuse bool) {
	if p.given.session == (wire.Session{}) {
		return
	}
	p.given = given{}
	w.out.Holds = append(w.out.Holds, Hold{Node: p.node, Accuse: accuse})
}

// lapsed ends the promise to a peer if its time is over. Who was starved cannot tell a dead peer from probes that wait.
func (w *Watch) lapsed(now time.Duration, p *peer) {
	if p.given.session != (wire.Session{}) && now >= p.given.until {
		starved := now < w.renewed
		w.lapse(p, !starved)
		p.given.accuse = starved
	}
	if p.given.accuse && now >= w.renewed {
		p.given.accuse = false
		w.out.Holds = append(w.out.Holds, Hold{Node: p.node, Accuse: true})
	}
}

func (w *Watch) promiseLength() time.Duration {
	if w.cfg.Firm {
		return FirmPromise
	}
	return loosePromise
}

// LongestFirm is how long a lease may rest on the promises of a node, and a node that restarts must wait: zero where
// promises are not firm.
func LongestFirm(firm bool) time.Duration {
	if firm {
		return FirmPromise
	}
	return 0
}

// received takes the promise in a peer's answer. Within a session the one that lasts longer counts.
func (w *Watch) received(p *peer, m *wire.ProbeAnswer) {
	if m.Promise <= 0 {
		return
	}
	next := replica.Promise{Session: m.Session, Until: m.Sent + leaseLength(min(m.Promise, FirmPromise))}
	last := w.promises[p.node]
	if next.Session.Before(last.Session) || (next.Session == last.Session && next.Until <= last.Until) {
		return
	}
	table := make(map[katakv.NodeID]replica.Promise, len(w.peers))
	for _, other := range w.peers {
		if had, ok := w.promises[other.node]; ok {
			table[other.node] = had
		}
	}
	table[p.node] = next
	w.promises = table
}

// leaseLength is how long a leader may rely on a promise of some length, from when it sent the probe: by whichever clock
// of the two goes slower, the promise lasts longer.
func leaseLength(promise time.Duration) time.Duration {
	return (promise - promise/clockDriftAllowance).Truncate(time.Millisecond)
}

// Promises returns the promises of the others to this node that a lease may rest on, by node. The map never changes:
// there is a new one when something has.
func (w *Watch) Promises() map[katakv.NodeID]replica.Promise { return w.promises }

package liveness_test

import (
	"slices"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// promiser is node 1 in boot 7, which promises to node 2.
type promiser struct {
	t     *testing.T
	watch *liveness.Watch
}

func newPromiser(t *testing.T, firm bool) *promiser {
	w := liveness.New(liveness.Config{Boot: 7, Firm: firm})
	w.SetPeers(0, []katakv.NodeID{2})
	return &promiser{t: t, watch: w}
}

// probe lets a probe of node 2 arrive and returns the answer.
func (p *promiser) probe(now time.Duration, boot katakv.BootID) *wire.ProbeAnswer {
	p.t.Helper()
	p.watch.Probe(now, 2, &wire.Probe{Boot: boot, Sent: 42})
	for _, f := range p.effects().Frames {
		if answer, ok := f.Message.(*wire.ProbeAnswer); ok && f.To == 2 {
			return answer
		}
	}
	return nil
}

func (p *promiser) effects() liveness.Effects { return p.watch.Effects() }

// holds lets something happen and wants what the cores are told.
func (p *promiser) holds(do func(), want ...liveness.Hold) {
	p.t.Helper()
	p.effects()
	do()
	if got := p.effects().Holds; !slices.Equal(got, want) {
		p.t.Errorf("the cores are told %v, want %v", got, want)
	}
}

func session(count uint64) wire.Session { return wire.Session{Boot: 7, Count: count} }

func TestPromisesBeginAnewWithEachProbe(t *testing.T) {
	p := newPromiser(t, true)
	want := wire.ProbeAnswer{Session: session(1), Boot: 3, Sent: 42, Promise: liveness.FirmPromise}
	p.holds(func() { p.watch.Probe(10, 2, &wire.Probe{Boot: 3, Sent: 42}) }, liveness.Hold{Node: 2, Session: session(1)})
	late := 10 + liveness.FirmPromise - 1
	if got := p.probe(late, 3); *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	p.watch.Tick(late) // not paused in the tests of what follows
	p.holds(func() { p.watch.Tick(10 + liveness.FirmPromise) })
	for now := late; now < late+liveness.FirmPromise; now += 20 * time.Millisecond {
		p.holds(func() { p.watch.Tick(now) })
	}
	p.holds(func() { p.watch.Tick(late + liveness.FirmPromise) }, liveness.Hold{Node: 2, Accuse: true})
	if got := p.probe(late+liveness.FirmPromise, 3); got.Session != session(2) {
		t.Errorf("after the end of a promise: session %v, want a new one", got.Session)
	}
}

func TestSessionEndsBeforeALateProbeIsAnswered(t *testing.T) {
	p := newPromiser(t, true)
	p.probe(0, 3)
	p.holds(func() { p.watch.Probe(liveness.FirmPromise, 2, &wire.Probe{Boot: 3}) },
		liveness.Hold{Node: 2}, liveness.Hold{Node: 2, Session: session(2)})
}

func TestOnlyANewBootEndsAFirmPromise(t *testing.T) {
	p := newPromiser(t, true)
	p.probe(0, 3)
	p.holds(func() { p.watch.Refused(1, 2) })
	p.holds(func() { p.watch.Probe(2, 2, &wire.Probe{Boot: 4}) },
		liveness.Hold{Node: 2, Accuse: true}, liveness.Hold{Node: 2, Session: session(2)})
	if got := p.probe(3, 3); got != nil {
		t.Errorf("the probe of a process that has ended is answered: %v", got)
	}
}

func TestRefusalEndsALoosePromise(t *testing.T) {
	p := newPromiser(t, false)
	if got := p.probe(0, 3); got.Promise != 0 {
		t.Errorf("a lease may rest on a promise that is not firm for %v", got.Promise)
	}
	p.holds(func() { p.watch.Refused(1, 2) }, liveness.Hold{Node: 2, Accuse: true})
}

func TestPausedProcessAccusesLater(t *testing.T) {
	p := newPromiser(t, true)
	p.watch.Tick(1)
	p.probe(1, 3)
	after := 10 * time.Second
	p.holds(func() { p.watch.Tick(after) }, liveness.Hold{Node: 2})
	if next := p.watch.Next(); next > after+liveness.ProbeInterval {
		t.Errorf("the next tick is at %v, later than the next probe", next)
	}
	p.holds(func() { p.watch.Tick(after + 40*time.Millisecond) })
	p.holds(func() { p.watch.Tick(after + 60*time.Millisecond) }, liveness.Hold{Node: 2, Accuse: true})

	p.probe(after+61*time.Millisecond, 3)
	p.holds(func() { p.watch.Tick(2 * after) }, liveness.Hold{Node: 2})
	p.probe(2*after+time.Millisecond, 3) // it had waited: node 2 lives
	p.holds(func() { p.watch.Tick(2*after + 60*time.Millisecond) })
}

func TestLeasesCountFromTheProbe(t *testing.T) {
	p := newPromiser(t, true)
	answer := func(now, sent time.Duration, s wire.Session, promise time.Duration) {
		p.watch.Answer(now, 2, &wire.ProbeAnswer{Session: s, Boot: 7, Sent: sent, Promise: promise})
	}
	want := func(s wire.Session, until time.Duration) {
		t.Helper()
		if got := p.watch.Promises()[2]; got != (replica.Promise{Session: s, Until: until}) {
			t.Errorf("got %v, want %v until %v", got, s, until)
		}
	}
	const length = 237 * time.Millisecond // by a clock that differs by 1/100 from one that counts 240
	first, second := wire.Session{Boot: 5, Count: 1}, wire.Session{Boot: 5, Count: 2}
	answer(time.Second, 100, first, liveness.FirmPromise)
	want(first, 100+length)
	answer(time.Second, 90, first, liveness.FirmPromise) // late
	want(first, 100+length)
	answer(time.Second, 300, first, time.Hour) // longer than any that this program gives
	want(first, 300+length)
	answer(time.Second, 200, second, liveness.FirmPromise)
	want(second, 200+length)
	answer(time.Second, 400, first, liveness.FirmPromise) // of a session that is over
	want(second, 200+length)
	answer(time.Second, 500, second, 0) // not firm
	want(second, 200+length)
}

package liveness_test

import (
	"slices"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/liveness"
	"github.com/katakv/katakv/internal/wire"
)

// pair is node 1, which watches node 2 and node 3.
type pair struct {
	t     *testing.T
	watch *liveness.Watch
	now   time.Duration
}

func newPair(t *testing.T) *pair {
	w := liveness.New(liveness.Config{Boot: 7})
	w.SetPeers(0, []katakv.NodeID{3, 2})
	return &pair{t: t, watch: w}
}

// tick lets an interval pass, and answers the probes to some nodes in their boot.
func (p *pair) tick(boot katakv.BootID, answering ...katakv.NodeID) []liveness.Verdict {
	p.now += liveness.ProbeInterval
	p.watch.Tick(p.now)
	fx := p.watch.Effects()
	for _, f := range fx.Frames {
		probe := f.Message.(*wire.Probe)
		if probe.Boot != 7 {
			p.t.Errorf("a probe of boot %v, want 7", probe.Boot)
		}
		if slices.Contains(answering, f.To) {
			p.answer(p.now+time.Millisecond, f.To, boot, probe.Sent)
		}
	}
	return append(fx.Verdicts, p.watch.Effects().Verdicts...)
}

// answer lets a peer answer, in its boot, the probe that was sent at some time.
func (p *pair) answer(now time.Duration, from katakv.NodeID, boot katakv.BootID, sent time.Duration) {
	p.watch.Answer(now, from, &wire.ProbeAnswer{Session: wire.Session{Boot: boot, Count: 1}, Boot: 7, Sent: sent})
}

func (p *pair) want(got []liveness.Verdict, want ...liveness.Verdict) {
	p.t.Helper()
	if !slices.Equal(got, want) {
		p.t.Fatalf("at %v: got verdicts %v, want %v", p.now, got, want)
	}
}

func TestSilenceIsSuspicious(t *testing.T) {
	p := newPair(t)
	for range 20 {
		p.want(p.tick(1, 2, 3))
	}
	silent := p.now
	for p.now+liveness.ProbeInterval-silent <= liveness.DefaultPatience {
		p.want(p.tick(1, 2))
	}
	p.want(p.tick(1, 2), liveness.Verdict{Node: 3, Suspect: true})
	p.want(p.tick(1, 2))
	p.want(p.tick(1, 2, 3), liveness.Verdict{Node: 3})
}

func TestRefusedIsSuspiciousAtOnce(t *testing.T) {
	p := newPair(t)
	p.want(p.tick(1, 2, 3))
	before := p.now
	p.now += 10 * time.Millisecond
	p.watch.Refused(p.now, 2)
	p.watch.Refused(p.now, 9) // nobody we know
	p.want(p.watch.Effects().Verdicts, liveness.Verdict{Node: 2, Suspect: true})

	// An answer to a probe from before that is no sign of life now, one to a later probe is.
	p.answer(p.now, 2, 1, before)
	p.want(p.watch.Effects().Verdicts)
	p.want(p.tick(1, 2, 3), liveness.Verdict{Node: 2})
}

func TestNewBootEndsTheEarlierLife(t *testing.T) {
	p := newPair(t)
	p.want(p.tick(4, 2, 3))
	p.want(p.tick(5, 2), liveness.Verdict{Node: 2, Suspect: true}, liveness.Verdict{Node: 2})
	p.answer(p.now, 2, 4, p.now) // of the earlier life, late
	p.want(p.watch.Effects().Verdicts)
}

func TestAfterAPauseOfItsOwnNobodyIsSuspected(t *testing.T) {
	p := newPair(t)
	p.want(p.tick(1, 2, 3))
	p.now += 5 * time.Second
	p.want(p.tick(1))
	for silent := p.now; p.now+liveness.ProbeInterval-silent <= liveness.DefaultPatience; {
		p.want(p.tick(1))
	}
	p.want(p.tick(1), liveness.Verdict{Node: 2, Suspect: true}, liveness.Verdict{Node: 3, Suspect: true})
}

func TestAnswersThatCannotBe(t *testing.T) {
	p := newPair(t)
	p.want(p.tick(1))
	p.watch.Refused(p.now, 2)
	p.want(p.watch.Effects().Verdicts, liveness.Verdict{Node: 2, Suspect: true})
	for _, sent := range []time.Duration{p.now + time.Hour, -1} {
		p.answer(p.now, 2, 1, sent)
	}
	p.answer(p.now, 9, 1, p.now)
	p.watch.Answer(p.now, 2, &wire.ProbeAnswer{Session: wire.Session{Boot: 1}, Boot: 6, Sent: p.now}) // to an earlier life
	p.want(p.watch.Effects().Verdicts)
}

func TestPeersComeAndGo(t *testing.T) {
	p := newPair(t)
	p.watch.Refused(p.now, 2)
	p.want(p.watch.Effects().Verdicts, liveness.Verdict{Node: 2, Suspect: true})
	for range 5 {
		p.want(p.tick(1, 3))
	}
	p.watch.SetPeers(p.now, []katakv.NodeID{2, 4})
	for since := p.now; p.now+liveness.ProbeInterval-since <= liveness.DefaultPatience; {
		p.want(p.tick(1)) // 4 is new and has all the patience, 2 is suspected still
	}
	p.want(p.tick(1), liveness.Verdict{Node: 4, Suspect: true})
}

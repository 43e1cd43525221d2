package sim

import (
	"time"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
)

// processFaults concern processes, their processors and their clocks.
var processFaults = []faultKind{
	{"kill", 2 * time.Second, func(s *strike) {
		n := s.victim()
		n.Kill()
		s.revive(n)
	}},
	{"power", 2 * time.Second, func(s *strike) {
		n := s.victim()
		n.Crash()
		s.revive(n)
	}},
	{"crash-at-sync", time.Second, func(s *strike) {
		n := s.victim()
		n.CrashAt(pick(s.rng, crashBeforeSync, crashAfterSync))
		s.revive(n)
	}},
	{"crash-loop", 4 * time.Second, func(s *strike) { s.crashLoop(s.victim(), 2+s.rng.IntN(6)) }},
	{"power-of-all", 8 * time.Second, func(s *strike) {
		s.tell("the power fails everywhere")
		for _, n := range s.nodes {
			n.Crash()
		}
		for _, n := range s.nodes {
			s.revive(n)
		}
	}},
	{"pause", 3 * time.Second, func(s *strike) {
		n := s.victim()
		longest := 6 * time.Second
		if chance(s.rng, 0.1) {
			longest = 20 * time.Second
		}
		s.tell("%v is paused", n.id)
		n.Pause()
		s.later(50*time.Millisecond, longest, func() {
			s.tell("%v goes on", n.id)
			n.Resume()
		})
	}},
	{"slow-processor", 3 * time.Second, func(s *strike) {
		n := s.anyone()
		n.passDelay = between(s.rng, time.Millisecond, 60*time.Millisecond)
		s.tell("%v takes %v to begin a pass", n.id, n.passDelay)
		s.later(time.Second, 8*time.Second, func() { n.passDelay = normalPassDelay })
	}},
	{"clock", 2 * time.Second, func(s *strike) {
		n := s.anyone()
		const drift = million / 20
		jump := time.Duration(0)
		if chance(s.rng, 0.3) {
			jump = between(s.rng, 0, 10*time.Second)
		}
		rate := million + pick(s.rng, -drift, drift, s.rng.Int64N(2*drift+1)-drift)
		if s.opts.RequestRetention > 0 {
			jump = 0 // as if the node had slept, while the requests that it holds grew old
		}
		if s.leases() {
			// What leases assume: any two rates are within 1/100 of each other.
			rate, jump = million+(rate-million)/11, 0
		}
		if chance(s.rng, 0.5) {
			n.clock.wallOff = between(s.rng, -wallError, wallError)
		}
		s.tell("the clock of %v runs at %d ppm and jumps by %v, its wall clock is wrong by %v", n.id, rate, jump, n.clock.wallOff)
		n.clock.set(s.queue.now, rate, jump)
	}},
	{"terminate", 5 * time.Second, func(s *strike) {
		n := s.victim()
		n.Terminate()
		s.later(evacuateTime, 3*time.Second, n.Start)
	}},
	{"move-address", 3 * time.Second, func(s *strike) { s.moveAddress(s.anyone()) }},
}

// leases reports whether strong reads rest on clocks.
func (s *strike) leases() bool { return s.opts.StrongReads != placement.StrongReadsIndex }

// wallError is how wrong a wall clock is at most, in either direction.
const wallError = time.Hour

// revive starts a node again after a while, or so soon that what others sent to its earlier life still arrives.
func (s *strike) revive(n *Node) {
	if chance(s.rng, 0.4) {
		s.later(time.Millisecond, 20*time.Millisecond, n.Start)
		return
	}
	s.later(20*time.Millisecond, 4*time.Second, n.Start)
}

// crashLoop starts a node and lets it fail again, a few times.
func (s *strike) crashLoop(n *Node, times int) {
	n.Crash()
	s.later(time.Millisecond, 300*time.Millisecond, func() {
		n.Start()
		if times == 0 || !n.up {
			return
		}
		s.later(time.Millisecond, 500*time.Millisecond, func() { s.crashLoop(n, times-1) })
	})
}

// moveAddress lets a node tell the cluster a new address, as one does that starts elsewhere.
func (s *strike) moveAddress(n *Node) {
	if !n.up || n.paused {
		return
	}
	n.moves++
	change := placement.Change{UpdateNode: &placement.UpdateNode{ID: n.id, Addresses: addresses(int(n.id), n.moves)}}
	b := &router.Batch{Meta: true, Calls: []router.Call{{Operation: command.Operation{
		Kind: command.KindMapChange, Values: [][]byte{placement.EncodeChange(change)},
	}}}}
	n.Execute(b, func() { s.tell("%v asked for a new address: %v", n.id, b.Calls[0].Reply.Err) })
}

package sim

import "time"

// networkFaults concern links and connections.
var networkFaults = []faultKind{
	{"partition", 3 * time.Second, func(s *strike) {
		side := make([]bool, len(s.nodes))
		for i := range side {
			side[i] = chance(s.rng, 0.5)
		}
		s.tell("the network falls apart: %v", side)
		s.eachAcross(side, s.Cut)
		s.later(200*time.Millisecond, 8*time.Second, func() { s.eachAcross(side, s.Mend) })
	}},
	{"isolate", 3 * time.Second, func(s *strike) {
		i := int(s.victim().id) - 1
		s.tell("%v is isolated", s.nodes[i].id)
		s.Isolate(i)
		s.later(200*time.Millisecond, 8*time.Second, func() { s.Rejoin(i) })
	}},
	{"cut-pair", 2 * time.Second, func(s *strike) {
		a, b, ok := s.pair()
		if !ok {
			return
		}
		s.tell("%v and %v are cut off from each other", s.nodes[a].id, s.nodes[b].id)
		s.Cut(a, b)
		s.later(200*time.Millisecond, 8*time.Second, func() { s.Mend(a, b) })
	}},
	{"cut-one-way", 2 * time.Second, func(s *strike) {
		a, b, ok := s.pair()
		if !ok {
			return
		}
		s.tell("nothing gets from %v to %v", s.nodes[a].id, s.nodes[b].id)
		s.CutOneWay(a, b)
		s.later(200*time.Millisecond, 10*time.Second, func() { s.MendOneWay(a, b) })
	}},
	{"lag", 3 * time.Second, func(s *strike) {
		n := s.victim()
		lag := between(s.rng, 100*time.Millisecond, 3*time.Second)
		s.tell("%v hears everybody %v late", n.id, lag)
		s.network.lag[n.id] = lag
		s.later(time.Second, 8*time.Second, func() { delete(s.network.lag, n.id) })
	}},
	{"deaf", 4 * time.Second, func(s *strike) { s.halfIsolate("hears nobody", true) }},
	{"mute", 4 * time.Second, func(s *strike) { s.halfIsolate("is heard by nobody", false) }},
	{"flap", 5 * time.Second, func(s *strike) {
		if a, b, ok := s.pair(); ok {
			s.tell("the link between %v and %v flaps", s.nodes[a].id, s.nodes[b].id)
			s.flap(a, b, 4+s.rng.IntN(16))
		}
	}},
	{"reset", time.Second, func(s *strike) {
		if a, b, ok := s.pair(); ok {
			s.tell("the connections between %v and %v break", s.nodes[a].id, s.nodes[b].id)
			s.Reset(a, b)
		}
	}},
	{"loss", 5 * time.Second, func(s *strike) {
		s.network.now.Drop = 0.3 * s.rng.Float64()
		s.tell("%.0f %% of messages are lost", 100*s.network.now.Drop)
		s.later(time.Second, 6*time.Second, func() { s.network.now.Drop = s.network.normal.Drop })
	}},
	{"duplicates", 5 * time.Second, func(s *strike) {
		s.network.now.Duplicate = 0.1 * s.rng.Float64()
		s.later(time.Second, 6*time.Second, func() { s.network.now.Duplicate = s.network.normal.Duplicate })
	}},
	{"corrupt-snapshots", 2 * time.Second, func(s *strike) {
		s.network.now.Corrupt = 0.5 * s.rng.Float64()
		s.later(time.Second, 10*time.Second, func() { s.network.now.Corrupt = s.network.normal.Corrupt })
	}},
	{"delays", 5 * time.Second, func(s *strike) {
		now := &s.network.now
		now.Slow, now.SlowDelay = 0.3*s.rng.Float64(), between(s.rng, 10*time.Millisecond, 10*time.Second)
		s.tell("%.0f %% of messages take up to %v", 100*now.Slow, now.SlowDelay)
		s.later(time.Second, 6*time.Second, func() {
			now.Slow, now.SlowDelay = s.network.normal.Slow, s.network.normal.SlowDelay
		})
	}},
}

// eachAcross calls f for each pair of nodes on different sides.
func (s *strike) eachAcross(side []bool, f func(a, b int)) {
	for a := range s.nodes {
		for b := a + 1; b < len(s.nodes); b++ {
			if side[a] != side[b] {
				f(a, b)
			}
		}
	}
}

// halfIsolate cuts one direction between a node and all others.
func (s *strike) halfIsolate(what string, inward bool) {
	i := int(s.victim().id) - 1
	s.tell("%v %s", s.nodes[i].id, what)
	each := func(f func(from, to int)) {
		for j := range s.nodes {
			switch {
			case j == i:
			case inward:
				f(j, i)
			default:
				f(i, j)
			}
		}
	}
	each(s.CutOneWay)
	s.later(200*time.Millisecond, 8*time.Second, func() { each(s.MendOneWay) })
}

// flap cuts and mends a link a few times.
func (s *strike) flap(a, b, times int) {
	if times == 0 {
		return
	}
	s.Cut(a, b)
	s.later(20*time.Millisecond, 400*time.Millisecond, func() {
		s.Mend(a, b)
		s.later(20*time.Millisecond, 400*time.Millisecond, func() { s.flap(a, b, times-1) })
	})
}

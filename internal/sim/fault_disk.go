package sim

import "time"

// diskFaults concern disks. Those that lose a node for good strike only while a majority of every shard's replicas
// keeps its disks.
var diskFaults = []faultKind{
	{"slow-disk", 3 * time.Second, func(s *strike) {
		n := s.anyone()
		n.disk.slow = between(s.rng, 5*time.Millisecond, 300*time.Millisecond)
		s.tell("syncs of %v take up to %v", n.id, n.disk.slow)
		s.later(time.Second, 8*time.Second, func() { n.disk.slow = 0 })
	}},
	{"stalled-disk", 4 * time.Second, func(s *strike) {
		n := s.victim()
		stall := between(s.rng, 100*time.Millisecond, 5*time.Second)
		s.tell("the disk of %v stalls for %v", n.id, stall)
		n.disk.stalledUntil = s.queue.now + stall
	}},
	{"full-disk", 5 * time.Second, func(s *strike) {
		n := s.anyone()
		s.tell("the disk of %v is full", n.id)
		n.disk.fault = diskFull
		s.later(time.Second, 4*time.Second, func() {
			n.disk.fault = diskGood
			n.Start()
		})
	}},
	{"failing-disk", 8 * time.Second, func(s *strike) {
		n := s.victim()
		if !n.up || s.expendable() <= 0 {
			return
		}
		s.tell("syncs of %v fail", n.id)
		n.disk.fault, n.disk.suspect = diskBroken, true
		// The node must be gone by then. If it went on as if nothing had happened, this shows what it rests on.
		life := n.life
		s.later(100*time.Millisecond, 3*time.Second, func() {
			if n.up && n.life == life {
				n.disk.fault = diskGood
				n.Crash()
				n.Start()
			}
		})
	}},
	{"corrupt-log", 10 * time.Second, func(s *strike) {
		n := s.victim()
		if !n.up || n.paused || n.writing || n.disk.fault != diskGood || s.expendable() <= 0 {
			return
		}
		// Until a later batch says that it was synced, a damaged last batch cannot be told from a torn one.
		n.tidy()
		n.Crash()
		n.corrupt(s.rng)
		s.revive(n)
	}},
}

package client

import (
	"slices"

	"github.com/katakv/katakv"
)

// routes say which nodes hold which slots, as a client knows it. They are immutable.
type routes struct {
	epoch  katakv.Epoch
	ranges []SlotRange // ascending, covering every slot
	addrs  []string    // of every node, ascending
	// fetched counts the maps that were asked for; what a redirect taught in between does not.
	fetched int
}

func newRoutes(epoch katakv.Epoch, ranges []SlotRange) *routes {
	slices.SortFunc(ranges, func(a, b SlotRange) int { return int(a.First) - int(b.First) })
	r := &routes{epoch: epoch, ranges: ranges}
	r.collect()
	return r
}

func (r *routes) collect() {
	r.addrs = nil
	for i := range r.ranges {
		r.addrs = append(append(r.addrs, r.ranges[i].Leader), r.ranges[i].Followers...)
	}
	slices.Sort(r.addrs)
	r.addrs = slices.Compact(r.addrs)
}

// find returns the position of the range of a slot.
func (r *routes) find(slot katakv.Slot) int {
	i, _ := slices.BinarySearchFunc(r.ranges, slot, func(s SlotRange, slot katakv.Slot) int { return int(s.Last) - int(slot) })
	return i
}

// learn returns the routes after a redirect: addr leads the range of the slot.
func (r *routes) learn(slot katakv.Slot, addr string) *routes {
	i := r.find(slot)
	was := r.ranges[i]
	if was.Leader == addr {
		return r
	}
	learned := *r
	learned.ranges = slices.Clone(r.ranges)
	others := []string{was.Leader}
	for _, follower := range was.Followers {
		if follower != addr {
			others = append(others, follower)
		}
	}
	learned.ranges[i] = SlotRange{First: was.First, Last: was.Last, Leader: addr, Followers: others}
	learned.collect()
	return &learned
}

// replica returns the n-th of the nodes that hold the slots; the leader is number 0.
func (s *SlotRange) replica(n int) string {
	if n == 0 {
		return s.Leader
	}
	return s.Followers[n-1]
}

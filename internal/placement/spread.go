package placement

import (
	"slices"

	"github.com/katakv/katakv/internal/invariant"
)

// spread says on which nodes (positions in zones) each of shards shards has its replicas. zones[i] is the zone
// of node i. It guarantees, in this order:
//
//  1. the replicas of a shard are on distinct nodes;
//  2. no zone holds more replicas of a shard than it must: one each when there are enough zones;
//  3. the nodes' replicas are as level as 1 and 2 allow: within one of each other when the zones are even;
//  4. any two nodes share about equally many shards, so that what a lost node did falls to all others.
//
// It works in two steps. First each node's quota is chosen. Then shards are filled one by one. With m shards
// left to fill, quotas q, and at most c replicas a zone and shard, a filling exists exactly if
//
//	q[i] <= m for each node, sum of q over a zone <= c*m for each zone, sum of q = replicas*m
//
// (take the fraction q[i]/m of every shard; flows with integral bounds have integral solutions). So a shard must
// take the nodes and zones that would break this for m-1, and is free in the rest.
func spread(zones []string, shards, replicas int) [][]int {
	s := newSpreader(zones, shards, replicas)
	members := make([][]int, shards)
	for i := range members {
		members[i] = s.fill(shards - i)
	}
	return members
}

type spreader struct {
	replicas int
	zone     []int // of each node, numbered by first appearance
	zoneCap  int   // most replicas of one shard in one zone

	// What is still to be placed.
	quota     []int // by node
	zoneQuota []int // by zone

	pairs [][]int32 // how many shards two nodes share so far

	// The shard being filled.
	chosen     []int
	isChosen   []bool
	zoneChosen []int
}

func newSpreader(zones []string, shards, replicas int) *spreader {
	s := &spreader{replicas: replicas, quota: make([]int, len(zones)), isChosen: make([]bool, len(zones))}
	numbers := map[string]int{}
	sizes := []int{}
	for _, name := range zones {
		z, ok := numbers[name]
		if !ok {
			z = len(sizes)
			numbers[name] = z
			sizes = append(sizes, 0)
		}
		sizes[z]++
		s.zone = append(s.zone, z)
		s.pairs = append(s.pairs, make([]int32, len(zones)))
	}
	s.zoneCap = smallestZoneCap(sizes, replicas)
	s.zoneQuota = make([]int, len(sizes))
	s.zoneChosen = make([]int, len(sizes))
	s.setQuotas(shards)
	return s
}

// smallestZoneCap returns the least c for which min(c, size) over all zones holds all replicas of a shard.
func smallestZoneCap(sizes []int, replicas int) int {
	for c := 1; ; c++ {
		room := 0
		for _, size := range sizes {
			room += min(c, size)
		}
		if room >= replicas {
			return c
		}
		invariant.Check(c < replicas, "%d replicas do not fit on nodes in zones of %v", replicas, sizes)
	}
}

// setQuotas hands out shards*replicas places, each to the node that has least and may have more.
func (s *spreader) setQuotas(shards int) {
	for range shards * s.replicas {
		best := -1
		for i, q := range s.quota {
			open := q < shards && s.zoneQuota[s.zone[i]] < s.zoneCap*shards
			if open && (best < 0 || q < s.quota[best]) {
				best = i
			}
		}
		s.quota[best]++
		s.zoneQuota[s.zone[best]]++
	}
}

// fill chooses the nodes of the next shard; left counts the shards not yet filled, this one included. The
// result is ascending.
func (s *spreader) fill(left int) []int {
	s.chosen = nil
	clear(s.isChosen)
	clear(s.zoneChosen)
	for i, q := range s.quota {
		if q == left {
			s.choose(i)
		}
	}
	for z, q := range s.zoneQuota {
		for must := q - s.zoneCap*(left-1); s.zoneChosen[z] < must; {
			s.choose(s.best(func(i int) bool { return s.zone[i] == z }))
		}
	}
	for len(s.chosen) < s.replicas {
		s.choose(s.best(func(i int) bool { return s.zoneChosen[s.zone[i]] < s.zoneCap }))
	}
	invariant.Check(len(s.chosen) == s.replicas, "shard has %d nodes, want %d", len(s.chosen), s.replicas)
	for _, i := range s.chosen {
		s.quota[i]--
		s.zoneQuota[s.zone[i]]--
	}
	slices.Sort(s.chosen)
	return s.chosen
}

func (s *spreader) choose(i int) {
	for _, other := range s.chosen {
		s.pairs[i][other]++
		s.pairs[other][i]++
	}
	s.chosen = append(s.chosen, i)
	s.isChosen[i] = true
	s.zoneChosen[s.zone[i]]++
}

// best returns the allowed node with the largest quota left; of equals the one that shares the fewest shards
// with those already chosen, then the first.
func (s *spreader) best(allowed func(int) bool) int {
	best, bestShared := -1, int32(0)
	for i, q := range s.quota {
		if q == 0 || s.isChosen[i] || !allowed(i) || best >= 0 && q < s.quota[best] {
			continue
		}
		shared := int32(0)
		for _, other := range s.chosen {
			shared += s.pairs[i][other]
		}
		if best < 0 || q > s.quota[best] || shared < bestShared {
			best, bestShared = i, shared
		}
	}
	invariant.Check(best >= 0, "no node left for a shard with %d of %d replicas", len(s.chosen), s.replicas)
	return best
}

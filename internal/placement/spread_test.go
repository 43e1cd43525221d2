package placement

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/katakv/katakv"
)

// zonesOf spreads n nodes over zones of the given sizes, in turn.
func zonesOf(sizes ...int) []string {
	var zones []string
	for z, size := range sizes {
		for range size {
			zones = append(zones, fmt.Sprintf("z%d", z))
		}
	}
	return zones
}

func TestSpreadIsLevelWithoutZones(t *testing.T) {
	for nodes := 1; nodes <= 17; nodes++ {
		for _, shards := range []int{1, 2, 3, 5, 7, 12, 48, 49, 64, 100} {
			for replicas := 1; replicas <= min(nodes, katakv.MaxReplicas); replicas++ {
				checkSpread(t, make([]string, nodes), shards, replicas)
			}
		}
	}
}

func TestSpreadOverDrawnZones(t *testing.T) {
	for seed := uint64(1); seed <= 300; seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		sizes := make([]int, 1+rng.IntN(6))
		for i := range sizes {
			sizes[i] = 1 + rng.IntN(5)
		}
		zones := zonesOf(sizes...)
		rng.Shuffle(len(zones), func(i, j int) { zones[i], zones[j] = zones[j], zones[i] })
		shards := 1 + rng.IntN(60)
		replicas := 1 + rng.IntN(min(len(zones), katakv.MaxReplicas))
		t.Logf("seed %d: zones %v, %d shards, %d replicas", seed, sizes, shards, replicas)
		checkSpread(t, zones, shards, replicas)
	}
}

// checkSpread places shards and holds the result against the guarantees of spread and balanceLeaders.
func checkSpread(t *testing.T, zones []string, shards, replicas int) {
	t.Helper()
	name := fmt.Sprintf("zones %v, %d shards, %d replicas", zones, shards, replicas)
	members := spread(zones, shards, replicas)
	sizes := map[string]int{}
	for _, z := range zones {
		sizes[z]++
	}
	zoneCap := 1
	for room := 0; ; zoneCap++ {
		room = 0
		for _, size := range sizes {
			room += min(zoneCap, size)
		}
		if room >= replicas {
			break
		}
	}
	load := make([]int, len(zones))
	for shard, nodes := range members {
		if len(nodes) != replicas {
			t.Fatalf("%s: shard %d: got %d replicas", name, shard, len(nodes))
		}
		inZone := map[string]int{}
		for i, n := range nodes {
			if i > 0 && n <= nodes[i-1] {
				t.Fatalf("%s: shard %d: nodes %v are not distinct and ascending", name, shard, nodes)
			}
			load[n]++
			if inZone[zones[n]]++; inZone[zones[n]] > zoneCap {
				t.Fatalf("%s: shard %d: nodes %v have %d replicas in one zone, want at most %d", name, shard, nodes, inZone[zones[n]], zoneCap)
			}
		}
	}
	checkLevel(t, name, zones, load, func(a, b int) bool {
		// Moving a replica from a to b may only be possible when b's zone has room in some shard.
		return zoneLoad(zones, load, zones[b]) < zoneCap*shards || zones[a] == zones[b]
	})
	leaders := balanceLeaders(len(zones), members)
	checkLeaders(t, name, members, leaders, load, replicas, len(zones))
}

func zoneLoad(zones []string, load []int, zone string) int {
	sum := 0
	for i, z := range zones {
		if z == zone {
			sum += load[i]
		}
	}
	return sum
}

// checkLevel fails when a node could give a replica to one with at least two fewer.
func checkLevel(t *testing.T, name string, zones []string, load []int, possible func(from, to int) bool) {
	t.Helper()
	for a := range zones {
		for b := range zones {
			if load[a]-load[b] > 1 && possible(a, b) {
				t.Fatalf("%s: replicas per node %v: node %d could give one to node %d", name, load, a, b)
			}
		}
	}
}

func checkLeaders(t *testing.T, name string, members [][]int, leaders, load []int, replicas, nodes int) {
	t.Helper()
	led := make([]int, nodes)
	for shard, leader := range leaders {
		found := false
		for _, n := range members[shard] {
			found = found || n == leader
		}
		if !found {
			t.Fatalf("%s: shard %d: leader %d is not among %v", name, shard, leader, members[shard])
		}
		led[leader]++
	}
	lowest, highest := load[0], load[0]
	leastLed, mostLed := led[0], led[0]
	for i := range load {
		lowest, highest = min(lowest, load[i]), max(highest, load[i])
		leastLed, mostLed = min(leastLed, led[i]), max(mostLed, led[i])
	}
	if highest-lowest <= 1 && mostLed-leastLed > 1 {
		t.Fatalf("%s: replicas %v are level but leaders %v are not", name, load, led)
	}
}

func TestSpreadOverEvenZonesIsLevel(t *testing.T) {
	for _, c := range []struct {
		sizes    []int
		replicas int
	}{
		{[]int{1, 1, 1}, 3},
		{[]int{2, 2, 2}, 3},
		{[]int{3, 3, 3}, 5},
		{[]int{4, 4}, 3},
		{[]int{1, 1, 1, 1, 1}, 3},
	} {
		for shards := 1; shards < 60; shards++ {
			zones := zonesOf(c.sizes...)
			load := make([]int, len(zones))
			for _, nodes := range spread(zones, shards, c.replicas) {
				for _, n := range nodes {
					load[n]++
				}
			}
			checkLevel(t, fmt.Sprint(c.sizes, shards), zones, load, func(int, int) bool { return true })
		}
	}
}

// A node that is lost leaves its work to all others, not to two of them.
func TestSpreadPairsEveryTwoNodes(t *testing.T) {
	for nodes := 4; nodes <= 10; nodes++ {
		pairs := map[[2]int]int{}
		for _, members := range spread(make([]string, nodes), 49, 3) {
			for i, a := range members {
				for _, b := range members[i+1:] {
					pairs[[2]int{a, b}]++
				}
			}
		}
		fair := 49 * 3 / (nodes * (nodes - 1) / 2)
		for a := range nodes {
			for b := a + 1; b < nodes; b++ {
				if got := pairs[[2]int{a, b}]; got < fair/2 || got > 2*fair+1 {
					t.Errorf("%d nodes: nodes %d and %d share %d shards, want about %d", nodes, a, b, got, fair)
				}
			}
		}
	}
}

// Two overloaded members and one idle node that only a chain reaches.
func TestBalanceLeadersFollowsChains(t *testing.T) {
	members := [][]int{{0}, {0}, {0, 1}, {0, 1}, {1, 2}, {1, 2}, {0, 1}, {1, 2}}
	led := make([]int, 3)
	for _, n := range balanceLeaders(3, members) {
		led[n]++
	}
	for i, got := range led {
		if got < 2 || got > 3 {
			t.Errorf("node %d leads %d of %v, want 2 or 3", i, got, led)
		}
	}
}

func BenchmarkBootstrapLargest(b *testing.B) {
	for b.Loop() {
		if _, err := Bootstrap(1, make([]Node, katakv.MaxNodes), katakv.MaxShards, Settings{Replicas: 3}); err != nil {
			b.Fatal(err)
		}
	}
}

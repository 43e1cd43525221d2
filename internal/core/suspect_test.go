package core_test

import (
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// leads returns how many shards each core leads.
func (h *harness) leads() []int {
	var n []int
	for _, c := range h.cores {
		n = append(n, c.Leading())
	}
	return n
}

// among lets only some cores work, so that the others seem dead.
func (h *harness) among(cores []int) {
	h.t.Helper()
	for range 100 {
		for _, i := range cores {
			if h.cores[i].HasWork() {
				h.carryAmong(i, cores, h.pass(i))
			}
		}
	}
}

func TestSuspectedLeadersAreReplacedAtOnce(t *testing.T) {
	h := newHarness(t, 3, 6)
	h.elect()
	dead := h.leader(1)
	others := []int{(dead + 1) % 3, (dead + 2) % 3}
	// One after the other comes to suspect it: the first candidates ask before the other would vote, and once more a
	// tick later.
	for _, i := range others {
		h.cores[i].Suspect(h.m.Nodes[dead].ID)
		h.among(others)
	}
	for range 2 {
		for _, i := range others {
			h.cores[i].Tick()
			h.among(others)
		}
	}
	after := h.leads()
	if got, want := after[others[0]]+after[others[1]], len(h.m.Shards); got != want {
		t.Errorf("the others lead %d of %d shards", got, want)
	}
}

func TestSuspicionOfOneNodeAloneChangesNothing(t *testing.T) {
	h := newHarness(t, 3, 3)
	h.elect()
	before := h.leads()
	suspicious := (h.leader(1) + 1) % 3
	for range 50 {
		h.cores[suspicious].Suspect(h.m.Nodes[h.leader(1)].ID)
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
	}
	for i, n := range h.leads() {
		if n != before[i] {
			t.Errorf("core %d leads %d shards, %d before", i, n, before[i])
		}
	}
	h.done = nil
	h.cores[h.leader(1)].Submit(h.request(1, command.KindIncrBy))
	h.settle()
	if d := h.take(1)[0]; d.Err != nil {
		t.Errorf("a write was refused: %v", d.Err)
	}
}

func TestTrustIsGivenBack(t *testing.T) {
	h := newHarness(t, 3, 3)
	h.elect()
	for _, c := range h.cores {
		for i := range h.m.Nodes {
			c.Suspect(h.m.Nodes[i].ID)
			c.Trust(h.m.Nodes[i].ID)
		}
		c.Suspect(katakv.NodeID(99)) // nobody's
	}
	h.settle()
	h.elect()
}

func TestStalledLeaderHandsItsShardsAway(t *testing.T) {
	h := newHarness(t, 3, 3)
	h.elect()
	stalled := h.leader(1)
	h.cores[stalled].SetStalled(true)
	for range 5 {
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
	}
	if n := h.cores[stalled].Leading(); n != 0 {
		t.Errorf("a core whose disk stalls leads %d shards", n)
	}
	h.cores[stalled].SetStalled(false)
	h.elect()
}

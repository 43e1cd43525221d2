package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/katakv/katakv/internal/faultnet"
)

// cutPair keeps two nodes from hearing each other, or a second pair too.
func cutPair(ctx context.Context, h *hand) error {
	for range 1 + h.rng.IntN(2) {
		a, b := h.anyPair()
		end := h.faults.begin(FaultCut, 0, "nodes %d and %d", a, b)
		defer end()
		if err := h.network.Cut(a, b); err != nil {
			return err
		}
	}
	h.sleep(ctx, 0.5, 6)
	return h.network.Heal()
}

// cutOneWay keeps a node from hearing another one, or all others.
func cutOneWay(ctx context.Context, h *hand) error {
	from, to := h.anyPair()
	targets := []int{to}
	text := fmt.Sprintf("node %d does not hear node %d", to, from)
	if h.chance(30) {
		targets = nil
		for _, n := range h.cluster.Nodes {
			if n.ID != from {
				targets = append(targets, n.ID)
			}
		}
		text = fmt.Sprintf("no node hears node %d", from)
	}
	end := h.faults.begin(FaultOneWay, 0, "%s", text)
	defer end()
	for _, to := range targets {
		if err := h.network.CutOneWay(from, to); err != nil {
			return err
		}
	}
	h.sleep(ctx, 0.5, 8)
	return h.network.Heal()
}

// isolateLeader cuts the leader of a random shard off: from the other nodes, or from the clients too.
func isolateLeader(ctx context.Context, h *hand) error {
	n := h.leaderOf(ctx, h.anyShard())
	if n == nil {
		return nil
	}
	isolate, from := h.network.Isolate, "the other nodes"
	if h.chance(30) {
		isolate, from = h.network.IsolateAll, "everyone"
	}
	end := h.faults.begin(FaultIsolate, n.ID, "node %d from %s", n.ID, from)
	defer end()
	if err := isolate(n.ID); err != nil {
		return err
	}
	h.sleep(ctx, 0.5, 8)
	return h.network.Heal()
}

// flap cuts and mends a link many times, or resets the connections of a node.
func flap(ctx context.Context, h *hand) error {
	if h.chance(40) {
		return resetConnections(ctx, h)
	}
	a, b := h.anyPair()
	end := h.faults.begin(FaultCut, 0, "the link of nodes %d and %d flaps", a, b)
	defer end()
	for range 3 + h.rng.IntN(10) {
		if err := h.network.Cut(a, b); err != nil {
			return err
		}
		h.sleep(ctx, 0.02, 0.4)
		if err := h.network.Mend(a, b); err != nil {
			return err
		}
		if !h.sleep(ctx, 0.02, 0.4) {
			return nil
		}
	}
	return nil
}

func resetConnections(ctx context.Context, h *hand) error {
	a, b := h.anyPair()
	ends, text := []int{b}, fmt.Sprintf("the connections of nodes %d and %d", a, b)
	if h.chance(40) {
		ends, text = nil, fmt.Sprintf("all connections of node %d", a)
	}
	end := h.faults.begin(FaultReset, 0, "%s", text)
	defer end()
	if err := h.network.Reject(a, ends...); err != nil {
		return err
	}
	h.sleep(ctx, 0.05, 0.8)
	return h.network.Heal()
}

// badLinks are what a network can be like; each of them is worse than what a cluster should be run on.
var badLinks = []struct {
	text string
	link faultnet.Link
}{
	{"15-45 ms each way", faultnet.Link{Delay: 15 * time.Millisecond, Jitter: 30 * time.Millisecond}},
	{"80-120 ms each way", faultnet.Link{Delay: 80 * time.Millisecond, Jitter: 40 * time.Millisecond}},
	{"2 % loss", faultnet.Link{Loss: 0.02}},
	{"10 % loss", faultnet.Link{Loss: 0.10}},
	{"20 % out of order, 10 % twice", faultnet.Link{Reorder: 0.2, Duplicate: 0.1, Jitter: 2 * time.Millisecond}},
	{"5-25 ms, 5 % loss, 5 % out of order", faultnet.Link{
		Delay: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.05, Reorder: 0.05,
	}},
}

// degrade makes all links bad, or those of one node; sometimes the way of the clients too.
func degrade(ctx context.Context, h *hand) error {
	bad := badLinks[h.rng.IntN(len(badLinks))]
	host := h.chance(25)
	if h.chance(50) {
		end := h.faults.begin(FaultDegrade, 0, "all links: %s", bad.text)
		defer end()
		if err := h.network.SetLinks(bad.link, host); err != nil {
			return err
		}
	} else {
		node := 1 + h.rng.IntN(len(h.cluster.Nodes))
		end := h.faults.begin(FaultDegrade, node, "the links of node %d: %s", node, bad.text)
		defer end()
		for _, n := range h.cluster.Nodes {
			if n.ID == node {
				continue
			}
			if err := h.network.SetLink(node, n.ID, bad.link); err != nil {
				return err
			}
			if err := h.network.SetLink(n.ID, node, bad.link); err != nil {
				return err
			}
		}
	}
	h.sleep(ctx, 2, 10)
	return h.network.Heal()
}

package chaos

import (
	"context"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/localcluster"
)

// killOne kills a random node and starts it again.
func killOne(ctx context.Context, h *hand) error { return h.fellOne(ctx, h.kill, 2.5, 60) }

// fellOne fells a random node and starts it again after at most so many seconds.
func (h *hand) fellOne(ctx context.Context, fell func(*localcluster.Node) error, most float64, ready int) error {
	n := h.anyNode()
	if n == nil {
		return h.startAll(ctx)
	}
	if err := fell(n); err != nil {
		return err
	}
	h.sleep(ctx, 0.05, most)
	return h.restart(ctx, n, ready)
}

// restart starts a node that fell and, in so many of a hundred cases, waits until it is ready. In the others the next
// one may fall before this one has caught up.
func (h *hand) restart(ctx context.Context, n *localcluster.Node, ready int) error {
	if err := h.start(n); err != nil {
		return err
	}
	if h.chance(ready) {
		h.awaitReady(ctx, n)
	}
	return nil
}

// killLeader kills the leader of the hand's shard and starts it again once another leads, or after some seconds.
func killLeader(ctx context.Context, h *hand) error {
	const patience = 4 * time.Second
	n := h.leaderOf(ctx, h.target)
	if n == nil {
		return h.startAll(ctx)
	}
	if err := h.kill(n); err != nil {
		return err
	}
	for deadline := clock.Monotonic() + patience; clock.Monotonic() < deadline; {
		if next := h.leader(ctx, h.target, n.ID); next != nil && next != n {
			break
		}
		if !h.sleep(ctx, 0.05, 0.1) {
			break
		}
	}
	h.sleep(ctx, 0, 0.5)
	return h.restart(ctx, n, 75)
}

// killAll kills all nodes at once and starts them again.
func killAll(ctx context.Context, h *hand) error {
	if err := together(h.running(), h.kill); err != nil {
		return err
	}
	h.sleep(ctx, 0, 1)
	return h.startAll(ctx)
}

// startAll starts all nodes in any order and waits for a while.
func (h *hand) startAll(ctx context.Context) error {
	for _, i := range h.rng.Perm(len(h.cluster.Nodes)) {
		if err := h.start(h.cluster.Nodes[i]); err != nil {
			return err
		}
		h.sleep(ctx, 0, 0.4)
	}
	for _, n := range h.running() {
		h.awaitReady(ctx, n)
	}
	return nil
}

// pauseLeader lets the leader of a random shard stand still.
func pauseLeader(ctx context.Context, h *hand) error {
	n := h.leaderOf(ctx, h.anyShard())
	if n == nil {
		return h.startAll(ctx)
	}
	resume, err := h.pause(n)
	if err != nil {
		return err
	}
	if h.chance(50) {
		h.sleep(ctx, 0.5, 2)
	} else {
		h.sleep(ctx, 1, 8)
	}
	return resume()
}

// rollingRestart restarts all nodes in order, each once the one before is ready.
func rollingRestart(ctx context.Context, h *hand) error {
	for _, n := range h.cluster.Nodes {
		if err := h.terminate(n); err != nil {
			return err
		}
		if err := h.start(n); err != nil {
			return err
		}
		h.awaitReady(ctx, n)
		if !h.sleep(ctx, 0.1, 1) {
			return nil
		}
	}
	return nil
}

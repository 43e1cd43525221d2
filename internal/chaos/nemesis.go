package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/localcluster"
)

// nemesis hurts the stage by its generator until ctx ends. It may leave things broken: healing is not its business.
// An error means that the harness failed, not the cluster.
type nemesis func(ctx context.Context, h *hand) error

// hand is what a nemesis does its work with. It belongs to one goroutine.
type hand struct {
	*stage
	rng    *rand.Rand
	target katakv.ShardID // the shard that a nemesis is after that has one
}

// newHand returns a hand with a generator of its own. Salt tells several hands of one run apart.
func (st *stage) newHand(seed, salt uint64) *hand {
	h := &hand{stage: st, rng: rand.New(rand.NewPCG(seed, salt))}
	h.target = h.anyShard()
	return h
}

// repeat does step again and again, with pauses between (in seconds).
func repeat(step nemesis, least, most float64) nemesis {
	return func(ctx context.Context, h *hand) error {
		for h.sleep(ctx, least, most) {
			if err := step(ctx, h); err != nil {
				return err
			}
		}
		return nil
	}
}

// oneOf does a random one of some steps each time.
func oneOf(steps ...nemesis) nemesis {
	return func(ctx context.Context, h *hand) error { return steps[h.rng.IntN(len(steps))](ctx, h) }
}

// mixed lets two hands work at the same time: one on processes and disks, one on the network.
func mixed(ctx context.Context, h *hand) error {
	hard := repeat(oneOf(
		killOne, killLeader, pauseLeader, cutPowerOfOne, cutPowerOfOne, killAll, cutPowerOfAll, fillDisk, rollingRestart,
	), 0.5, 3)
	soft := repeat(oneOf(cutPair, cutOneWay, isolateLeader, flap, degrade), 0.5, 4)
	other := h.newHand(h.rng.Uint64(), 1)
	var group sync.WaitGroup
	var failed error
	group.Go(func() { failed = soft(ctx, other) })
	err := hard(ctx, h)
	group.Wait()
	return errors.Join(err, failed)
}

// sleep waits between least and most seconds; false means that ctx ended.
func (h *hand) sleep(ctx context.Context, least, most float64) bool {
	d := time.Duration((least + h.rng.Float64()*(most-least)) * float64(time.Second))
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// chance is true in so many of a hundred cases.
func (h *hand) chance(percent int) bool { return h.rng.IntN(100) < percent }

// anyNode returns a node that runs; nil when none does.
func (h *hand) anyNode() *localcluster.Node {
	nodes := h.running()
	if len(nodes) == 0 {
		return nil
	}
	return nodes[h.rng.IntN(len(nodes))]
}

// anyPair returns the numbers of two nodes.
func (h *hand) anyPair() (a, b int) {
	count := len(h.cluster.Nodes)
	a = h.rng.IntN(count)
	b = (a + 1 + h.rng.IntN(count-1)) % count
	return a + 1, b + 1
}

// anyShard returns a shard that holds data: they are numbered from 1.
func (h *hand) anyShard() katakv.ShardID { return katakv.ShardID(1 + h.rng.IntN(chaosShards)) }

// leaderOf returns the leader of a shard, or else any node.
func (h *hand) leaderOf(ctx context.Context, shard katakv.ShardID) *localcluster.Node {
	if n := h.leader(ctx, shard, 0); n != nil {
		return n
	}
	return h.anyNode()
}

// awaitReady waits until a node knows all leaders, or for some seconds, or until ctx ends: whether it comes up in the
// end is judged after healing.
func (h *hand) awaitReady(ctx context.Context, n *localcluster.Node) {
	const patience = 8 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = n.WaitReady(ctx)
}

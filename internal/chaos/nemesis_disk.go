package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/faultfs"
	"github.com/katakv/katakv/internal/localcluster"
)

// cutPowerOfOne takes the power from a random node for a while.
func cutPowerOfOne(ctx context.Context, h *hand) error { return h.fellOne(ctx, h.cutPower, 2, 70) }

// cutPowerOfAll takes the power from all nodes at once.
func cutPowerOfAll(ctx context.Context, h *hand) error {
	if err := together(h.cluster.Nodes, h.cutPower); err != nil {
		return err
	}
	h.sleep(ctx, 0, 1)
	return h.startAll(ctx)
}

// fillDisk fills a node's disk, so far that it must refuse writes or so far that it must stop, and frees it.
func fillDisk(ctx context.Context, h *hand) error {
	n := h.anyNode()
	if n == nil {
		return h.startAll(ctx)
	}
	var dark bool
	h.change(n.ID, func(c *condition) {
		if dark = c.dark; !dark {
			c.excused = true
		}
	})
	if dark {
		return nil
	}
	leave := []int64{0, 4 << 20, 60 << 20}[h.rng.IntN(3)]
	end := h.faults.begin(FaultDiskFull, n.ID, "node %d has %d MiB left", n.ID, leave>>20)
	defer end()
	disk := h.disks[n.ID-1]
	if err := disk.Fill(leave); err != nil {
		return err
	}
	h.sleep(ctx, 2, 8)
	if err := disk.Free(); err != nil {
		return err
	}
	h.sleep(ctx, 0.5, 1.5) // it may be about to stop still
	h.change(n.ID, func(c *condition) { c.excused = false })
	if err := h.start(n); err != nil {
		return err
	}
	h.awaitReady(ctx, n)
	return nil
}

// slowDisk makes the syncs of one node or of all slow, or lets those of one node hang.
func slowDisk(ctx context.Context, h *hand) error {
	nodes := h.cluster.Nodes
	text := "all nodes"
	node := 0
	if h.chance(65) {
		n := nodes[h.rng.IntN(len(nodes))]
		nodes, node, text = []*localcluster.Node{n}, n.ID, fmt.Sprintf("node %d", n.ID)
	}
	faults := faultfs.Faults{SyncDelay: h.upTo(20, 300), SyncJitter: h.upTo(0, 200)}
	what := "syncs take up to " + (faults.SyncDelay + faults.SyncJitter).Round(time.Millisecond).String()
	if node != 0 && h.chance(40) {
		faults, what = faultfs.Faults{StallSyncs: true}, "syncs hang"
	}
	end := h.faults.begin(FaultSlowDisk, node, "%s: %s", text, what)
	defer end()
	for _, n := range nodes {
		h.mounts[n.ID-1].Set(faults)
	}
	h.sleep(ctx, 1, 7)
	for _, n := range nodes {
		h.mounts[n.ID-1].Clear()
	}
	return nil
}

// upTo returns a time between least and most milliseconds.
func (h *hand) upTo(least, most int) time.Duration {
	return time.Duration(least+h.rng.IntN(most-least)) * time.Millisecond
}

// failSyncs lets a sync fail on one node and, later, on a second one. Each must stop, and refuse to start again. In
// between the rest loses leaders for a while; after the second loss there is nobody left to spare.
func failSyncs(ctx context.Context, h *hand) error {
	const pauses = 4
	for round := range 2 {
		if !h.sleep(ctx, 3, 8) {
			return nil
		}
		n := h.anyNode()
		if n == nil {
			return nil
		}
		if err := h.failSync(ctx, n); err != nil {
			return err
		}
		for range pauses * (1 - round) {
			if !h.sleep(ctx, 2, 5) {
				return nil
			}
			if err := pauseLeader(ctx, h); err != nil {
				return err
			}
		}
	}
	return nil
}

// failSync makes one sync of a node fail, as a disk does that loses what it was given.
func (h *hand) failSync(ctx context.Context, n *localcluster.Node) error {
	const patience = 3 * time.Second // as long as it runs it may lead shards, which then take no writes
	h.change(n.ID, func(c *condition) { c.excused, c.lost = true, true })
	h.faults.begin(FaultSyncError, n.ID, "node %d", n.ID)
	mount := h.mounts[n.ID-1]
	mount.Set(faultfs.Faults{FailSyncs: 1, DropUnsynced: true})
	select {
	case <-n.Done():
	case <-ctx.Done():
	case <-clock.After(patience):
		h.tally.violate("node %d runs still, %v after a sync failed", n.ID, patience)
		return nil
	}
	mount.Clear()
	if n.Running() {
		<-clock.After(time.Second) // the scenario was over as the sync failed
		return nil
	}
	return h.refusesToStart(n)
}

// refusesToStart starts a node whose disk has failed: it must end at once and name the way back.
func (h *hand) refusesToStart(n *localcluster.Node) error {
	const patience = 10 * time.Second
	if err := n.Start(); err != nil {
		return err
	}
	select {
	case <-n.Done():
	case <-clock.After(patience):
		h.tally.violate("node %d starts again although a sync of its disk failed", n.ID)
		return unlessEnded(n, n.Kill())
	}
	if log := n.LogTail(); !strings.Contains(log, "let the node rejoin the cluster as a new one") {
		h.tally.violate("node %d refuses to start after a failed sync without naming the way back:\n%s", n.ID, log)
	}
	h.faults.say("node %d refuses to start again, as it must", n.ID)
	return nil
}

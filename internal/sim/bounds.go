package sim

import (
	"errors"

	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/core"
)

// bounds are the limits that a node must keep to in memory.
type bounds struct {
	check.Bounds
	window, sending, waiting *check.Bound
}

// Limits that follow from those of the product, with what it may hold beyond them.
const (
	// mostUncommitted is what a leader may hold beyond its window for each shard: entries that are not committed,
	// applied or flushed yet, among them the largest that clients here send.
	mostUncommitted = 20 << 20
	// windowSlack is how far a window may grow while a snapshot is on its way.
	windowSlack = 4
	// mostSnapshots is how many snapshots a core sends at a time.
	mostSnapshots = 4
	// mostBatches is how many log batches may wait for a disk that stalls for as long as the simulator lets it: one
	// for each pass.
	mostBatches = 100_000
)

func newBounds(c *Cluster) *bounds {
	b := &bounds{}
	b.window = b.Limit("log entries in memory of a replica, bytes", int64(c.opts.WindowBytes)*windowSlack+mostUncommitted)
	b.sending = b.Limit("snapshots that a node sends at a time", mostSnapshots)
	b.waiting = b.Limit("log batches that wait for a node's disk", mostBatches)
	return b
}

// observe looks at a node and its replicas.
func (b *bounds) observe(n *Node, rows []core.Status) error {
	errs := []error{b.sending.Observe(int64(len(n.sending))), b.waiting.Observe(int64(len(n.waiting)))}
	for i := range rows {
		errs = append(errs, b.window.Observe(int64(rows[i].WindowBytes)))
	}
	return errors.Join(errs...)
}

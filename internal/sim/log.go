package sim

import (
	"fmt"
	"time"

	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/raftlog"
)

// logged is a log batch on its way to the disk, and what the witness noted of it.
type logged struct {
	batch *raftlog.Batch
	seq   uint64
	noted []noted
}

func batchesOf(list []logged) []*raftlog.Batch {
	batches := make([]*raftlog.Batch, len(list))
	for i := range list {
		batches[i] = list[i].batch
	}
	return batches
}

// write syncs everything that waits for the log, unless a sync is under way.
func (n *Node) write() {
	if n.writing || len(n.waiting) == 0 {
		return
	}
	n.writing, n.inflight, n.waiting = true, n.waiting, nil
	n.began = n.now()
	n.after(n.disk.syncTime(), kindSync, n.synced)
}

// synced is the end of a sync.
func (n *Node) synced() {
	if n.reach(crashBeforeSync) {
		return
	}
	done := n.inflight
	n.writing, n.inflight = false, nil
	if err := n.log.Append(batchesOf(done)); err != nil {
		n.diskFailed(fmt.Errorf("append to the raft log: %w", err))
		return
	}
	n.cluster.witness.synced(done)
	if n.reach(crashAfterSync) {
		return
	}
	n.core.LogDurable(done[len(done)-1].seq)
	n.wake()
	n.write()
}

// stallLimit is a node's: how long a sync may take before the node hands away what it leads.
const stallLimit = time.Second

func (n *Node) stalled() bool { return n.writing && n.now()-n.began > stallLimit }

// tidy lets an idle log put itself in order.
func (n *Node) tidy() {
	if n.writing {
		return
	}
	if err := n.log.Tidy(); err != nil {
		n.diskFailed(fmt.Errorf("tidy the raft log: %w", err))
	}
}

// flushLater makes the state durable from time to time and lets the log forget what it then holds.
func (n *Node) flushLater() {
	interval := n.cluster.opts.FlushInterval
	n.after(between(n.cluster.rng, interval/2, 2*interval), kindFlush, func() {
		if !n.writing { // the log has one writer
			n.flush()
		}
		if n.up {
			n.flushLater()
		}
	})
}

func (n *Node) flush() {
	if err := n.disk.engine.Flush(); err != nil {
		n.diskFailed(fmt.Errorf("flush the state engine: %w", err))
		return
	}
	if n.reach(crashAfterSync) {
		return
	}
	if err := n.forget(); err != nil {
		n.diskFailed(fmt.Errorf("release the log: %w", err))
	}
}

// forget lets the log forget what the engine has made durable.
func (n *Node) forget() error {
	metas, err := kv.ListDurableMetas(n.disk.engine)
	if err != nil {
		return err
	}
	n.cluster.witness.flushed(metas)
	for i := range metas {
		n.log.Release(metas[i].Shard, metas[i].Replica, metas[i].Applied)
	}
	return n.log.Tidy()
}

package node

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/raftlog"
)

// tidyInterval is how long a log writer is idle before it tidies its log: records what is synced, moves live
// records out of old segments, drops dead ones.
const tidyInterval = 200 * time.Millisecond

// busyTidyBatches is how many appends may pass under constant load before the log is tidied all the same.
const busyTidyBatches = 1024

// logYields is how often a log writer lets other goroutines run before it takes what waits: the batches of a few
// more passes then share one write and one sync. Measured, it is worth a tenth of the processor time of a write
// and as much throughput.
const logYields = 4

// release tells the log that the state engine has flushed a replica up to an index.
type release struct {
	shard   katakv.ShardID
	replica katakv.ReplicaID
	upTo    katakv.Index
}

// logWriter makes a core's log batches durable, one write and one sync for everything that waits, while the
// next batches form.
type logWriter struct {
	log     *raftlog.Log
	durable func(seq uint64) // called after each sync

	wake  chan struct{}
	stats atomic.Pointer[raftlog.Stats]
	// began is when the work on the disk began that is not done yet, by the monotonic clock; 0: there is none.
	began atomic.Int64

	mu struct {
		sync.Mutex
		batches  []*raftlog.Batch
		seq      uint64 // of the last batch
		releases []release
	}
}

func newLogWriter(log *raftlog.Log, durable func(uint64)) *logWriter {
	w := &logWriter{log: log, durable: durable, wake: make(chan struct{}, 1)}
	w.publish()
	return w
}

// put queues a batch. It never blocks; how much can wait is bounded by what Raft leaves uncommitted.
func (w *logWriter) put(b *raftlog.Batch, seq uint64) {
	w.mu.Lock()
	w.mu.batches = append(w.mu.batches, b)
	w.mu.seq = seq
	w.mu.Unlock()
	w.signal()
}

// release queues what the log may forget.
func (w *logWriter) release(r []release) {
	w.mu.Lock()
	w.mu.releases = append(w.mu.releases, r...)
	w.mu.Unlock()
	w.signal()
}

func (w *logWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes until stop is closed. It returns the error after which the log can no longer be believed.
func (w *logWriter) run(stop <-chan struct{}) error {
	idle := clock.NewTimer(tidyInterval)
	defer idle.Stop()
	sinceTidy := 0
	for {
		tidy := false
		select {
		case <-stop:
			return w.write()
		case <-w.wake:
		case <-idle.C:
			tidy = true
		}
		if err := w.write(); err != nil {
			return err
		}
		if sinceTidy++; tidy || sinceTidy >= busyTidyBatches {
			sinceTidy = 0
			if err := w.log.Tidy(); err != nil {
				return fmt.Errorf("tidy the raft log: %w", err)
			}
			w.publish()
		}
		idle.Reset(tidyInterval)
	}
}

func (w *logWriter) write() error {
	for range logYields {
		runtime.Gosched()
	}
	w.mu.Lock()
	batches, seq, releases := w.mu.batches, w.mu.seq, w.mu.releases
	w.mu.batches, w.mu.releases = nil, nil
	w.mu.Unlock()
	for _, r := range releases {
		w.log.Release(r.shard, r.replica, r.upTo)
	}
	if len(batches) == 0 {
		return nil
	}
	w.began.Store(int64(clock.Monotonic()))
	err := w.log.Append(batches)
	w.began.Store(0)
	if err != nil {
		return fmt.Errorf("append to the raft log: %w", err)
	}
	w.durable(seq)
	return nil
}

// stalled reports whether the disk has been busy with one batch for too long.
func (w *logWriter) stalled() bool {
	began := w.began.Load()
	return began != 0 && clock.Monotonic()-time.Duration(began) > stallLimit
}

func (w *logWriter) publish() {
	s := w.log.Stats()
	w.stats.Store(&s)
}

func (w *logWriter) close() error {
	if err := w.log.Close(); err != nil {
		return errors.Join(errors.New("close the raft log"), err)
	}
	return nil
}

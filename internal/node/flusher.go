package node

import (
	"fmt"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/kv"
)

const (
	// flushInterval is how often the state engine is flushed at least: an idle shard must not pin old log
	// segments for ever.
	flushInterval = 60 * time.Second
	// logPressureBytes is the size of a core's log that asks for a flush at once: what restarts must replay and
	// disks must hold stays bounded.
	logPressureBytes = 512 << 20
	// logPressureInterval is how often that is looked at.
	logPressureInterval = 2 * time.Second
)

// flusher makes the state engine durable from time to time and lets the logs forget what it then holds.
type flusher struct {
	node *Node
	m    *machinery
	wake chan struct{} // a flush has ended
}

func newFlusher(n *Node, m *machinery) *flusher {
	return &flusher{node: n, m: m, wake: make(chan struct{}, 1)}
}

// flushed is called by the engine after each flush, from a goroutine of its own.
func (f *flusher) flushed() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *flusher) run(stop <-chan struct{}) {
	pressure := clock.NewTicker(logPressureInterval)
	defer pressure.Stop()
	last := clock.Monotonic()
	for {
		var err error
		select {
		case <-stop:
			return
		case <-f.wake:
			err = f.release()
		case <-pressure.C:
			if now := clock.Monotonic(); now-last >= flushInterval || f.pressed() {
				last = now
				err = f.m.engine.Flush()
			}
		}
		if err != nil {
			f.node.fail(fmt.Errorf("flush the state engine: %w", err))
			return
		}
	}
}

func (f *flusher) pressed() bool {
	for _, w := range f.m.writers {
		if w.stats.Load().DiskBytes > logPressureBytes {
			return true
		}
	}
	return false
}

// release tells each log how far the engine's durable state has come.
func (f *flusher) release() error {
	metas, err := kv.ListDurableMetas(f.m.engine)
	if err != nil {
		return err
	}
	parts := make([][]release, len(f.m.writers))
	for i := range metas {
		core := coreOf(metas[i].Shard, len(parts))
		parts[core] = append(parts[core], release{
			shard: metas[i].Shard, replica: metas[i].Replica, upTo: metas[i].Applied,
		})
	}
	for i, part := range parts {
		f.m.writers[i].release(part)
	}
	return nil
}

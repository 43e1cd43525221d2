package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/crashfs"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/engine/pebble"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
)

// Where a node keeps what it has.
const (
	logDir   = "log"
	stateDir = "state"
)

const (
	// cacheBytes is little, so that reads go to tables.
	cacheBytes = 256 << 10
	// memTableBytes is far more than a run writes between flushes: Pebble must never flush by itself, because when
	// it would is not the simulation's to say.
	memTableBytes = 64 << 20
)

// diskFault is what is wrong with a disk.
type diskFault uint8

const (
	diskGood   diskFault = iota
	diskFull             // writes fail with ENOSPC
	diskBroken           // syncs fail with EIO and lose what they should have written
)

// storage is a node's crashable disk: log and state lose together what was not made durable.
type storage struct {
	cluster *Cluster
	fs      *crashfs.FS
	engine  engine.Engine  // as long as the node lives
	memory  *engine.Memory // the state without Pebble

	fault        diskFault
	suspect      bool          // a fault of it may lose the node for good
	damaged      string        // the file with a flipped bit; empty: none
	slow         time.Duration // the longest time of a sync; zero: as the options say
	stalledUntil time.Duration // no sync ends before
}

// newStorage writes what a bootstrapped node finds on its disk.
func newStorage(c *Cluster, self katakv.NodeID, m *placement.Map) (*storage, error) {
	s := &storage{cluster: c, fs: crashfs.New()}
	e, err := s.open()
	if err != nil {
		return nil, err
	}
	if err := kv.WriteInitialState(e, self, m); err != nil {
		return nil, err
	}
	metas, err := kv.ListMetas(e)
	if err != nil {
		return nil, err
	}
	c.witness.begins(metas)
	if !c.opts.Pebble {
		return s, nil
	}
	return s, e.Close()
}

// open opens the state.
func (s *storage) open() (engine.Engine, error) {
	s.fs.Intercept(s.intercept)
	if !s.cluster.opts.Pebble {
		if s.memory == nil {
			s.memory = engine.NewMemory()
		}
		s.engine = s.memory
		return s.engine, nil
	}
	e, err := pebble.Open(stateDir, pebble.Options{
		FS: s.fs, CacheBytes: cacheBytes, MemTableBytes: memTableBytes, ManualCompaction: true,
	})
	if err != nil {
		return nil, err
	}
	s.engine = e
	return e, nil
}

// giveUp closes what open opened, when the rest of a start failed.
func (s *storage) giveUp() {
	if s.engine != nil && s.cluster.opts.Pebble {
		_ = s.engine.Close() // the error of the start is the one to report
	}
	s.engine = nil
}

// intercept lets operations on the log fail, as a disk does that is full or broken. Pebble's are spared: it would
// call for the end of the process, which is the simulator's as well.
func (s *storage) intercept(op errorfs.Op) error {
	if s.fault == diskGood || !strings.HasPrefix(op.Path, logDir) {
		return nil
	}
	switch {
	case s.fault == diskBroken && isSync(op.Kind):
		return syscall.EIO
	case s.fault == diskFull && takesSpace(op.Kind):
		return syscall.ENOSPC
	}
	return nil
}

func takesSpace(k errorfs.OpKind) bool {
	return k == errorfs.OpFileWrite || k == errorfs.OpFileWriteAt || k == errorfs.OpFilePreallocate || k == errorfs.OpCreate
}

func isSync(k errorfs.OpKind) bool {
	return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
}

// failing reports whether an error of the disk is to be expected.
func (s *storage) failing() bool { return s.fault != diskGood }

// mend ends what is wrong with the disk, but for what cannot be mended.
func (s *storage) mend() {
	s.slow, s.stalledUntil = 0, 0
	if s.fault == diskFull {
		s.fault = diskGood
	}
}

// syncTime draws how long a sync takes.
func (s *storage) syncTime() time.Duration {
	c := s.cluster
	d := c.opts.Disk
	delay := between(c.rng, d.MinSync, d.MaxSync)
	if s.slow > 0 {
		delay = between(c.rng, d.MinSync, s.slow)
	}
	if chance(c.rng, d.Stall) {
		delay = between(c.rng, d.MinSync, d.StallTime)
	}
	return max(delay, s.stalledUntil-c.queue.now)
}

// left returns what an ending now leaves of the disk.
func (s *storage) left(how ending) *crashfs.FS {
	if how == endProcess {
		return s.fs.Clone()
	}
	// A generator of its own, so that what comes after does not depend on how much there was to draw.
	rng := rand.New(rand.NewPCG(s.cluster.rng.Uint64(), 0))
	return s.fs.Crash(crashfs.KeepSome, rng)
}

// leftWithin carries out work that is cut short at its first sync, and returns what that leaves.
func (s *storage) leftWithin(how ending, work func()) *crashfs.FS {
	var left *crashfs.FS
	s.fs.Intercept(func(op errorfs.Op) error {
		if left == nil && isSync(op.Kind) {
			left = s.left(how)
		}
		return s.intercept(op)
	})
	work()
	if left == nil {
		left = s.left(how)
	}
	return left
}

// leave puts what an ending left in the place of the disk, and lets go of the old one. release closes what was open.
func (s *storage) leave(left *crashfs.FS, release func()) {
	old := s.engine
	release()
	if err := old.Close(); err != nil {
		s.cluster.fail(fmt.Errorf("after the end of a node: %w", err))
	}
	s.fs, s.engine = left, nil
	if s.memory != nil {
		s.memory = s.memory.Crash()
	}
}

// corrupt inverts one bit of what is durable in the log of a node that is down.
func (n *Node) corrupt(rng *rand.Rand) {
	s := n.disk
	path, offset, ok := s.fs.FlipBit(rng, func(path string) bool { return strings.HasPrefix(path, logDir) })
	if ok {
		s.damaged = path
		s.cluster.tell("a bit of %s flips at %d", path, offset)
		s.cluster.witness.damaged(n, path, offset)
	}
}

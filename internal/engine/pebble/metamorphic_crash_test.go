package pebble_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/katakv/katakv/internal/crashfs"
)

// laterCrash takes a crashed copy at some operation on the disk, on whatever goroutine that happens.
type laterCrash struct {
	sync.Mutex
	left     int // operations; 0 means that none is waited for
	rng      *rand.Rand
	disk     *crashfs.FS
	promised *promise
}

// crashed draws what is left of disk.
func crashed(disk *crashfs.FS, rng *rand.Rand) *crashfs.FS {
	switch rng.IntN(4) {
	case 0:
		return disk.Crash(crashfs.KeepSynced, nil)
	case 1:
		return disk.Clone()
	default:
		return disk.Crash(crashfs.KeepSome, rng)
	}
}

func (r *runner) crashLater(rng *rand.Rand) {
	disk, later := r.disk, &r.later
	later.Lock()
	later.left, later.rng = 1+rng.IntN(60), rng
	later.Unlock()
	disk.Intercept(func(errorfs.Op) error {
		later.Lock()
		defer later.Unlock()
		if later.left--; later.left == 0 {
			later.promised = r.promised.Load()
			later.disk = crashed(disk, later.rng)
		}
		return nil
	})
}

// crashedMeanwhile goes on with the copy that was taken, if one was.
func (r *runner) crashedMeanwhile() error {
	r.later.Lock()
	disk, promised := r.later.disk, r.later.promised
	r.later.disk = nil
	r.later.Unlock()
	if disk == nil {
		return nil
	}
	return r.restart(disk, promised)
}

// crash crashes now, between two steps.
func (r *runner) crash(rng *rand.Rand) error {
	promised := r.promised.Load()
	return r.restart(crashed(r.disk, rng), promised)
}

// reopen stops and starts as a process does that was asked to: nothing is flushed.
func (r *runner) reopen() error {
	if err := r.close(); err != nil {
		return err
	}
	return r.recover(r.promised.Load())
}

// restart leaves the engine and its disk behind for what a crash left of it.
func (r *runner) restart(disk *crashfs.FS, promised *promise) error {
	r.Crashes++
	err := r.close()
	r.disk.Intercept(nil)
	r.disk = disk
	if err != nil {
		return err
	}
	return r.recover(promised)
}

// recover opens the engine on the disk, checks that it is a prefix no shorter than promised, and makes the changes
// that are missing again.
func (r *runner) recover(promised *promise) error {
	r.later.Lock()
	r.later.left, r.later.disk = 0, nil
	r.later.Unlock()
	if err := r.open(); err != nil {
		return err
	}
	got, err := contents(r.engine)
	if err != nil {
		return err
	}
	left, err := r.prefix(promised, got)
	if err != nil {
		return err
	}
	r.Lost += r.commits - left.commits
	r.promised.Store(left)
	for i := left.changes; i < len(r.changes); i++ {
		c := &r.changes[i]
		if c.ingestion {
			err = r.ingestToEngine(c) // it is the last: see prefix
		} else {
			err = commitTo(r.engine, c)
		}
		if err != nil {
			return err
		}
	}
	return r.checkAll()
}

// prefix checks that state is what some first commits leave, no fewer than promised. The only ingestion beyond what
// was promised is the last change, and whether it is there may be open: before it ends, everything is flushed.
func (r *runner) prefix(promised *promise, state map[string]string) (*promise, error) {
	n := 0
	if value, ok := state[counter]; ok {
		var err error
		if n, err = strconv.Atoi(value); err != nil {
			return nil, err
		}
	}
	if n < promised.commits || n > r.commits {
		return nil, fmt.Errorf("%d commits are left, promised were %d of %d", n, promised.commits, r.commits)
	}
	left := &promise{maps.Clone(promised.state), promised.commits, promised.changes}
	for left.commits < n {
		c := &r.changes[left.changes]
		if c.ingestion {
			return nil, fmt.Errorf("change %d is an ingestion that was never promised, with a commit behind it", left.changes)
		}
		c.apply(left.state)
		left.commits++
		left.changes++
	}
	if maps.Equal(state, left.state) {
		return left, nil
	}
	without := difference(state, left.state)
	if left.changes == len(r.changes)-1 && r.changes[left.changes].ingestion {
		r.changes[left.changes].apply(left.state)
		left.changes++
		if maps.Equal(state, left.state) {
			return left, nil
		}
	}
	return nil, fmt.Errorf("not what %d commits leave: %s", n, without)
}

var errDisk = errors.New("the disk is broken")

// fault breaks the disk at some write or sync and works on until the engine notices. Nothing that it acknowledged
// before may be lost, and it must acknowledge nothing after it.
func (r *runner) fault(rng *rand.Rand) error {
	if err := r.close(); err != nil {
		return err
	}
	r.fatal = make(chan error, 1)
	if err := r.recover(r.promised.Load()); err != nil {
		return err
	}
	r.Faults++
	broken := make(chan struct{})
	r.disk.Intercept(breakAt(1+rng.IntN(30), rng.IntN(2) == 0, broken))
	work := drawSteps(rand.New(rand.NewPCG(rng.Uint64(), 13)), 40)
	var err error
	dead := false
	for len(work) > 0 && err == nil && !dead {
		err, dead = r.faultyStep(work[0])
		work = work[1:]
	}
	if err == nil && !dead && closed(broken) {
		if err, dead = r.guard(waitForFatal); !dead {
			return errors.New("a write or sync failed, and the engine went on")
		}
	}
	if err != nil && !tellsOfDisk(err) {
		return err
	}
	if dead {
		r.Fatal++
	}
	if err := r.replaceDisk(rng, dead || closed(broken)); err != nil {
		return err
	}
	for _, s := range work { // the same under all option sets
		if err, _ := r.faultyStep(s); err != nil {
			return err
		}
	}
	return nil
}

// faultyStep does what reaches the disk. It tells whether the engine met a fatal error.
func (r *runner) faultyStep(s step) (err error, dead bool) {
	e := r.engine // what is guarded may still run when this one is left behind
	rng := rand.New(rand.NewPCG(s.seed, 14))
	switch s.seed % 6 {
	case 0:
		err, dead = r.guard(e.Flush)
	case 1:
		c := drawIngestion(rng)
		r.add(c)
		err, dead = r.guard(func() error {
			in, err := stageOn(e, &c)
			if err != nil {
				return err
			}
			return in.Commit()
		})
	default:
		c := drawCommit(rng, r.commits+1)
		r.add(c)
		err, dead = r.guard(func() error { return commitTo(e, &c) })
		return err, dead
	}
	if err == nil && !dead {
		r.promised.Store(&promise{maps.Clone(r.state), r.commits, len(r.changes)})
	}
	return err, dead
}

// tellsOfDisk goes by the text: it is all that Pebble keeps of an error that it gives to its logger's Fatalf.
func tellsOfDisk(err error) bool { return strings.Contains(err.Error(), errDisk.Error()) }

// guard runs f, which never returns when the engine parks its goroutine after a fatal error. A fatal error is returned,
// as one that f returns is.
func (r *runner) guard(f func() error) (err error, dead bool) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		select {
		case fatal := <-r.fatal: // at the same moment
			return cmp.Or(err, fatal), true
		default:
			return err, false
		}
	case err := <-r.fatal:
		return err, true
	case <-time.After(time.Minute):
		return errors.New("the engine hangs"), false
	}
}

// waitForFatal gives Pebble's goroutines time to tell.
func waitForFatal() error {
	time.Sleep(5 * time.Second)
	return nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// replaceDisk crashes and goes on without faults. An engine that met one is left as it is, like the process: closing it
// would wait for goroutines that are parked, or are about to be.
func (r *runner) replaceDisk(rng *rand.Rand, broken bool) error {
	promised := r.promised.Load()
	disk := crashed(r.disk, rng)
	r.fatal = nil
	if !broken {
		r.disk.Intercept(nil)
		return r.restart(disk, promised)
	}
	r.snapshots = nil
	r.disk = disk
	r.Crashes++
	return r.recover(promised)
}

// breakAt fails the n-th write or sync, and all after it if for good.
func breakAt(n int, forGood bool, broken chan<- struct{}) func(errorfs.Op) error {
	var mu sync.Mutex
	return func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData:
		default:
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		n--
		if n == 0 {
			close(broken)
		}
		if n == 0 || n < 0 && forGood {
			return fmt.Errorf("%s: %w", op.Path, errDisk)
		}
		return nil
	}
}

package faultfs

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// state holds the faults and decides about every operation.
type state struct {
	mu struct {
		sync.Mutex
		faults   Faults
		changed  chan struct{} // closed when faults are replaced
		random   *rand.Rand
		counters Counters
	}
}

func newState(seed uint64) *state {
	s := &state{}
	s.mu.changed = make(chan struct{})
	s.mu.random = rand.New(rand.NewPCG(seed, 0))
	return s
}

func (s *state) set(faults Faults) {
	faults.Within = strings.Trim(faults.Within, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.faults = faults
	close(s.mu.changed)
	s.mu.changed = make(chan struct{})
}

func (s *state) get() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.faults
}

func (s *state) counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.counters
}

// count changes the counters.
func (s *state) count(change func(*Counters)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.mu.counters)
}

// hits reports whether the faults are meant for n.
func (s *state) hits(n *node) bool {
	within := s.get().Within
	return within == "" || n.under(within)
}

// beforeSync decides about a sync, and waits as long as that takes.
func (s *state) beforeSync(ctx context.Context, n *node) (drop bool, errno syscall.Errno) {
	if errno := s.stall(ctx, n); errno != 0 {
		return false, errno
	}
	if !s.hits(n) {
		return false, 0
	}
	faults := s.get()
	if errno := pause(ctx, nil, s.draw(faults.SyncDelay, faults.SyncJitter)); errno != 0 {
		return false, errno
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mu.faults.ReadOnly:
		s.mu.counters.Refused++
		return false, syscall.EROFS
	case spend(&s.mu.faults.FailSyncs):
		s.mu.counters.FailedSyncs++
		return s.mu.faults.DropUnsynced, syscall.EIO
	}
	return false, 0
}

// stall returns once syncs of n do not hang, with EINTR when the caller was killed meanwhile.
func (s *state) stall(ctx context.Context, n *node) syscall.Errno {
	for {
		if !s.hits(n) {
			return 0
		}
		s.mu.Lock()
		stalls, changed := s.mu.faults.StallSyncs, s.mu.changed
		if stalls {
			s.mu.counters.Stalled++
		}
		s.mu.Unlock()
		if !stalls {
			return 0
		}
		errno := pause(ctx, changed, 0)
		s.count(func(c *Counters) { c.Stalled-- })
		if errno != 0 {
			return errno
		}
	}
}

// beforeWrite decides about a write of so many bytes and returns how many of them to write.
func (s *state) beforeWrite(ctx context.Context, n *node, bytes int) (allowed int, errno syscall.Errno) {
	if !s.hits(n) {
		return bytes, 0
	}
	faults := s.get()
	if errno := pause(ctx, nil, s.draw(faults.WriteDelay, faults.WriteJitter)); errno != 0 {
		return 0, errno
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.faults.ReadOnly && spend(&s.mu.faults.FailWrites) {
		s.mu.counters.FailedWrites++
		return 0, syscall.EIO
	}
	taken, errno := s.takeLocked(int64(bytes))
	return int(taken), errno
}

// beforeAllocate decides about an allocation of space.
func (s *state) beforeAllocate(n *node, bytes int64) syscall.Errno {
	if !s.hits(n) {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, errno := s.takeLocked(bytes)
	if errno == 0 && taken < bytes { // unlike a write it is all or nothing
		s.mu.faults.FullAfterBytes += taken
		s.mu.counters.NoSpace++
		return syscall.ENOSPC
	}
	return errno
}

// takeLocked takes space from what is left, at most so many bytes.
func (s *state) takeLocked(bytes int64) (int64, syscall.Errno) {
	f := &s.mu.faults
	switch {
	case f.ReadOnly:
		s.mu.counters.Refused++
		return 0, syscall.EROFS
	case !f.Full:
		return bytes, 0
	case f.FullAfterBytes <= 0:
		s.mu.counters.NoSpace++
		return 0, syscall.ENOSPC
	}
	taken := min(bytes, f.FullAfterBytes)
	f.FullAfterBytes -= taken
	return taken, 0
}

// beforeRead decides about a read.
func (s *state) beforeRead(n *node) syscall.Errno {
	if !s.hits(n) {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if spend(&s.mu.faults.FailReads) {
		s.mu.counters.FailedReads++
		return syscall.EIO
	}
	return 0
}

// beforeChange decides about a change of names or attributes, which may need a block more.
func (s *state) beforeChange(n *node, grows bool) syscall.Errno {
	if !s.hits(n) {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.mu.faults
	switch {
	case f.ReadOnly:
		s.mu.counters.Refused++
		return syscall.EROFS
	case grows && f.Full && f.FullAfterBytes <= 0:
		s.mu.counters.NoSpace++
		return syscall.ENOSPC
	}
	return 0
}

// spend takes one from a count of failures and reports whether there was one.
func spend(count *int) bool {
	if *count > 0 {
		*count--
		return true
	}
	return *count < 0
}

// draw returns a time from delay to delay and jitter.
func (s *state) draw(delay, jitter time.Duration) time.Duration {
	if jitter <= 0 {
		return delay
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return delay + time.Duration(s.mu.random.Int64N(int64(jitter)+1))
}

// killCheck is how often an interrupted caller is looked at.
const killCheck = 20 * time.Millisecond

// pause waits until changed is closed or, without it, for d. The runtime of a Go program sends signals to its own
// threads, each of which interrupts the request that a thread waits for, and a sync or write that fails with EINTR
// is nothing that a file system does: so only a caller that was killed is let go.
func pause(ctx context.Context, changed <-chan struct{}, d time.Duration) syscall.Errno {
	var due <-chan time.Time
	if changed == nil {
		if d <= 0 {
			return 0
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	interrupted := ctx.Done()
	var check <-chan time.Time
	for {
		select {
		case <-changed:
			return 0
		case <-due:
			return 0
		case <-interrupted:
			interrupted = nil
			ticker := time.NewTicker(killCheck)
			defer ticker.Stop()
			check = ticker.C
		case <-check:
			if killed(ctx) {
				return syscall.EINTR
			}
		}
	}
}

// killed reports whether the thread that made a request is about to end.
func killed(ctx context.Context) bool {
	caller, ok := fuse.FromContext(ctx)
	if !ok {
		return true
	}
	status, err := os.ReadFile("/proc/" + strconv.FormatUint(uint64(caller.Pid), 10) + "/status")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name == "SigPnd" || name == "ShdPnd" {
			pending, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if pending&(1<<(uint(syscall.SIGKILL)-1)) != 0 {
				return true
			}
		}
	}
	return false
}

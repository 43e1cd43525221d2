package check

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/katakv/katakv"
)

// Liveness checks that a cluster comes back once faults have stopped: every shard takes a write within one limit, and
// once clients are quiet too, its replicas are equal within another. It has no clock: it is told the time, and asked.
type Liveness struct {
	write, converge time.Duration
	healed, quiet   time.Duration // since when; Never before that
	waits           []wait        // by shard
}

// wait is what a shard has yet to do.
type wait struct {
	shard               katakv.ShardID
	accepted, converged bool
}

// NewLiveness returns a checker with limits for the first write and for convergence.
func NewLiveness(write, converge time.Duration) *Liveness {
	return &Liveness{write: write, converge: converge, healed: Never, quiet: Never}
}

// Healed tells that faults have stopped, and which shards there are. All waits begin anew.
func (l *Liveness) Healed(now time.Duration, shards []katakv.ShardID) {
	l.healed, l.quiet, l.waits = now, Never, nil
	for _, shard := range slices.Sorted(slices.Values(shards)) {
		l.waits = append(l.waits, wait{shard: shard})
	}
}

// Quiet tells that clients have stopped writing, so that replicas can become equal.
func (l *Liveness) Quiet(now time.Duration) { l.quiet = now }

// Accepted tells that a shard acknowledged a write that was sent after faults had stopped.
func (l *Liveness) Accepted(now time.Duration, shard katakv.ShardID) error {
	w := l.wait(shard)
	if w == nil || w.accepted {
		return nil
	}
	w.accepted = true
	return l.late(now, l.healed, l.write, shard, "acknowledged a write")
}

// Converged tells that all replicas of a shard have applied the same index. It counts once clients are quiet.
func (l *Liveness) Converged(now time.Duration, shard katakv.ShardID) error {
	w := l.wait(shard)
	if w == nil || w.converged || l.quiet == Never {
		return nil
	}
	w.converged = true
	return l.late(now, l.quiet, l.converge, shard, "has equal replicas")
}

func (l *Liveness) late(now, since, limit time.Duration, shard katakv.ShardID, what string) error {
	if took := now - since; took > limit {
		return fmt.Errorf("at %v: %v %s after %v, limit %v", now, shard, what, took, limit)
	}
	return nil
}

// Check finds shards that are over a limit by now.
func (l *Liveness) Check(now time.Duration) error {
	var errs []error
	for _, w := range l.waits {
		if !w.accepted && now-l.healed > l.write {
			errs = append(errs, fmt.Errorf("at %v: %v acknowledged no write since faults stopped at %v, limit %v", now, w.shard, l.healed, l.write))
		}
		if !w.converged && l.quiet != Never && now-l.quiet > l.converge {
			errs = append(errs, fmt.Errorf("at %v: the replicas of %v differ since clients stopped at %v, limit %v", now, w.shard, l.quiet, l.converge))
		}
	}
	return errors.Join(errs...)
}

// Done reports whether there is nothing left to wait for.
func (l *Liveness) Done() bool {
	return l.quiet != Never && !slices.ContainsFunc(l.waits, func(w wait) bool { return !w.accepted || !w.converged })
}

func (l *Liveness) wait(shard katakv.ShardID) *wait {
	for i := range l.waits {
		if l.waits[i].shard == shard {
			return &l.waits[i]
		}
	}
	return nil
}

package replica

import (
	"fmt"
	"time"
)

// Time is what a node's clocks show.
type Time struct {
	// Monotonic counts from a fixed moment, suspend included, and never goes back.
	Monotonic time.Duration
	// Wall is in milliseconds since 1970. It can jump, and be wrong.
	Wall int64
}

const (
	// clockRate bounds how much faster, and slower, a shard's clock may run than its leader's monotonic clock while it
	// is not where the leader's wall clock is.
	clockRate = 2
	// clockAlarm is how far apart the two may be before the leader warns, in milliseconds.
	clockAlarm = 60_000
)

// pace makes the stamps of a leader's entries: the shard's clock, led towards the leader's wall clock. However wrong that
// is, the shard's clock runs at half to twice the speed of the leader's monotonic clock, from where the leader last saw
// it. So a wrong wall clock cannot make a shard forget early by more than half, a right one that follows makes up for it,
// and the clock never stands still.
//
// Every entry is something to measure from, whether it moved the clock or not: what it remembers is forgotten by the clock
// that it was applied at. So no stamp is further ahead of an earlier entry than twice the time since that entry.
//
// Only the first stamp of a shard is the wall clock as it is. And until a leader has applied an entry of its own term, with
// all that others may have committed before, its stamps stand where it last saw the clock: measured from there, they
// could leap ahead of a clock that others moved slowly meanwhile.
type pace struct {
	// seen is the shard's clock after the last entry that was applied.
	seen moment
	// last is what the next stamp goes on from: what was seen, or, if own is set, this leadership's own last stamp. Stamps
	// of an earlier leadership do not count, as they may never take effect.
	last moment
	own  bool
	// alarmed is set while the clocks are too far apart.
	alarmed bool
}

// moment is what a shard's clock showed, in milliseconds, and when that was by the monotonic clock.
type moment struct {
	clock int64
	since time.Duration
}

// saw takes note of the shard's clock after an entry was applied.
func (p *pace) saw(clock int64, now Time) {
	p.seen = moment{clock, now.Monotonic}
	if !p.own || clock > p.last.clock {
		p.last, p.own = p.seen, false
	}
}

// lead begins a leadership.
func (p *pace) lead() { p.last, p.own = p.seen, false }

// stamp returns the stamp of an entry that is proposed now. Stamps of one leadership never go back. Current says that an
// entry of the leader's own term is applied.
func (p *pace) stamp(now Time, current bool) int64 {
	elapsed := max(now.Monotonic-p.last.since, 0)
	slowest := p.last.clock + (elapsed / clockRate).Milliseconds()
	fastest := p.last.clock + (elapsed * clockRate).Milliseconds()
	next := min(max(now.Wall, slowest), fastest)
	switch {
	case p.last.clock == 0:
		p.last, p.own = moment{now.Wall, now.Monotonic}, true
	case !current:
		p.last, p.own = moment{p.last.clock, now.Monotonic}, true
	case next > p.last.clock: // else time adds up until it is a millisecond
		p.last, p.own = moment{next, now.Monotonic}, true
	}
	return p.last.clock
}

// alarm returns a warning when the wall clock has just turned out to be too far from the last stamp; "" otherwise.
func (p *pace) alarm(now Time) string {
	apart := now.Wall - p.last.clock
	was := p.alarmed
	p.alarmed = apart > clockAlarm || apart < -clockAlarm
	if !p.alarmed || was {
		return ""
	}
	return fmt.Sprintf("this node's wall clock is %v from the shard's: the shard's is led towards it at no more than %d times "+
		"the speed, at no less than 1/%d; check the clocks of all nodes unless all were down for that long",
		time.Duration(apart)*time.Millisecond, clockRate, clockRate)
}

// mayStamp reports whether this leader may propose what has a stamp. Where the shard's clock was never set, as far as it
// knows, it first applies an entry of its own term, and with it all that others may have proposed before: only then the
// first stamp is really the first one, and may be anything.
func (r *Replica) mayStamp() bool {
	return r.machine.Meta().Clock > 0 || r.current()
}

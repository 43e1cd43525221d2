package journey

import (
	"time"

	"github.com/katakv/katakv"
)

// maxLegSteps bounds what a core tells of one request: a write to five replicas takes thirteen steps.
const maxLegSteps = 48

// Leg is a part of a journey that somebody else goes: a core, or another node.
type Leg struct {
	of   *Journey
	from time.Duration // by the clock of the journey

	start   time.Duration // by the clock of who goes it
	begun   bool
	steps   []Step
	stamped int // so many steps have their time
	dropped int
}

// Leg begins a leg now; nil without a journey.
func (j *Journey) Leg(now time.Duration) *Leg {
	if j == nil {
		return nil
	}
	return &Leg{of: j, from: now}
}

// Journey returns the journey of which this is a leg.
func (l *Leg) Journey() *Journey {
	if l == nil {
		return nil
	}
	return l.of
}

// Begin says that it is now, by the clock of the core that will stamp the leg. Without it, the first stamp is taken for
// the beginning.
func (l *Leg) Begin(now time.Duration) {
	if l != nil && !l.begun {
		l.start, l.begun = now, true
	}
}

// Note adds a step, which gets its time with the next Stamp: a core learns the time after what happened.
func (l *Leg) Note(s Step) {
	switch {
	case l == nil:
	case len(l.steps) >= maxLegSteps:
		l.dropped++
	default:
		l.steps = append(l.steps, s)
	}
}

// Stamp gives the steps noted since the last Stamp their time.
func (l *Leg) Stamp(now time.Duration) {
	if l == nil {
		return
	}
	l.Begin(now)
	for ; l.stamped < len(l.steps); l.stamped++ {
		l.steps[l.stamped].At = max(now-l.start, 0)
	}
}

// Has reports whether a step of the kind, about the replica, was noted.
func (l *Leg) Has(k Kind, replica katakv.ReplicaID) bool {
	if l == nil {
		return false
	}
	for i := range l.steps {
		if l.steps[i].Kind == k && l.steps[i].Replica == replica {
			return true
		}
	}
	return false
}

// Last returns the last step; the zero value without one.
func (l *Leg) Last() Step {
	if l == nil || len(l.steps) == 0 {
		return Step{}
	}
	return l.steps[len(l.steps)-1]
}

// Join adds to the journey what a core of the same node did, whose clock shows the same time. The leg is over now.
// Complete fills in what a replica does not know.
func (l *Leg) Join(now time.Duration, complete func(*Step)) {
	if l == nil {
		return
	}
	if l.stamped > 0 { // what was not stamped came last
		l.Stamp(l.start + l.steps[l.stamped-1].At)
	}
	j := l.of
	for _, s := range l.steps {
		s.At = min(l.from+s.At, now) - j.start
		complete(&s)
		j.add(s)
	}
	j.dropped += l.dropped
}

// JoinReport adds to the journey what another node did between the beginning of the leg and now. How long each way over
// the network took nobody knows: the report is placed in the middle.
func (l *Leg) JoinReport(now time.Duration, told Report) {
	if l == nil || len(told.Steps) == 0 {
		return
	}
	span := now - l.from
	took := told.Steps[len(told.Steps)-1].At
	shift := (span - took) / 2
	margin := shift
	if took > span { // its clock went faster than this one, or stood still less
		shift, margin = 0, span
	}
	j := l.of
	for _, s := range told.Steps {
		s.At = l.from - j.start + min(shift+s.At, span)
		s.Margin += margin
		j.add(s)
	}
	j.dropped += told.Dropped
}

package replica

import (
	"time"

	"github.com/katakv/katakv"
)

// freshness is what a replica knows of the age of its state: it reflects every write that was acknowledged before
// since. A leader's answer proves that, once the index in it is applied, for the moment at which the question was
// *sent*. When the answer came proves nothing: it may have been on its way for long.
type freshness struct {
	since time.Duration
	known bool
}

// note records that the state reflects all that was acknowledged before sent.
func (f *freshness) note(sent time.Duration) {
	if !f.known || sent > f.since {
		f.since, f.known = sent, true
	}
}

// driftShare is the part of a measured time that is added to it: a clock that goes too slowly shows less time than has
// passed. Ages are right as long as clocks lose less than one in that many.
const driftShare = 16

// age returns an upper bound of the state's age now.
func (f *freshness) age(now time.Duration) time.Duration {
	if !f.known {
		return katakv.UnknownAge
	}
	measured := max(now-f.since, 0)
	return measured + measured/driftShare
}

// within reports whether the state is surely no older than bound.
func (f *freshness) within(now, bound time.Duration) bool {
	age := f.age(now)
	return age != katakv.UnknownAge && age <= bound
}

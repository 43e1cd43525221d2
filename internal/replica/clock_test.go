package replica

import (
	"testing"
	"time"
)

// at is a moment: seconds of monotonic time, and of a wall clock that began at 1,000,000 ms.
func at(monotonic, wall float64) Time {
	return Time{
		Monotonic: time.Duration(monotonic * float64(time.Second)),
		Wall:      1_000_000 + int64(wall*1000),
	}
}

func TestPace(t *testing.T) {
	tests := []struct {
		name  string
		now   Time
		stamp float64 // seconds, as the wall clock
	}{
		{"the first stamp is the wall clock", at(1, 0), 0},
		{"it follows", at(2, 1), 1},
		{"a jump ahead is followed at twice the speed", at(3, 3600), 3},
		{"and again", at(4, 3601), 5},
		{"half the speed once the clock is mended", at(6, 4), 6},
		{"until the clock is there", at(16, 11), 11},
		{"a jump back never goes back", at(17, -3600), 11.5},
		{"even when no time passes", at(17, -3600), 11.5},
		{"an idle hour may be one", at(3617, 3612), 3612},
	}
	var p pace
	for _, tt := range tests {
		if got, want := p.stamp(tt.now, true), 1_000_000+int64(tt.stamp*1000); got != want {
			t.Errorf("%s: got %d, want %d", tt.name, got, want)
		}
	}
}

// Stamps that come faster than a millisecond must not keep the clock from moving.
func TestPaceOfManyStamps(t *testing.T) {
	var p pace
	p.stamp(at(0, 0), true)
	for i := range 100_000 { // ten seconds
		p.stamp(at(float64(i)/10_000, -50), true)
	}
	if got := p.last.clock - 1_000_000; got < 4900 || got > 5000 {
		t.Errorf("slowed down: the clock moved by %d ms in 10 s, want half of that", got)
	}
	p = pace{}
	p.stamp(at(0, 0), true)
	for i := range 100_000 {
		p.stamp(at(float64(i)/10_000, 3600), true)
	}
	if got := p.last.clock - 1_000_000; got < 19_000 || got > 20_000 {
		t.Errorf("hurried: the clock moved by %d ms in 10 s, want twice of that", got)
	}
}

// A leader goes on from where it saw the clock, however long ago that was, and not from its own wall clock.
func TestPaceOfNewLeader(t *testing.T) {
	var p pace
	p.saw(1_000_000, at(10, 0))
	if got := p.stamp(at(15, 7200), true); got != 1_010_000 {
		t.Errorf("after 5 s with a clock 2 hours ahead: got %d, want 10 s on", got)
	}
	if p.alarm(at(15, 7200)) == "" || p.alarm(at(15, 7200)) != "" {
		t.Error("a clock 2 hours ahead is not told of once")
	}
	if p.alarm(at(15, 10)) != "" || p.alarm(at(15, -7200)) == "" {
		t.Error("a clock 2 hours behind is not told of after it was right")
	}
}

// What a leader stamped and nobody committed is no time that has passed: whoever leads anew goes on from what others
// committed meanwhile. Seed 925352011016681650, where a shard forgot a request at once.
func TestPaceAfterLostStamps(t *testing.T) {
	var p pace
	p.saw(1_000_000, at(0, 0))
	p.lead()
	if got := p.stamp(at(5, 3600), true); got != 1_010_000 {
		t.Fatalf("got %d, want twice the speed for 5 s", got)
	}
	p.saw(1_010_000-1, at(20, 3600)) // by another leader, at half the speed
	p.lead()
	if got := p.stamp(at(21, 3600), true); got != 1_011_999 {
		t.Errorf("got %d, want 2 s after what was seen a second ago", got)
	}
}

// A leader that has yet to apply what others committed does not know where the clock is by now.
func TestPaceWaitsForTheOwnTerm(t *testing.T) {
	var p pace
	p.saw(1_000_000, at(0, 0))
	p.lead()
	if got := p.stamp(at(20, 3600), false); got != 1_000_000 {
		t.Errorf("got %d, want where the clock was last seen", got)
	}
	if got := p.stamp(at(21, 3600), true); got != 1_002_000 {
		t.Errorf("got %d, want 2 s after a stamp of a second ago: what that remembers must not be forgotten", got)
	}
	p = pace{}
	p.saw(1_000_000, at(0, 0))
	p.lead()
	p.saw(1_010_000, at(20, 3600)) // others went on, at half the speed
	if got := p.stamp(at(21, 3600), true); got != 1_012_000 {
		t.Errorf("got %d, want 2 s after what was seen a second ago", got)
	}
}

// An entry that did not move the clock remembers things from when it was applied all the same. Seed 604, where nobody led
// for a while.
func TestPaceCountsFromTheLastEntry(t *testing.T) {
	var p pace
	p.saw(1_000_000, at(0, 0))
	p.saw(1_000_000, at(20, 3600))
	p.lead()
	if got := p.stamp(at(21, 3600), true); got != 1_002_000 {
		t.Errorf("got %d, want 2 s after the last entry", got)
	}
	p.lead()
	p.saw(1_000_000, at(25, 3600)) // what the leader before had left
	if got := p.stamp(at(26, 3600), true); got != 1_002_000 {
		t.Errorf("got %d, want 2 s after the last entry", got)
	}
}

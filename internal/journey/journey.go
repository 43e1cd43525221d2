package journey

import (
	"cmp"
	"slices"
	"time"

	"github.com/katakv/katakv/internal/invariant"
)

// MaxSteps bounds a journey and a report, and so the memory of one and the bytes that another node may send: a write
// takes some fifteen steps, and six more for each try of it that fails. What is beyond is counted.
const MaxSteps = 128

// Journey gathers the steps of one request by the clock of one router.
type Journey struct {
	start   time.Duration
	begun   bool
	steps   []Step
	dropped int
}

// Report is what a journey comes to: steps in the order of their times, and how many more there were.
type Report struct {
	Steps   []Step
	Dropped int
}

// New returns a journey that has not begun.
func New() *Journey { return &Journey{} }

// Begin says that the request is received now. Only the first call counts.
func (j *Journey) Begin(now time.Duration) {
	if j != nil && !j.begun {
		j.start, j.begun = now, true
	}
}

// Note adds a step that happened now.
func (j *Journey) Note(now time.Duration, s Step) {
	if j != nil {
		s.At = max(now-j.start, 0)
		j.add(s)
	}
}

// NoteBeginning adds a step that happened when the journey began.
func (j *Journey) NoteBeginning(s Step) {
	if j != nil {
		j.Note(j.start, s)
	}
}

// add keeps the last place for the end of the story.
func (j *Journey) add(s Step) {
	if len(j.steps) >= MaxSteps-1 && s.Kind != Answered || len(j.steps) >= MaxSteps {
		j.dropped++
		return
	}
	j.steps = append(j.steps, s)
}

// Last returns the step that was noted last, which need not be the latest; the zero value without one.
func (j *Journey) Last() Step {
	if j == nil || len(j.steps) == 0 {
		return Step{}
	}
	return j.steps[len(j.steps)-1]
}

// Report returns what happened. The journey must not be used any more.
func (j *Journey) Report() Report {
	if j == nil {
		return Report{}
	}
	slices.SortStableFunc(j.steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	invariant.Check(len(j.steps) <= MaxSteps, "a journey of %d steps", len(j.steps))
	return Report{Steps: j.steps, Dropped: j.dropped}
}

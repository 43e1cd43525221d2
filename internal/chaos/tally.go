package chaos

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
)

// maxViolations bounds how many sentences a run collects: after so many, more say nothing new.
const maxViolations = 50

// tally counts what clients are told, while they run.
type tally struct {
	mu struct {
		sync.Mutex
		outcomes   [3]int // by katakv.Outcome
		errors     map[string]int
		examples   map[string]string
		violations []string
		dropped    int // violations beyond the bound
	}
}

func newTally() *tally {
	t := &tally{}
	t.mu.errors, t.mu.examples = map[string]int{}, map[string]string{}
	return t
}

// count notes the outcome of one operation.
func (t *tally) count(outcome katakv.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.outcomes[outcome]++
}

// outcome returns how many operations had an outcome so far.
func (t *tally) outcome(outcome katakv.Outcome) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.outcomes[outcome]
}

// fail notes an error of a client by its kind. A node that names an internal failure has a fault.
func (t *tally) fail(err error) {
	kind := "connection"
	var broken *client.ConnError
	var refused *client.ReplyError
	switch {
	case errors.As(err, &refused):
		kind = refused.Prefix
	case errors.As(err, &broken) && broken.Timeout():
		kind = "timeout"
	case errors.As(err, &broken) && broken.Doing == "dial":
		kind = "dial"
	}
	t.mu.Lock()
	t.mu.errors[kind]++
	t.mu.examples[kind] = err.Error()
	t.mu.Unlock()
	if kind == "ERR" {
		t.violate("a node answered with a failure of its own: %v", err)
	}
}

// violate notes that something happened which must not.
func (t *tally) violate(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.violations) == maxViolations {
		t.mu.dropped++
		return
	}
	t.mu.violations = append(t.mu.violations, fmt.Sprintf(format, args...))
}

// violations returns what was noted.
func (t *tally) violations() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := append([]string(nil), t.mu.violations...)
	if t.mu.dropped > 0 {
		all = append(all, fmt.Sprintf("and %d more", t.mu.dropped))
	}
	return all
}

// failures returns the errors by kind, and one text of each.
func (t *tally) failures() (counts map[string]int, examples map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.mu.errors), maps.Clone(t.mu.examples)
}

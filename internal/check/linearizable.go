package check

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// LinearizableOptions refine [Linearizable]. The zero value is ready to use.
type LinearizableOptions struct {
	// Initial holds the values of keys that were present before the history began.
	Initial map[string]string

	// Timeout bounds the search through one group; 0 means DefaultSearchTimeout. The search is exponential at worst.
	Timeout time.Duration

	// Workers is how many groups are searched at a time; 0 means 1. The verdict does not depend on it.
	Workers int
}

// DefaultSearchTimeout is ample for a group of 3,000 operations and lets a run of many groups end.
const DefaultSearchTimeout = 20 * time.Second

// Result is what the search through one group came to.
type Result uint8

// The results. A search that ran out of time proved nothing, so it counts as a failure that someone looks at.
const (
	Linear Result = iota
	NotLinear
	TimedOut
)

// Verdict is the answer of [Linearizable].
type Verdict struct {
	// Groups are all groups, in the order of their first keys.
	Groups []GroupVerdict

	// Operations counts the operations searched, Indefinite those among them whose outcome is unknown. An operation
	// on several groups counts in each; operations that say nothing are not counted.
	Operations, Indefinite int

	timeout time.Duration
}

// GroupVerdict is the result for one group: keys that operations of the history tie together.
type GroupVerdict struct {
	Keys                   []string
	Result                 Result
	Operations, Indefinite int

	group *group
}

// Linearizable decides whether every operation of h can be given one moment between its call and its return at
// which it happened, as if Redis did one after another (Herlihy and Wing, 1990). Operations of unknown outcome may
// happen at any moment after their call, or not at all; those not applied must not have happened.
//
// Linearizability is local: objects that no operation ties together are judged apart. An operation on several keys
// ties those that share a hash tag. The recorder splits others by shard, and here they fall apart into one
// operation for each tag, so their atomicity is not judged.
//
// The values that writers of a key use should differ, or a lost write can pass for another one. The search is quick if
// a key has at most a few thousand operations and ends with a read after all others, which settles what became of
// those with unknown outcome.
func Linearizable(h History, opts LinearizableOptions) Verdict {
	verdict := Verdict{timeout: opts.Timeout}
	if verdict.timeout <= 0 {
		verdict.timeout = DefaultSearchTimeout
	}
	for _, g := range groupsOf(h, opts.Initial) {
		found := GroupVerdict{Keys: g.keys, Operations: len(g.inputs), Indefinite: len(g.inputs) - g.definite, group: g}
		verdict.Operations += found.Operations
		verdict.Indefinite += found.Indefinite
		verdict.Groups = append(verdict.Groups, found)
	}
	verdict.search(opts.Workers)
	return verdict
}

// search fills in the results. With one worker it starts no goroutine of its own, and Porcupine one at a time.
func (v *Verdict) search(workers int) {
	if workers <= 1 {
		for i := range v.Groups {
			v.Groups[i].search(v.timeout)
		}
		return
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(workers, len(v.Groups)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(v.Groups)); i = next.Add(1) - 1 {
				v.Groups[i].search(v.timeout)
			}
		})
	}
	all.Wait()
}

func (g *GroupVerdict) search(timeout time.Duration) {
	switch porcupine.CheckOperationsTimeout(model, g.group.history(), timeout) {
	case porcupine.Ok:
		g.Result = Linear
	case porcupine.Illegal:
		g.Result = NotLinear
	default:
		g.Result = TimedOut
	}
}

// Offending returns the groups that are not known to be linearizable.
func (v Verdict) Offending() []GroupVerdict {
	var offending []GroupVerdict
	for _, g := range v.Groups {
		if g.Result != Linear {
			offending = append(offending, g)
		}
	}
	return offending
}

// Failed returns nil if every group is linearizable, and otherwise an error that names the offending groups and
// shows where the first few get stuck.
func (v Verdict) Failed() error {
	offending := v.Offending()
	if len(offending) == 0 {
		return nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d groups are not linearizable (%d operations, %d of unknown outcome)",
		len(offending), len(v.Groups), v.Operations, v.Indefinite)
	for i, g := range offending {
		if i == maxShown {
			fmt.Fprintf(&text, "\n... and %d more", len(offending)-maxShown)
			break
		}
		fmt.Fprintf(&text, "\n%s", g.explain(v.timeout))
	}
	return errors.New(text.String())
}

// maxShown is how many groups are explained or drawn: the first one tells most.
const maxShown = 3

// WriteHTML writes Porcupine's drawing of the offending groups, the first few, as a page that stands alone. Without
// any it writes nothing.
func (v Verdict) WriteHTML(w io.Writer) error {
	offending := v.Offending()
	if len(offending) == 0 {
		return nil
	}
	var histories [][]porcupine.Operation
	for _, g := range offending[:min(maxShown, len(offending))] {
		histories = append(histories, g.group.history())
	}
	drawn := model
	drawn.Partition = func([]porcupine.Operation) [][]porcupine.Operation { return histories }
	_, info := porcupine.CheckOperationsVerbose(drawn, nil, v.timeout)
	return porcupine.Visualize(drawn, info, w)
}

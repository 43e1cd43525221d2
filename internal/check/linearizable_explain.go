package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// String returns the result and all operations of the group, by call, one a line.
func (g GroupVerdict) String() string {
	var text strings.Builder
	text.WriteString(g.headline())
	for _, in := range g.group.inputs {
		fmt.Fprintf(&text, "\n  %v", in)
	}
	return text.String()
}

func (g GroupVerdict) headline() string {
	shown := g.Keys[:min(8, len(g.Keys))]
	result := [...]string{"linearizable", "not linearizable", "the search ran out of time"}[g.Result]
	return fmt.Sprintf("keys %q: %s (%d operations, %d of unknown outcome)", shown, result, g.Operations, g.Indefinite)
}

// explain shows the end of the longest order that fits and the operations that cannot follow it.
func (g GroupVerdict) explain(timeout time.Duration) string {
	if g.Result != NotLinear {
		return g.headline()
	}
	order, s := g.longest(timeout)
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n  the longest order that fits has %d and ends with", g.headline(), len(order))
	for _, id := range order[max(0, len(order)-5):] {
		fmt.Fprintf(&text, "\n    %v", g.group.inputs[id])
	}
	fmt.Fprintf(&text, "\n  which leaves %v; none of these can be next:", s)
	for _, in := range g.stuck(order) {
		fmt.Fprintf(&text, "\n    %v", in)
	}
	return text.String()
}

// longest returns the longest legal order that the search met, by position in the inputs, and the state after it.
// Porcupine returns orders as it ranges over a map: of equal ones the least is taken, so that messages repeat.
func (g GroupVerdict) longest(timeout time.Duration) ([]int, *state) {
	_, info := porcupine.CheckOperationsVerbose(model, g.group.history(), timeout)
	var best []int
	for _, order := range info.PartialLinearizations()[0] {
		if len(order) > len(best) || len(order) == len(best) && slices.Compare(order, best) < 0 {
			best = order
		}
	}
	s := g.group.start()
	for _, id := range best {
		_, next := s.step(g.group.inputs[id])
		s = next.(*state)
	}
	return best, s
}

// stuck returns the operations of known outcome, a few at most, that one of must come next after an order: those
// called before any of the rest had returned.
func (g GroupVerdict) stuck(order []int) []*input {
	var rest []*input
	deadline := Never
	for id, in := range g.group.inputs {
		if !slices.Contains(order, id) && !in.unknown() {
			rest = append(rest, in)
			deadline = min(deadline, in.Return)
		}
	}
	rest = slices.DeleteFunc(rest, func(in *input) bool { return in.Call > deadline })
	return rest[:min(10, len(rest))]
}

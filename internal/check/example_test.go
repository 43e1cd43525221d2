package check_test

import (
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

// A client writes, and another one reads the value before it although the write had been acknowledged.
func ExampleLinearizable() {
	history := check.History{
		{
			Client: 1, Call: 0, Return: 2 * time.Millisecond, Kind: check.Set, Keys: []string{"k"}, Values: []string{"new"},
			Outcome: katakv.OutcomeApplied, Reply: check.Reply{Kind: check.OK},
		},
		{
			Client: 2, Call: 3 * time.Millisecond, Return: 4 * time.Millisecond, Kind: check.Get, Keys: []string{"k"},
			Outcome: katakv.OutcomeApplied, Reply: check.Reply{Kind: check.Bulk, Bulk: "old"},
		},
	}
	verdict := check.Linearizable(history, check.LinearizableOptions{Initial: map[string]string{"k": "old"}})
	fmt.Println(verdict.Failed())
	// Output:
	// 1 of 1 groups are not linearizable (2 operations, 0 of unknown outcome)
	// keys ["k"]: not linearizable (2 operations, 0 of unknown outcome)
	//   the longest order that fits has 1 and ends with
	//     c1 0s..2ms SET "k" "new" -> OK
	//   which leaves "k": "new"; none of these can be next:
	//     c2 3ms..4ms GET "k" -> "old"
}

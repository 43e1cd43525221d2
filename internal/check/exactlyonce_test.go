package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

func TestExactlyOnce(t *testing.T) {
	const appends = "1 0..1 APPEND k a; -> 2\n 1 2..3 APPEND k b; -> 4\n 2 2..3 APPEND k u; -> ?\n 2 4..5 APPEND k n; -> refused\n"
	const counts = "1 0..1 INCRBY k 1 -> 1\n 1 2..3 INCRBY k 1 -> 2\n 2 2..3 INCRBY k 1 -> ?\n 2 4..5 INCRBY k 1 -> refused\n"
	tests := []struct {
		name, history, final string
		want                 []string
	}{
		{"each once", appends, "a;b;", nil},
		{"unknown one too", appends, "a;b;u;", nil},
		{"nothing at all", "", "", nil},
		{"lost", appends, "a;", []string{`key "k"`, "not in the final value", "2ms..3ms", `"b;"`}},
		{"twice", appends, "a;b;a;", []string{`key "k"`, "appended twice, to bytes 2 and 6", `"a;"`}},
		{"unknown twice", appends, "a;b;u;u;", []string{"appended twice", `"u;"`}},
		{"refused, but there", appends, "a;b;n;", []string{"refused, but its token", `"n;"`}},
		{"from nowhere", appends, "a;b;x;", []string{"byte 4", "no token"}},
		{"torn", appends, "a;b;u", []string{"byte 4", "no token"}},
		{"another place than replied", appends, "a;u;b;", []string{"ends at byte 6", `"b;"`}},
		{"wrong order", "1 0..1 APPEND k a; -> 4\n 1 2..3 APPEND k b; -> 2", "b;a;", []string{"wrong order", `"a;"`, `"b;"`, "2ms..3ms"}},
		{"unknown before its call", "1 0..1 APPEND k a; -> 4\n 1 2..0 APPEND k u; -> ?", "u;a;", []string{"wrong order"}},
		{"together, either order", "1 0..2 APPEND k a; -> 4\n 1 2..3 APPEND k b; -> 2", "b;a;", nil},
		{"other writes", "1 0..2 SET k a -> OK", "a", []string{"cannot be judged"}},

		{"count", counts, "2", nil},
		{"count with the unknown one", counts, "3", nil},
		{"absent", "1 0..1 INCRBY k 1 -> refused", "", nil},
		{"answered with an error", "1 0..1 INCRBY k 1 -> error", "", nil},
		{"lost increment", counts, "1", []string{`key "k"`, "counts 1 after 2 acknowledged"}},
		{"absent after increments", counts, "", []string{"counts 0 after 2"}},
		{"one too many", counts, "4", []string{"counts 4 after 2 acknowledged increments and 1 of"}},
		{"no counter", counts, "x", []string{"no counter"}},
		{"same answer twice", "1 0..1 INCRBY k 1 -> 1\n 1 2..3 INCRBY k 1 -> 1", "2", []string{"answered alike", "2ms..3ms"}},
		{"counted before it", "1 0..1 INCRBY k 1 -> 2\n 1 2..3 INCRBY k 1 -> 1", "2", []string{"wrong order", "0s..1ms", "2ms..3ms"}},
		{"answer above the end", "1 0..1 INCRBY k 1 -> 7", "1", []string{"counts 1 in the end", "7"}},
		{"by more than one", "1 0..1 INCRBY k 2 -> 2", "2", []string{"cannot be judged"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := check.ExactlyOnce(parse(t, test.history), map[string]string{"k": test.final})
			wantError(t, err, test.want...)
		})
	}
}

func TestExactlyOnceSaysNoMoreThanNeeded(t *testing.T) {
	h, _ := tokens(1000)
	err := check.ExactlyOnce(h, map[string]string{"k": ""})
	wantError(t, err, "... and 990 more")
}

func TestExactlyOnceIsFast(t *testing.T) {
	h, final := tokens(100_000)
	start := time.Now()
	wantError(t, check.ExactlyOnce(h, map[string]string{"k": final}))
	if took := time.Since(start); took > time.Minute {
		t.Errorf("100,000 appends to one key took %v", took)
	}
}

func TestExactlyOnceRefusesTokensThatLeaveDoubt(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("token \"ab\" begins with token \"a\", and nobody minded")
		}
	}()
	_ = check.ExactlyOnce(parse(t, "1 0..1 APPEND k a -> 1\n 1 2..3 APPEND k ab -> 3"), map[string]string{"k": "aab"})
}

// tokens returns acknowledged appends, and what they make of the key.
func tokens(n int) (check.History, string) {
	var h check.History
	var value strings.Builder
	for i := range n {
		token := fmt.Sprint(i, ";")
		value.WriteString(token)
		at := time.Duration(i)
		h = append(h, check.Operation{
			Call: at, Return: at + 10, Kind: check.Append, Keys: []string{"k"}, Values: []string{token},
			Outcome: katakv.OutcomeApplied, Reply: check.Reply{Kind: check.Int, Int: int64(value.Len())},
		})
	}
	return h, value.String()
}

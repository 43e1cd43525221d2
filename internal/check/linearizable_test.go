package check_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/require"
)

func TestLinearizable(t *testing.T) {
	tests := []struct {
		name, history string
		want          []string // parts of the failure; none if the history is good
	}{
		{"empty", "", nil},
		{"read what was written", "1 0..1 SET k a -> OK\n 1 2..3 GET k -> a", nil},
		{"lost write", "1 0..1 SET k a -> OK\n 1 2..3 GET k -> nil", []string{`keys ["k"]`, `SET "k" "a"`, "2ms..3ms GET", "1 of 1 groups"}},
		{"concurrent, either", "1 0..9 SET k a -> OK\n 2 1..2 GET k -> nil\n 2 3..4 GET k -> a", nil},
		{"back and forth", "1 0..9 SET k a -> OK\n 2 1..2 GET k -> a\n 2 3..4 GET k -> nil", []string{`"k"`}},
		{"touching intervals overlap", "1 0..2 SET k a -> OK\n 2 2..3 GET k -> nil", nil},
		{"invented value", "1 0..1 GET k -> a", []string{`"k"`}},
		{"refused write stays out", "1 0..1 SET k a -> refused\n 1 2..3 GET k -> nil", nil},
		{"refused write happened", "1 0..1 SET k a -> refused\n 1 2..3 GET k -> a", []string{`"k"`}},
		{"unknown write never", "1 0..1 SET k a -> ?\n 1 2..3 GET k -> nil", nil},
		{"unknown write late", "1 0..1 SET k a -> ?\n 1 2..3 GET k -> nil\n 1 4..5 GET k -> a", nil},
		{"unknown write twice", "1 0..1 SET k a -> ?\n 1 2..3 GET k -> a\n 1 4..5 SET k b -> OK\n 1 6..7 GET k -> a", []string{`"k"`}},
		{"unknown write before its call", "1 0..1 GET k -> a\n 1 2..3 SET k a -> ?", []string{`"k"`}},
		{"failed read", "1 0..1 SET k a -> OK\n 1 2..3 GET k -> ?\n 1 2..3 GET k -> refused", nil},
		{"unknown increments are twins", strings.Repeat("1 0..0 INCRBY k 1 -> ?\n", 30) + "2 5..6 GET k -> 17\n 2 7..8 GET k -> 29", nil},
		{"more increments than calls", strings.Repeat("1 0..0 INCRBY k 1 -> ?\n", 30) + "2 5..6 GET k -> 31", []string{`"k"`}},
		{"unknown writes nobody saw", manySets(60) + "2 100..101 SET k z -> OK\n 2 102..103 GET k -> z", nil},
		{"unknown appends, one seen", manyAppends(40) + "2 100..101 GET k -> 7;\n 2 102..103 APPEND k z -> 3", nil},
		{"unknown append seen twice", manyAppends(20) + "2 100..101 GET k -> 7;7;", []string{`"k"`}},
		{"unknown writes and a look", manySets(40) + "2 100..101 EXISTS k -> 1\n 2 102..103 GET k -> 39", nil},

		{"SET NX", "1 0..1 SET k a NX -> OK\n 1 2..3 SET k b NX -> nil\n 1 4..5 GET k -> a", nil},
		{"SET NX on a value", "1 0..1 SET k a -> OK\n 1 2..3 SET k b NX -> OK", []string{`"k"`}},
		{"SET XX", "1 0..1 SET k a XX -> nil\n 1 2..3 SET k b -> OK\n 1 4..5 SET k c XX -> OK", nil},
		{"SET XX on nothing", "1 0..1 SET k a XX -> OK", []string{`"k"`}},
		{"SET GET", "1 0..1 SET k a GET -> nil\n 1 2..3 SET k b GET -> a\n 1 4..5 SET k c NX GET -> b\n 1 6..7 GET k -> b", nil},
		{"SET GET of another", "1 0..1 SET k a GET -> a", []string{`"k"`}},
		{"SETNX", "1 0..1 SETNX k a -> 1\n 1 2..3 SETNX k b -> 0\n 1 4..5 GET k -> a", nil},
		{"two SETNX win", "1 0..9 SETNX k a -> 1\n 2 0..9 SETNX k b -> 1", []string{`"k"`}},
		{"CAS", "1 0..1 SET k a -> OK\n 1 2..3 CAS k a b -> 1\n 1 4..5 CAS k a c -> 0\n 1 6..7 GET k -> b", nil},
		{"CAS on nothing", "1 0..1 CAS k a b -> 1", []string{`"k"`, "CAS"}},
		{"two CAS win", "1 0..1 SET k a -> OK\n 1 2..9 CAS k a b -> 1\n 2 2..9 CAS k a c -> 1", []string{`"k"`}},
		{"none of two CAS wins", "1 0..1 SET k a -> OK\n 1 2..9 CAS k a b -> 0\n 2 2..9 CAS k a c -> 0", []string{`"k"`}},
		{"CAS lost to one of unknown outcome", "1 0..1 SET k a -> OK\n 1 2..3 CAS k a b -> ?\n 2 4..5 CAS k a c -> 0\n 2 6..7 GET k -> b", nil},
		{"CAS after one of unknown outcome was seen", "1 0..1 SET k a -> OK\n 1 2..3 CAS k a b -> ?\n 2 4..5 GET k -> b\n 2 6..7 CAS k a c -> 1", []string{`"k"`}},
		{"APPEND", "1 0..1 APPEND k ab -> 2\n 1 2..3 APPEND k c -> 3\n 1 4..5 GET k -> abc\n 1 6..7 STRLEN k -> 3", nil},
		{"APPEND lost", "1 0..1 APPEND k ab -> 2\n 1 2..3 APPEND k c -> 1", []string{`"k"`}},
		{"STRLEN of nothing", "1 0..1 STRLEN k -> 0", nil},
		{"INCRBY", "1 0..9 INCRBY k 5 -> 5\n 2 0..9 INCRBY k -7 -> -2\n 1 10..11 GET k -> -2", nil},
		{"same count twice", "1 0..9 INCRBY k 1 -> 1\n 2 0..9 INCRBY k 1 -> 1", []string{`"k"`}},
		{"INCRBY of a word", "1 0..1 SET k a -> OK\n 1 2..3 INCRBY k 1 -> error not an integer\n 1 4..5 GET k -> a", nil},
		{"INCRBY of 01", "1 0..1 SET k 01 -> OK\n 1 2..3 INCRBY k 1 -> error not an integer", nil},
		{"INCRBY over the end", "1 0..1 SET k 9223372036854775807 -> OK\n 1 2..3 INCRBY k 1 -> error overflow", nil},
		{"refused without reason", "1 0..1 SET k 1 -> OK\n 1 2..3 INCRBY k 1 -> error not an integer", []string{`"k"`, "not an integer"}},
		{"DEL counts a key once", "1 0..1 SET k a -> OK\n 1 2..3 DEL k k -> 1\n 1 4..5 DEL k -> 0\n 1 6..7 GET k -> nil", nil},
		{"DEL counts it twice", "1 0..1 SET k a -> OK\n 1 2..3 DEL k k -> 2", []string{`"k"`}},
		{"EXISTS counts repeats", "1 0..1 SET k a -> OK\n 1 2..3 EXISTS k k -> 2", nil},

		{"tag: torn MSET", "1 0..9 MSET {g}a 1 {g}b 1 -> OK\n 2 1..2 MGET {g}a {g}b -> 1 nil", []string{`"{g}a" "{g}b"`}},
		{"no tag: parts", "1 0..9 MSET a 1 b 1 -> OK\n 2 1..2 MGET a b -> 1 nil", nil},
		{"no tag: part lost", "1 0..1 MSET a 1 b 1 -> OK\n 2 2..3 MGET a b -> 1 nil", []string{`"b"`, "1 of 2 groups"}},
		{"no tag: array too short", "2 2..3 MGET a b -> nil", []string{`"a"`}},
		{"empty tag is none", "1 0..9 MSET {}a 1 {}b 1 -> OK\n 2 1..2 MGET {}a {}b -> 1 nil", nil},
		{"a tag is also a key", "1 0..9 MSET g 1 {g}b 1 -> OK\n 2 1..2 MGET g {g}b -> 1 nil", []string{`"g" "{g}b"`}},
		{"ties through others", "1 0..9 MSET {g}a 1 {g}b 1 -> OK\n 2 0..9 MSET {g}b 1 {g}c 1 -> OK\n 3 1..2 GET {g}a -> 1", nil},
		{"last of repeated keys", "1 0..1 MSET k 1 k 2 -> OK\n 1 2..3 GET k -> 2", nil},
		{"DEL of some", "1 0..1 SET a 1 -> OK\n 1 2..3 DEL a b -> 1\n 1 4..5 GET a -> nil", nil},
		{"DEL of some without effect", "1 0..1 SET a 1 -> OK\n 1 2..3 DEL a b -> 1\n 1 4..5 GET a -> 1", []string{`"a"`}},
		{"DEL of none", "1 0..1 SET a 1 -> OK\n 1 2..3 DEL a b -> 0", []string{`"a"`}},
		{"DEL of all", "1 0..1 SET a 1 -> OK\n 1 2..3 DEL a b -> 2", []string{`"b"`}},
		{"EXISTS of some says nothing", "1 2..3 EXISTS a b -> 1", nil},
		{"EXISTS of none", "1 0..1 SET a 1 -> OK\n 1 2..3 EXISTS a b -> 0", []string{`"a"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			verdict := check.Linearizable(parse(t, test.history), check.LinearizableOptions{})
			wantError(t, verdict.Failed(), test.want...)
		})
	}
}

// manySets writes n values with unknown outcome to one key.
func manySets(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "1 %d..0 SET k %d -> ?\n", i, i)
	}
	return text.String()
}

// manyAppends appends n tokens with unknown outcome to one key.
func manyAppends(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "1 %d..0 APPEND k %d; -> ?\n", i, i)
	}
	return text.String()
}

func TestLinearizableFromInitialState(t *testing.T) {
	h := parse(t, "1 0..1 GET k -> a\n 1 2..3 INCRBY n 1 -> 8")
	initial := map[string]string{"k": "a", "n": "7"}
	wantError(t, check.Linearizable(h, check.LinearizableOptions{Initial: initial}).Failed())
	wantError(t, check.Linearizable(h, check.LinearizableOptions{}).Failed(), "2 of 2 groups")
}

func TestVerdictShowsOffendingGroupsOnly(t *testing.T) {
	h := parse(t, "1 0..1 SET good a -> OK\n 1 2..3 SET bad b -> OK\n 2 2..3 SET bad u -> ?\n 1 4..5 GET bad -> c")
	verdict := check.Linearizable(h, check.LinearizableOptions{})
	if verdict.Operations != 3 || verdict.Indefinite != 0 {
		t.Errorf("got %d operations, %d indefinite, want 3 and 0: nobody saw u", verdict.Operations, verdict.Indefinite)
	}
	offending := verdict.Offending()
	if len(offending) != 1 || offending[0].Keys[0] != "bad" || !strings.Contains(offending[0].String(), `GET "bad" -> "c"`) {
		t.Errorf("got %v, want the group of \"bad\"", offending)
	}
	var page bytes.Buffer
	if err := verdict.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "bad") || strings.Contains(page.String(), `"good`) {
		t.Error("the drawing is not of the offending group")
	}
	page.Reset()
	if err := check.Linearizable(h[:1], check.LinearizableOptions{}).WriteHTML(&page); err != nil || page.Len() > 0 {
		t.Errorf("a good history was drawn: %d bytes, %v", page.Len(), err)
	}
}

func TestSearchOutOfTimeFails(t *testing.T) {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "%d 0..1000 APPEND k %c -> ?\n", i, 'A'+i)
	}
	text.WriteString("0 2000..2001 STRLEN k -> 30\n0 2002..2003 GET k -> none\n")
	verdict := check.Linearizable(parse(t, text.String()), check.LinearizableOptions{Timeout: 1})
	wantError(t, verdict.Failed(), `"k"`, "ran out of time")
}

// TestLinearizableAgreesWithTrial compares with a search that tries everything, over small random histories: the
// rules that save the search work must not change what it finds.
func TestLinearizableAgreesWithTrial(t *testing.T) {
	draw := rand.New(rand.NewPCG(require.Seed(t), 1))
	bad := 0
	for i := range 5_000 {
		h := randomHistory(draw, samples[i%len(samples)])
		want := trial(h, map[string]string{}, 0)
		err := check.Linearizable(h, check.LinearizableOptions{}).Failed()
		if !want {
			bad++
		}
		if (err == nil) != want {
			for i := range h {
				t.Log(&h[i])
			}
			t.Fatalf("got %v, but linearizable is %v (seed %d)", err, want, require.Seed(t))
		}
	}
	if bad < 500 || bad > 4_500 {
		t.Errorf("%d of 5000 histories were bad: a sample of this kind shows little", bad)
	}
}

func TestVerdictDoesNotDependOnWorkers(t *testing.T) {
	h := loadHistory(2000, 20, 5)
	h[1000].Reply = check.Reply{Kind: check.Bulk, Bulk: "x"}
	one := check.Linearizable(h, check.LinearizableOptions{})
	four := check.Linearizable(h, check.LinearizableOptions{Workers: 4})
	if one.Failed() == nil || four.Failed() == nil || one.Failed().Error() != four.Failed().Error() {
		t.Errorf("got %v and %v", one.Failed(), four.Failed())
	}
}

// sample is what random histories are made of: operations with letters in them, and what the letters stand for.
type sample struct {
	deeds   []string
	choices map[string][]string
}

var samples = []sample{
	{ // everything
		deeds: []string{
			"GET a -> R", "GET a -> R", "MGET a b -> R R", "EXISTS a b -> #", "STRLEN a -> #", "SET a V -> OK", "SET a V -> OK",
			"SET a V NX -> OK", "SET a V XX -> nil", "SET a V GET -> R", "SET a V NX GET -> R", "SET a V XX GET -> ?", "SETNX a V -> #", "MSET a V b V -> OK", "DEL a -> #",
			"DEL a b -> #", "INCRBY a 1 -> #", "APPEND a V -> #", "CAS a V V -> #", "CAS a V V -> #",
		},
		choices: map[string][]string{"V": {"1", "2", "x"}, "R": {"1", "2", "x", "nil", "nil"}, "#": {"0", "1", "2"}},
	},
	{ // values that are told exactly
		deeds:   []string{"GET a -> R", "GET a -> R", "SET a V -> OK", "SET a V GET -> R", "MSET a V b V -> OK", "MGET a b -> R R", "DEL a -> ?"},
		choices: map[string][]string{"V": {"1", "2", "x"}, "R": {"1", "2", "x", "nil"}},
	},
	{ // conditional writes
		deeds:   []string{"GET a -> R", "SET a V -> OK", "CAS a V V -> #", "CAS a V V -> #", "CAS a V V -> ?", "DEL a -> #", "SETNX a V -> #"},
		choices: map[string][]string{"V": {"1", "2", "x"}, "R": {"1", "2", "x", "nil"}, "#": {"0", "1"}},
	},
	{ // keys that are only appended to
		deeds:   []string{"GET a -> R", "GET a -> R", "APPEND a V -> #", "APPEND a V -> ?", "STRLEN a -> #"},
		choices: map[string][]string{"V": {"x", "y", "xy"}, "R": {"x", "y", "xy", "xyx", "yx", "nil"}, "#": {"1", "2", "3"}},
	},
}

// randomHistory returns a few overlapping operations on two keys that share a tag, with replies that may be wrong.
func randomHistory(draw *rand.Rand, from sample) check.History {
	var h check.History
	for i := range 3 + draw.IntN(4) {
		keys := map[string]string{"a": "{t}a", "b": "{t}b"}
		if draw.IntN(2) == 0 {
			keys["a"], keys["b"] = keys["b"], keys["a"]
		}
		words := strings.Fields(from.deeds[draw.IntN(len(from.deeds))])
		for j, word := range words {
			if some := from.choices[word]; some != nil {
				words[j] = some[draw.IntN(len(some))]
			}
			words[j] = cmp.Or(keys[word], words[j])
		}
		deed := strings.Join(words, " ")
		if command, _, _ := strings.Cut(deed, " -> "); draw.IntN(3) == 0 {
			deed = command + " -> ?"
		}
		call := draw.IntN(8)
		op, err := parseOperation(fmt.Sprintf("%d %d..%d %s", i, call, call+draw.IntN(4), deed))
		if err != nil {
			panic(err)
		}
		h = append(h, op)
	}
	return h
}

// trial reports whether the operations outside the set done can follow in some order.
func trial(h check.History, state map[string]string, done int) bool {
	open := check.Never
	finished := true
	for i, op := range h {
		if done&(1<<i) == 0 && op.Outcome == katakv.OutcomeApplied {
			open, finished = min(open, op.Return), false
		}
	}
	if finished {
		return true
	}
	for i, op := range h {
		if done&(1<<i) != 0 || op.Call > open || op.Outcome != katakv.OutcomeApplied && !op.Kind.Writes() {
			continue
		}
		next, reply := redis(state, op)
		if op.Outcome == katakv.OutcomeUnknown || fmt.Sprint(reply) == fmt.Sprint(op.Reply) {
			if trial(h, next, done|1<<i) {
				return true
			}
		}
	}
	return false
}

func BenchmarkLinearizable(b *testing.B) {
	h := loadHistory(3500, 40, 30)
	b.ReportAllocs()
	for b.Loop() {
		if err := check.Linearizable(h, check.LinearizableOptions{}).Failed(); err != nil {
			b.Fatal(err)
		}
	}
}

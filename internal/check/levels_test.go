package check_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

// levelCase is a history in the form of parse, and what a checker finds in it.
type levelCase struct {
	name, history string
	want          []string
}

func runLevelCases(t *testing.T, judge func(check.History) error, cases []levelCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wantError(t, judge(parse(t, c.history)), c.want...) })
	}
}

// twoWrites replaces a by b.
const twoWrites = "1 0..1 SET k a -> OK @ 5\n 1 10..11 SET k b -> OK @ 7\n"

func TestSessions(t *testing.T) {
	const wrote = "1 0..1 SET k a -> OK @ 5 s1\n 1 10..11 SET k b -> OK @ 7 s1\n"
	runLevelCases(t, check.Sessions, []levelCase{
		{"reads its writes", wrote + "1 20..21 GET k -> b @ 7 session s1", nil},
		{"reads newer ones", wrote + "2 12..13 SET k c -> OK @ 8\n 1 20..21 GET k -> c @ 8 session s1", nil},
		{"does not", wrote + "1 20..21 GET k -> a @ 9 session s1", []string{"session 1", `key "k"`, "written at index 5", "seen or written 7"}},
		{"does not, by index", wrote + "1 20..21 GET x -> nil @ 6 session s1", []string{"answered at index 6, though 7 had been seen"}},
		{"sees it absent", wrote + "1 20..21 GET k -> nil @ 7 session s1", []string{"absent, though"}},
		{"sees it deleted", wrote + "2 12..13 DEL k -> 1 @ 8\n 1 20..21 GET k -> nil @ 8 session s1", nil},
		{"sees it deleted perhaps", wrote + "2 12..13 DEL k -> ?\n 1 20..21 GET k -> nil @ 8 session s1", nil},
		{"goes back", twoWrites + "2 12..13 GET k -> b @ 7 session s1\n 2 14..15 GET k -> a @ 7 session s1", []string{"written at index 5"}},
		{
			"goes back among many", twoWrites + "2 12..13 MGET x k -> nil b @ 7 session s1\n 2 14..15 MGET k x -> a nil @ 7 session s1",
			[]string{"written at index 5"},
		},
		{"goes back elsewhere", twoWrites + "2 12..13 GET k -> b @ 7 session s1\n 3 14..15 GET k -> a @ 5 session s2", nil},
		{"goes back in another shape", twoWrites + "2 12..13 GET k -> b @ 7 session s1\n 2 14..15 GET k -> a @ 5 eventual s1", nil},
		{"at the same time", twoWrites + "2 12..19 GET k -> b @ 7 session s1\n 2 14..15 GET k -> a @ 5 session s1", nil},
		{"strong counts too", twoWrites + "2 12..13 GET k -> b @ 7 s1\n 2 14..15 GET k -> a @ 7 s1", []string{"written at index 5"}},
		{"eventual raises", twoWrites + "2 12..13 GET k -> b @ 7 eventual s1\n 2 14..15 GET k -> a @ 5 session s1", []string{"answered at index 5"}},
		{"writes before what it read", "2 0..1 GET k -> nil @ 9 session s1\n 2 2..3 SET k c -> OK @ 9 s1", []string{"a write took effect at index 9, though 9"}},
		{"counter", "1 0..1 INCRBY n 1 -> 1 @ 3 s1\n 1 2..3 INCRBY n 1 -> 2 @ 4 s1\n 1 5..6 GET n -> 1 @ 4 session s1", []string{"written at index 3"}},
		{"list", "1 0..1 APPEND l ab -> 2 @ 3 s1\n 1 2..3 APPEND l cd -> 4 @ 4 s1\n 1 5..6 GET l -> ab @ 4 session s1", []string{"written at index 3"}},
	})
}

func TestBounded(t *testing.T) {
	runLevelCases(t, check.Bounded, []levelCase{
		{"current", twoWrites + "2 20..21 GET k -> b @ 7 bounded age0", nil},
		{"stale within its age", twoWrites + "2 20..21 GET k -> a @ 5 bounded age10", nil},
		{"stale beyond it", twoWrites + "2 20..21 GET k -> a @ 5 bounded age8", []string{`key "k"`, "of age 8ms", "replaced by 12ms", "SET"}},
		{"absent within it", twoWrites + "2 20..21 GET k -> nil @ 4 bounded age20", nil},
		{"absent beyond it", twoWrites + "2 20..21 GET k -> nil @ 4 bounded age10", []string{"absent", "written by 10ms"}},
		{"deleted", twoWrites + "1 12..13 DEL k -> 1 @ 8\n 2 20..21 GET k -> nil @ 8 bounded age0", nil},
		{"deleted perhaps", twoWrites + "1 12..13 DEL k -> ?\n 2 20..21 GET k -> nil @ 8 bounded age0", nil},
		{
			"deleted and back", twoWrites + "1 12..13 DEL k -> 1 @ 8\n 1 14..15 SET k c -> OK @ 9\n 2 20..21 GET k -> nil @ 8 bounded age1",
			[]string{"absent", "written by 19ms"},
		},
		{"eventual may not lie either", twoWrites + "2 20..21 GET k -> a @ 5 eventual age8", []string{"of age 8ms"}},
		{"eventual need not say", twoWrites + "2 20..21 GET k -> a @ 5 eventual", nil},
		{"bounded must say", twoWrites + "2 20..21 GET k -> b @ 7 bounded", []string{"is said to be"}},
		{"list", "1 0..1 APPEND l ab -> 2 @ 3\n 1 2..3 APPEND l cd -> 4 @ 4\n 2 20..21 GET l -> ab @ 3 bounded age5", []string{"replaced by 15ms"}},
	})
	h := parse(t, twoWrites+"2 20..21 GET k -> b @ 7 bounded age5")
	h[2].Asked.Bound = 4 * time.Millisecond
	wantError(t, check.Bounded(h), "within 4ms is said to be 5ms old")
}

func TestRevisions(t *testing.T) {
	runLevelCases(t, check.Revisions, []levelCase{
		{"exact", twoWrites + "2 20..21 GET k -> a @ 6 eventual\n 2 22..23 GET k -> b @ 9 eventual", nil},
		{"from the future", twoWrites + "2 20..21 GET k -> b @ 6 eventual", []string{"seen at index 6, though it was written at 7"}},
		{"from the past", twoWrites + "2 20..21 GET k -> a @ 7 session", []string{"seen at index 7, though it was replaced at 7"}},
		{"among writes of its entry", twoWrites + "2 20..21 GET k -> a @ 7", nil},
		{"long past", twoWrites + "2 20..21 GET k -> a @ 8", []string{"replaced at 7"}},
		{"absent before", twoWrites + "2 20..21 GET k -> nil @ 4 eventual", nil},
		{"absent after", twoWrites + "2 20..21 GET k -> nil @ 8 eventual", []string{"absent at index 8, though a write at 7"}},
		{"not written after all", "1 0..1 SET k a -> OK @ 5\n 1 2..3 SET k b NX -> nil @ 6\n 2 20..21 GET k -> a @ 8 eventual", nil},
	})
}

func TestEventual(t *testing.T) {
	judge := func(h check.History) error { return check.Eventual(h, nil, nil) }
	runLevelCases(t, judge, []levelCase{
		{"old", twoWrites + "2 20..21 GET k -> a @ 5 eventual", nil},
		{"absent", twoWrites + "2 20..21 GET k -> nil @ 4 eventual", nil},
		{"invented", twoWrites + "2 20..21 GET k -> c @ 7 eventual", []string{`key "k"`, "nobody had written"}},
		{"of the future", twoWrites + "2 2..3 GET k -> b @ 7 eventual", []string{"nobody had written"}},
		{"perhaps written", "1 0..1 SET k a -> ?\n 2 2..3 GET k -> a @ 7 eventual", nil},
		{"refused", "1 0..1 SET k a -> refused\n 2 2..3 GET k -> a @ 7 eventual", []string{"nobody had written"}},
		{"counter", "1 0..1 INCRBY n 1 -> 1 @ 3\n 2 2..3 GET n -> 2 @ 3 eventual", []string{"nobody had written"}},
		{"list", "1 0..1 APPEND l ab -> 2 @ 3\n 2 2..3 GET l -> abc @ 3 eventual", []string{"nobody had written"}},
	})
	final := map[string]string{"k": "b"}
	h := parse(t, twoWrites)
	wantError(t, check.Eventual(h, parse(t, "3 50..51 GET k -> b\n 3 50..51 GET x -> nil"), final))
	wantError(t, check.Eventual(h, parse(t, "3 50..51 GET k -> a"), final), `key "k"`, "in the end")
	wantError(t, check.Eventual(h, parse(t, "3 50..51 GET k -> nil"), final), `key "k"`, "in the end")
	wantError(t, check.Eventual(h, parse(t, "3 50..51 GET x -> a"), final), `key "x"`, "in the end")
}

// Reads that claim less are not judged as if they were strong, and those that claim to be strong are.
func TestOnlyStrongReadsAreHeldToTheOrder(t *testing.T) {
	judge := func(h check.History) error { return check.Linearizable(h, check.LinearizableOptions{}).Failed() }
	for level := katakv.LevelStrong; level.Valid(); level++ {
		h := parse(t, twoWrites+"2 20..21 GET k -> a @ 5 "+level.String())
		if err := judge(h); (err != nil) != (level == katakv.LevelStrong) {
			t.Errorf("%v: got %v", level, err)
		}
	}
}

package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

// at is an operation that returned after so many milliseconds.
func at(millis int, key string, outcome katakv.Outcome) check.Operation {
	op := check.Operation{
		Kind: check.Set, Keys: []string{key}, Values: []string{key}, Outcome: outcome,
		Call: time.Duration(millis-1) * time.Millisecond, Return: time.Duration(millis) * time.Millisecond,
	}
	if outcome == katakv.OutcomeUnknown {
		op.Return = check.Never
	}
	return op
}

func TestLongestGap(t *testing.T) {
	shards := fourShards()[:2]
	first, second := shards[0].slots.Key("a"), shards[1].slots.Key("b")
	h := check.History{
		at(200, first, katakv.OutcomeApplied), at(100, second, katakv.OutcomeApplied), at(900, first, katakv.OutcomeApplied),
		at(500, first, katakv.OutcomeUnknown), at(600, second, katakv.OutcomeNotApplied), at(1000, second, katakv.OutcomeApplied),
	}
	if got := longestGap(h, shards, 0, 1200*time.Millisecond); got != 900*time.Millisecond {
		t.Errorf("got %v, want the 900 ms between the writes of the second shard", got)
	}
	if got := longestGap(h, shards, 0, 3*time.Second); got != 2100*time.Millisecond {
		t.Errorf("got %v, want the 2.1 s after the last write of the first shard", got)
	}
}

func TestSecondsOf(t *testing.T) {
	h := check.History{
		at(100, "a", katakv.OutcomeApplied), at(2100, "a", katakv.OutcomeNotApplied), at(2200, "a", katakv.OutcomeUnknown),
	}
	got := secondsOf(h, 0)
	if len(got) != 3 || got[0] != (Second{Applied: 1}) || got[1] != (Second{}) || got[2] != (Second{Refused: 1, Unknown: 1}) {
		t.Errorf("got %+v", got)
	}
}

func TestAlarms(t *testing.T) {
	for log, want := range map[string]string{
		"":                              "",
		"level=INFO msg=\"no panic: \"": "",
		"level=INFO\npanic: BUG: commit 5 below applied 7\n\ngoroutine 1": "panic: BUG: commit 5 below applied 7\n\ngoroutine 1",
		"fatal error: concurrent map writes":                              "fatal error: concurrent map writes",
	} {
		if got := alarmIn(log); got != want {
			t.Errorf("%q: got %q, want %q", log, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	if all, err := Find("all"); err != nil || len(all) != len(scenarios) {
		t.Errorf("all: got %d scenarios, %v", len(all), err)
	}
	some, err := Find("power", "kill")
	if err != nil || len(some) != 2 || some[0].Name != "power" {
		t.Errorf("two names: got %v, %v", some, err)
	}
	if _, err := Find("thunder"); err == nil || !strings.Contains(err.Error(), `no scenario "thunder"; there are: kill,`) {
		t.Errorf("got %v, want the names that there are", err)
	}
	seen := map[string]bool{}
	for _, s := range scenarios {
		if seen[s.Name] || s.Title == "" || s.nemesis == nil {
			t.Errorf("scenario %q is there twice, or has no title or nemesis", s.Name)
		}
		seen[s.Name] = true
	}
}

// TestReport writes a report of one scenario of each kind of end.
func TestReport(t *testing.T) {
	dir, left := t.TempDir(), t.TempDir()
	log := filepath.Join(left, "cluster", "node-1")
	if err := os.MkdirAll(log, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(log, "log"), []byte("last words"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := at(30, "a", katakv.OutcomeApplied)
	second.Values = []string{"<b>"}
	h := check.History{at(10, "a", katakv.OutcomeApplied), second, at(35, "a", katakv.OutcomeUnknown), {
		Kind: check.Get, Keys: []string{"a"}, Call: 40 * time.Millisecond, Return: 50 * time.Millisecond,
		Outcome: katakv.OutcomeApplied, Reply: check.Reply{Kind: check.Bulk, Bulk: "a thing that nobody wrote"},
	}}
	for i := range 2 {
		h[i].Reply = check.Reply{Kind: check.OK}
	}
	bad := &Result{Scenario: "bad", Nodes: 1, history: h, dir: left, Errors: map[string]int{"dial": 2}, Examples: map[string]string{"dial": "<refused>"}}
	tally := newTally()
	judge(bad, h, nil, nil, tally)
	bad.Violations = tally.violations()
	good := &Result{
		Scenario: "good", Throughput: []Second{{Applied: 5}, {Unknown: 1}}, Duration: 2 * time.Second,
		Faults: []Fault{{Kind: FaultKill, Node: 1, Text: "node 1", From: time.Second, To: 2 * time.Second}},
	}
	if err := WriteReport(dir, []*Result{good, bad, {Scenario: "other", Skipped: "no right to"}}); err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string][]string{
		pageName: {
			"3 operations", "<title>kill: node 1, 1.0 s to 2.0 s</title>", "not linearizable", `href="bad/linearizability.html"`,
			"&lt;refused&gt;", "no right to", "prefers-color-scheme: dark",
		},
		resultsName:          {`"scenario": "good"`, `"longestGap"`},
		"bad/history.jsonl":  {`"command":["SET","a","a"]`, `"outcome":"unknown"`, `"outcome":"applied"`},
		"bad/node-1.log":     {"last words"},
		"bad/" + drawingName: {"<html"},
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range words {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s does not hold %q", name, want)
			}
		}
	}
	if strings.Contains(tally.violations()[0], "ran out of time") {
		t.Error(tally.violations()[0])
	}
}

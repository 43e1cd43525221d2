package chaos

import (
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/slot"
)

// Result is what one scenario came to.
type Result struct {
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
	Seed     uint64 `json:"seed"`
	Nodes    int    `json:"nodes"`
	Clients  int    `json:"clients"`
	// Skipped says why the scenario could not run here.
	Skipped string `json:"skipped,omitempty"`
	// Trouble says how the harness itself failed; then there is no verdict.
	Trouble string `json:"trouble,omitempty"`
	// Violations are what must not have happened.
	Violations []string `json:"violations"`

	Duration time.Duration `json:"duration"` // of the workload
	// Applied, Refused and Unknown are the clients' operations by outcome. Checked are those that were judged: the
	// applied ones, the writes of unknown outcome, and the reads at the end.
	Applied int `json:"applied"`
	Refused int `json:"refused"`
	Unknown int `json:"unknown"`
	Checked int `json:"checked"`
	// LongestGap is the longest time that a shard which was asked took no write.
	LongestGap time.Duration `json:"longestGap"`
	// Recovery is how long it took after healing until every shard took a write through every node.
	Recovery time.Duration `json:"recovery"`
	Judging  time.Duration `json:"judging"`

	Errors     map[string]int    `json:"errors"` // what clients met, by kind
	Examples   map[string]string `json:"examples"`
	Faults     []Fault           `json:"faults"`
	Throughput []Second          `json:"throughput"`

	verdict *check.Verdict
	history check.History
	dir     string // what is kept of a scenario that failed
}

// Second is what clients were told within one second of a run.
type Second struct {
	Applied int `json:"applied"`
	Refused int `json:"refused"`
	Unknown int `json:"unknown"`
}

// OK reports whether the scenario ran and nothing was violated.
func (r *Result) OK() bool { return r.Skipped == "" && r.Trouble == "" && len(r.Violations) == 0 }

// Verdict says in a word how it ended.
func (r *Result) Verdict() string {
	switch {
	case r.Skipped != "":
		return "skipped"
	case len(r.Violations) > 0:
		return "VIOLATION"
	case r.Trouble != "":
		return "no verdict"
	}
	return "ok"
}

// Count returns how often the cluster was hurt in one of the ways.
func (r *Result) Count(kinds ...FaultKind) int {
	count := 0
	for _, f := range r.Faults {
		for _, kind := range kinds {
			if f.Kind == kind {
				count++
			}
		}
	}
	return count
}

// secondsOf counts the outcomes of a history by second after began; an operation of unknown outcome counts when it was sent.
func secondsOf(h check.History, began time.Duration) []Second {
	var seconds []Second
	for i := range h {
		at := h[i].Return
		if at == check.Never {
			at = h[i].Call
		}
		second := int((at - began) / time.Second)
		if second < 0 {
			continue
		}
		for len(seconds) <= second {
			seconds = append(seconds, Second{})
		}
		switch h[i].Outcome {
		case katakv.OutcomeApplied:
			seconds[second].Applied++
		case katakv.OutcomeUnknown:
			seconds[second].Unknown++
		default:
			seconds[second].Refused++
		}
	}
	return seconds
}

// longestGap returns the longest time without an acknowledged write in any shard, between began and ended.
func longestGap(h check.History, shards []shardSlots, began, ended time.Duration) time.Duration {
	longest := time.Duration(0)
	acked := make([][]time.Duration, len(shards))
	for i := range h {
		op := &h[i]
		if op.Outcome != katakv.OutcomeApplied || !op.Kind.Writes() {
			continue
		}
		for s := range shards {
			if shards[s].slots.Contains(slot.Of([]byte(op.Keys[0]))) {
				acked[s] = append(acked[s], op.Return)
			}
		}
	}
	for s := range acked {
		last := began
		for _, at := range sorted(append(acked[s], ended)) {
			longest = max(longest, at-last)
			last = at
		}
	}
	return longest
}

// Summary adds results up.
type Summary struct {
	Scenarios, Checked, Kills, PowerCuts, Violations int
}

// Summarize adds up the results of the scenarios that ran.
func Summarize(results []*Result) Summary {
	var sum Summary
	for _, r := range results {
		if r.Skipped != "" {
			continue
		}
		sum.Scenarios++
		sum.Checked += r.Checked
		sum.Kills += r.Count(FaultKill)
		sum.PowerCuts += r.Count(FaultPowerCut)
		sum.Violations += len(r.Violations)
	}
	return sum
}

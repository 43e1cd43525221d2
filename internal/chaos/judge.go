package chaos

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/clock"
)

// searchTimeout bounds the search through the history of one key.
const searchTimeout = time.Minute

// judge decides about a history that is complete, and notes violations. The final reads are part of it.
func judge(r *Result, h check.History, streams []*stream, finals []check.History, t *tally) {
	began := clock.Monotonic()
	verdict := check.Linearizable(h, check.LinearizableOptions{Timeout: searchTimeout, Workers: runtime.NumCPU()})
	r.verdict = &verdict
	r.Checked = verdict.Operations
	if err := verdict.Failed(); err != nil {
		t.violate("%v", err)
	}
	for _, s := range streams {
		r.Checked += len(s.history)
	}
	judgeStreams(streams, finals, t)
	r.Judging = clock.Monotonic() - began
}

// sorted sorts in place.
func sorted(times []time.Duration) []time.Duration {
	slices.Sort(times)
	return times
}

// alarms are what a process writes that ends by a fault of its own.
var alarms = []string{"panic:", "BUG:", "fatal error:", "DATA RACE"}

// alarmIn returns the line of a log that starts with an alarm, and a few lines after it.
func alarmIn(log string) string {
	lines := strings.Split(log, "\n")
	for i, line := range lines {
		for _, alarm := range alarms {
			if strings.HasPrefix(line, alarm) {
				return strings.Join(lines[i:min(i+12, len(lines))], "\n")
			}
		}
	}
	return ""
}

// judgeStreams compares what was read of the streams' keys in the end, through each node, with what their writers
// were told.
func judgeStreams(streams []*stream, finals []check.History, t *tally) {
	var written check.History
	for _, s := range streams {
		written = append(written, s.history...)
	}
	for _, read := range finals {
		held := map[string]string{}
		for _, s := range streams {
			held[s.key] = ""
		}
		for _, op := range read {
			held[op.Keys[0]] = op.Reply.Bulk
		}
		if err := check.ExactlyOnce(written, held); err != nil {
			t.violate("what clients wrote one by one: %v", err)
		}
		written = append(written, read...)
	}
	if err := check.Growth(written); err != nil {
		t.violate("what clients wrote one by one: %v", err)
	}
}

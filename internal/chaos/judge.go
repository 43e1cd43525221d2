package chaos

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/clock"
)

// searchTimeout bounds the search through the history of one key.
const searchTimeout = time.Minute

// judge decides about a history that is complete, and notes violations. The final reads are part of it.
func judge(r *Result, h check.History, streams []*stream, finals map[string][]check.Operation, t *tally) {
	began := clock.Monotonic()
	verdict := check.Linearizable(h, check.LinearizableOptions{Timeout: searchTimeout, Workers: runtime.NumCPU()})
	r.verdict = &verdict
	r.Checked = verdict.Operations
	if err := verdict.Failed(); err != nil {
		t.violate("%v", err)
	}
	for _, s := range streams {
		r.Checked += len(s.history)
		judgeStream(s, finals[s.key], t)
	}
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

// judgeStream compares what was read of a stream's key in the end with what its writer was told.
func judgeStream(s *stream, finals []check.Operation, t *tally) {
	var acked, unknown int64
	for i := range s.history {
		switch s.history[i].Outcome {
		case katakv.OutcomeApplied:
			acked++
		case katakv.OutcomeUnknown:
			unknown++
		}
	}
	for _, final := range finals {
		count := int64(len(final.Reply.Bulk) / streamTokenBytes)
		if s.kind == check.IncrBy {
			count, _ = strconv.ParseInt(final.Reply.Bulk, 10, 64)
		}
		if count < acked || count > acked+unknown {
			t.violate("%s counts %d: %d writes were acknowledged and %d are of unknown outcome", s.key, count, acked, unknown)
		}
	}
}

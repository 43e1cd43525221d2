package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
)

// check judges what is stored under the key at the end.
func (w *writer) check(value client.Value) error {
	var acked, unknown, last int
	for i, outcome := range w.outcomes {
		switch outcome {
		case katakv.OutcomeApplied:
			acked++
			last = i + 1
		case katakv.OutcomeUnknown:
			unknown++
		}
	}
	switch w.command {
	case setNumber:
		return w.checkSet(value, last)
	case increment:
		return w.checkCount(value, acked, unknown)
	default:
		return w.checkRecords(value)
	}
}

// checkSet wants the last acknowledged attempt, or one of unknown fate: such a one may take effect late.
func (w *writer) checkSet(value client.Value, last int) error {
	if value.IsNull() {
		if last > 0 {
			return fmt.Errorf("%s is missing, and attempt %d was acknowledged", w.key, last)
		}
		return nil
	}
	number, err := strconv.Atoi(value.Text())
	if err != nil || number < 1 || number > len(w.outcomes) {
		return fmt.Errorf("%s holds %v, which nobody wrote", w.key, value)
	}
	if number != last && w.outcomes[number-1] != katakv.OutcomeUnknown {
		return fmt.Errorf("%s holds attempt %d, whose outcome is %v, and attempt %d was acknowledged last",
			w.key, number, outcomeName(w.outcomes[number-1]), last)
	}
	return nil
}

// checkCount wants every acknowledged attempt counted once, and no refused one.
func (w *writer) checkCount(value client.Value, acked, unknown int) error {
	count, err := strconv.Atoi(value.Text())
	if value.IsNull() {
		count, err = 0, nil
	}
	if err != nil || count < acked || count > acked+unknown {
		return fmt.Errorf("%s counts %v: %d attempts were acknowledged and %d are of unknown fate", w.key, value, acked, unknown)
	}
	previous := int64(0)
	for _, number := range slices.Sorted(maps.Keys(w.replies)) {
		if w.replies[number] <= previous || w.replies[number] > int64(count) {
			return fmt.Errorf("%s: attempt %d was told the count %d, the acknowledged one before it %d; in the end it is %d",
				w.key, number, w.replies[number], previous, count)
		}
		previous = w.replies[number]
	}
	return nil
}

// checkRecords wants the record of each acknowledged attempt where its reply said, one record at most of each
// attempt of unknown fate, and no other.
func (w *writer) checkRecords(value client.Value) error {
	text := value.Text()
	seen := map[int]bool{}
	for at := 0; at < len(text); at += recordBytes {
		end := at + recordBytes
		number, err := strconv.Atoi(strings.TrimSuffix(text[at:min(end, len(text))], ";"))
		if err != nil || number < 1 || number > len(w.outcomes) || end > len(text) {
			return fmt.Errorf("%s holds %q at byte %d, which nobody wrote", w.key, text[at:min(end, len(text))], at)
		}
		outcome := w.outcomes[number-1]
		switch {
		case seen[number]:
			return fmt.Errorf("%s holds attempt %d twice", w.key, number)
		case outcome == katakv.OutcomeNotApplied:
			return fmt.Errorf("%s holds attempt %d, whose reply said that it was not applied", w.key, number)
		case outcome == katakv.OutcomeApplied && w.replies[number] != int64(end):
			return fmt.Errorf("%s holds attempt %d up to byte %d, and its reply said %d", w.key, number, end, w.replies[number])
		}
		seen[number] = true
	}
	for number := range w.replies {
		if !seen[number] {
			return fmt.Errorf("%s lost attempt %d, which was acknowledged", w.key, number)
		}
	}
	return nil
}

func outcomeName(o katakv.Outcome) string {
	return [...]string{"not applied", "applied", "unknown"}[o]
}

// TestWritersAreJudged plants each contradiction that check must find.
func TestWritersAreJudged(t *testing.T) {
	t.Parallel()
	const applied, refused, unknown = katakv.OutcomeApplied, katakv.OutcomeNotApplied, katakv.OutcomeUnknown
	text := func(s string) client.Value { return client.Value{Kind: client.KindBulk, Bytes: []byte(s)} }
	tests := []struct {
		name     string
		command  writeCommand
		outcomes []katakv.Outcome
		replies  map[int]int64
		value    client.Value
		want     string // a part of the complaint; empty means none
	}{
		{"last acknowledged", setNumber, []katakv.Outcome{applied, applied}, nil, text("2"), ""},
		{"unknown came last", setNumber, []katakv.Outcome{applied, unknown}, nil, text("2"), ""},
		{"unknown never came", setNumber, []katakv.Outcome{applied, unknown}, nil, text("1"), ""},
		{"lost", setNumber, []katakv.Outcome{applied, applied}, nil, text("1"), "attempt 2 was acknowledged last"},
		{"all lost", setNumber, []katakv.Outcome{applied}, nil, client.Value{}, "is missing"},
		{"refused, but there", setNumber, []katakv.Outcome{applied, refused}, nil, text("2"), "not applied"},
		{"never sent", setNumber, []katakv.Outcome{applied}, nil, text("7"), "nobody wrote"},

		{"counted once each", increment, []katakv.Outcome{applied, refused, applied}, map[int]int64{1: 1, 3: 2}, text("2"), ""},
		{"unknown counts or not", increment, []katakv.Outcome{applied, unknown, applied}, map[int]int64{1: 1, 3: 3}, text("3"), ""},
		{"one lost", increment, []katakv.Outcome{applied, applied}, map[int]int64{1: 1, 2: 2}, text("1"), "2 attempts were acknowledged"},
		{"refused, but counted", increment, []katakv.Outcome{applied, refused}, map[int]int64{1: 1}, text("2"), "counts"},
		{"two with one count", increment, []katakv.Outcome{applied, applied}, map[int]int64{1: 1, 2: 1}, text("2"), "was told"},

		{"in order", appendRecord, []katakv.Outcome{applied, refused, applied}, map[int]int64{1: 9, 3: 18}, text(record(1) + record(3)), ""},
		{"late unknown", appendRecord, []katakv.Outcome{unknown, applied}, map[int]int64{2: 9}, text(record(2) + record(1)), ""},
		{"record lost", appendRecord, []katakv.Outcome{applied, applied}, map[int]int64{1: 9, 2: 18}, text(record(1)), "lost attempt 2"},
		{"twice", appendRecord, []katakv.Outcome{unknown}, nil, text(record(1) + record(1)), "twice"},
		{"refused, but recorded", appendRecord, []katakv.Outcome{refused}, nil, text(record(1)), "not applied"},
		{"out of place", appendRecord, []katakv.Outcome{unknown, applied}, map[int]int64{2: 9}, text(record(1) + record(2)), "its reply said 9"},
		{"torn", appendRecord, []katakv.Outcome{applied}, map[int]int64{1: 9}, text("000"), "nobody wrote"},
	}
	for _, test := range tests {
		w := &writer{key: "k", command: test.command, outcomes: test.outcomes, replies: test.replies}
		err := w.check(test.value)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

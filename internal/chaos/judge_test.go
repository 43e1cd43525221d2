package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/slot"
)

// TestJudgeSees lets the clients of a scenario work on a store that goes wrong in the middle: what they saw must be
// judged a violation, and a sound one's not.
func TestJudgeSees(t *testing.T) {
	for _, test := range []struct {
		name string
		sick sickness
		want string // words of a violation; none for a sound store
	}{
		{"sound", sound, ""},
		{"loses acknowledged writes", losesWrites, "not linearizable"},
		{"stale reads", staleReads, "not linearizable"},
		{"writes twice", writesTwice, "not linearizable"},
		{"internal failures", deaf, "a failure of its own: ERR something broke inside"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t)
			violations, checked := workOn(t, f, test.sick)
			found := strings.Join(violations, "\n")
			if checked < 1000 || (test.want == "") != (found == "") || !strings.Contains(found, test.want) {
				t.Errorf("%d operations checked, and the violations are %q, want %q", checked, shorten(found), test.want)
			}
		})
	}
}

// workOn runs the workload, lets the store fall ill after a while, and judges.
func workOn(t *testing.T, f *fake, s sickness) (violations []string, checked int) {
	t.Helper()
	tally := newTally()
	w := newWorkload(&workloadConfig{
		doors: []placement.Addresses{f.door()}, shards: fourShards(), clients: 8, rate: 4000, seed: 5, tally: tally,
	})
	w.start()
	w.wait(500 * time.Millisecond)
	f.fallIll(s)
	w.wait(1200 * time.Millisecond)
	w.halt()
	h := w.history()
	read, err := readThrough(t.Context(), f.door().Plain, keysOf(h), finalClient)
	if err != nil {
		t.Fatal(err)
	}
	r := &Result{}
	judge(r, append(h, read...), w.streams, f.finals(t, w.streams), tally)
	return tally.violations(), r.Checked
}

func fourShards() []shardSlots {
	var shards []shardSlots
	for i, slots := range slot.Split(4) {
		shards = append(shards, shardSlots{id: katakv.ShardID(i + 1), slots: slots})
	}
	return shards
}

func shorten(text string) string { return text[:min(len(text), 500)] }

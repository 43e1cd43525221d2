package check_test

import (
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

var voters = []katakv.ReplicaID{11, 12, 13}

// stored returns three members in term 2, two of which hold index 3.
func stored(t *testing.T) *check.Durability {
	t.Helper()
	d := &check.Durability{}
	wantError(t, d.Synced(m1, check.Update{HardState: true, Term: 2, Vote: 11, Commit: 3, Entries: entries(1, 0, 1, 1, 2)}))
	wantError(t, d.Synced(m2, check.Update{HardState: true, Term: 2, Vote: 11}))
	wantError(t, d.Synced(m2, check.Update{Entries: entries(1, 0, 1, 1, 2)}))
	wantError(t, d.Synced(m3, check.Update{HardState: true, Term: 2, Entries: entries(1, 0, 1, 1)}))
	return d
}

func TestDurability(t *testing.T) {
	d := stored(t)
	wantError(t, d.VoteAsked(m1, 2))
	wantError(t, d.VoteAsked(m1, 1))
	wantError(t, d.VoteGranted(m2, 2, 11))
	wantError(t, d.AppendAcknowledged(m3, 2, 2))
	wantError(t, d.WriteAcknowledged(1, 3, voters))
	wantError(t, d.Synced(m3, check.Update{HardState: true, Term: 2, Vote: 11})) // a vote after the term
	wantError(t, d.Synced(m3, check.Update{Snapshot: &check.Position{Index: 9, Term: 2}, Entries: entries(10, 0, 2)}))
	wantError(t, d.AppendAcknowledged(m3, 2, 10))
	wantError(t, d.WriteAcknowledged(1, 3, []katakv.ReplicaID{11, 13})) // the snapshot has it
	wantError(t, d.WriteAcknowledged(1, 9, []katakv.ReplicaID{13}))
	wantError(t, d.Synced(m3, check.Update{Entries: entries(11, 0, 2, 2)}))
	wantError(t, d.Synced(m3, check.Update{HardState: true, Term: 4, Entries: entries(11, 0, 4)})) // shorter than before
	wantError(t, d.AppendAcknowledged(m3, 2, 12))                                                  // said late
	wantError(t, d.AppendAcknowledged(m3, 2, 13), "index 13 in term 2")
	wantError(t, d.AppendAcknowledged(m3, 4, 12), "index 12 in term 4")
}

func TestDurabilityThatBreaks(t *testing.T) {
	tests := []struct {
		name string
		act  func(*check.Durability) error
		want []string
	}{
		{"vote not stored", func(d *check.Durability) error { return d.VoteGranted(m3, 2, 11) }, []string{"s1/r13", "term 2 to r11", "vote for r0"}},
		{"term of the vote not stored", func(d *check.Durability) error { return d.VoteGranted(m2, 3, 11) }, []string{"term 3", "has term 2"}},
		{"vote of an earlier term for another", func(d *check.Durability) error {
			if err := d.Synced(m2, check.Update{HardState: true, Term: 3}); err != nil {
				return err
			}
			return d.VoteGranted(m2, 2, 13)
		}, []string{"term 2 to r13", "has term 3"}},
		{"vote for another", func(d *check.Durability) error { return d.VoteGranted(m2, 2, 13) }, []string{"to r13", "vote for r11"}},
		{"candidate's term not stored", func(d *check.Durability) error { return d.VoteAsked(m1, 3) }, []string{"s1/r11", "term 3", "has term 2"}},
		{"candidate voted for another", func(d *check.Durability) error { return d.VoteAsked(m2, 2) }, []string{"s1/r12", "vote for r11"}},
		{"entry not stored", func(d *check.Durability) error { return d.AppendAcknowledged(m3, 2, 3) }, []string{"s1/r13", "index 3", "up to index 2"}},
		{"term of the entry not stored", func(d *check.Durability) error { return d.AppendAcknowledged(m3, 3, 2) }, []string{"in term 3", "has term 2"}},
		{"no majority", func(d *check.Durability) error { return d.WriteAcknowledged(1, 4, voters) }, []string{"s1", "index 4", "than 0"}},
		{"half is no majority", func(d *check.Durability) error {
			return d.WriteAcknowledged(1, 3, []katakv.ReplicaID{11, 13})
		}, []string{"index 3", "than 1"}},
		{"no majority of one term", func(d *check.Durability) error {
			_ = d.Synced(m2, check.Update{HardState: true, Term: 3, Entries: entries(3, 0, 3)})
			return d.WriteAcknowledged(1, 3, voters)
		}, []string{"index 3", "than 1"}},
		{"term went back", func(d *check.Durability) error {
			return d.Synced(m1, check.Update{HardState: true, Term: 1})
		}, []string{"s1/r11", "term 1", "over term 2"}},
		{"second vote", func(d *check.Durability) error {
			return d.Synced(m2, check.Update{HardState: true, Term: 2, Vote: 13})
		}, []string{"vote for r13", "vote for r11"}},
		{"commit beyond the log", func(d *check.Durability) error {
			return d.Synced(m3, check.Update{HardState: true, Term: 2, Commit: 3})
		}, []string{"s1/r13", "commit index 3", "up to index 2"}},
		{"hole", func(d *check.Durability) error { return d.Synced(m3, check.Update{Entries: entries(4, 0, 2)}) }, []string{"s1/r13", "index 4", "1 to 2"}},
		{"hole inside", func(d *check.Durability) error {
			return d.Synced(m3, check.Update{Entries: append(entries(3, 0, 2), entries(5, 0, 2)...)})
		}, []string{"index 5 after index 3"}},
		{"below a snapshot", func(d *check.Durability) error {
			_ = d.Synced(m3, check.Update{Snapshot: &check.Position{Index: 9, Term: 2}})
			return d.Synced(m3, check.Update{Entries: entries(9, 0, 2)})
		}, []string{"from index 9"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantError(t, test.act(stored(t)), test.want...) })
	}
}

// A sync that a crash cut off from its end may have replaced the end of the log. What was synced is not lost then, but
// without a later term in its place it is.
func TestDurabilityOfReplacedEnds(t *testing.T) {
	for _, c := range []struct {
		found []check.Entry
		words []string
	}{
		{entries(1, 0, 1, 1, 2), nil},
		{entries(1, 0, 1, 3), nil},
		{entries(1, 0, 1, 1), []string{"s1/r11", "up to index 2", "up to index 3"}},
		{entries(1, 0, 1), []string{"up to index 1", "up to index 3"}},
	} {
		d := stored(t)
		u := check.Update{Snapshot: &check.Position{}, HardState: true, Term: 3, Entries: c.found}
		wantError(t, d.Recovered(m1, u, false), c.words...)
	}
}

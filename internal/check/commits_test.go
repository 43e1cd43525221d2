package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

// twoTerms returns a shard with indexes 1 and 2 committed in term 1, and index 3 on one member only.
func twoTerms(t *testing.T) (*check.Logs, *check.Commits) {
	t.Helper()
	l := &check.Logs{}
	c := check.NewCommits(l)
	wantError(t, l.Append(m1, entries(1, 0, 1, 1, 1)))
	wantError(t, l.Append(m2, entries(1, 0, 1, 1)))
	wantError(t, l.Append(m3, entries(1, 0, 1)))
	wantError(t, c.Committed(m1, 2, 1))
	return l, c
}

func TestCommits(t *testing.T) {
	l, c := twoTerms(t)
	wantError(t, c.Committed(m3, 1, 1))
	wantError(t, c.Applied(m1, 2))
	wantError(t, c.Acknowledged(1, 2))
	wantError(t, c.Elected(m2, 2))
	wantError(t, l.Append(m2, entries(3, 5, 2)))
	wantError(t, l.Append(m3, entries(2, 0, 1)))
	wantError(t, l.Append(m3, entries(3, 5, 2)))
	wantError(t, c.Committed(m2, 3, 2))
	wantError(t, c.Elected(m1, 1)) // late to learn that it won: what term 2 committed is none of its business
	wantError(t, l.Restart(m1, at(3, 2), nil))
	wantError(t, c.Committed(m1, 3, 2))
	wantError(t, c.Elected(m1, 3))
	wantError(t, c.Committed(m1, 0, 3))
	if c.Last(1) != 3 || c.Last(2) != 0 {
		t.Errorf("got last %d and %d, want 3 and 0", c.Last(1), c.Last(2))
	}
}

func TestCommitsThatBreak(t *testing.T) {
	tests := []struct {
		name string
		act  func(*check.Logs, *check.Commits) error
		want []string
	}{
		{
			"leader without a committed entry", func(_ *check.Logs, c *check.Commits) error { return c.Elected(m3, 2) },
			[]string{"s1/r13", "term 2", "index 2", "ends at index 1"},
		},
		{"leader with another entry", func(l *check.Logs, c *check.Commits) error {
			_ = l.Append(m3, entries(2, 5, 2))
			return c.Elected(m3, 2)
		}, []string{"s1/r13", "index 2", "differs"}},
		{"another entry committed", func(l *check.Logs, c *check.Commits) error {
			_ = l.Append(m3, entries(2, 5, 2, 2))
			return c.Committed(m3, 3, 2)
		}, []string{"s1/r13 committed index 3", "differs at or before index 2"}},
		{"another entry applied", func(l *check.Logs, c *check.Commits) error {
			_ = l.Append(m3, entries(2, 5, 2, 2))
			return c.Applied(m3, 2)
		}, []string{"s1/r13 applied index 2", "differs"}},
		{
			"committed beyond the log", func(_ *check.Logs, c *check.Commits) error { return c.Committed(m3, 2, 1) },
			[]string{"s1/r13 committed index 2", "ends at index 1"},
		},
		{
			"applied before committed", func(_ *check.Logs, c *check.Commits) error { return c.Applied(m1, 3) },
			[]string{"s1/r11 applied index 3", "up to index 2"},
		},
		{
			"acknowledged before committed", func(_ *check.Logs, c *check.Commits) error { return c.Acknowledged(1, 3) },
			[]string{"s1", "index 3", "up to index 2"},
		},
		{"committed entry replaced", func(l *check.Logs, c *check.Commits) error {
			_ = l.Append(m1, entries(2, 5, 2, 2))
			return c.Committed(m1, 2, 2)
		}, []string{"s1/r11", "differs"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, c := twoTerms(t)
			wantError(t, test.act(l, c), test.want...)
		})
	}
}

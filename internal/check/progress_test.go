package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestProgress(t *testing.T) {
	start := check.Standing{Term: 3, Vote: 11, Commit: 10, Applied: 9, Last: 12}
	begin := func(t *testing.T) *check.Progress {
		p := &check.Progress{}
		wantError(t, p.DurableLog(m1, 2, 0, 8))
		wantError(t, p.DurableLog(m1, 3, 11, 8))
		wantError(t, p.DurableState(m1, 9))
		wantError(t, p.Observed(m1, start))
		return p
	}
	with := func(change func(*check.Standing)) check.Standing {
		s := start
		change(&s)
		return s
	}
	tests := []struct {
		name string
		act  func(*check.Progress) error
		want []string
	}{
		{"same", func(p *check.Progress) error { return p.Observed(m1, start) }, nil},
		{"forward", func(p *check.Progress) error {
			return p.Observed(m1, check.Standing{Term: 4, Commit: 11, Applied: 11, Last: 11})
		}, nil},
		{"another member", func(p *check.Progress) error { return p.Observed(m2, check.Standing{}) }, nil},
		{"restart without what was not durable", func(p *check.Progress) error {
			return p.Restarted(m1, check.Standing{Term: 3, Vote: 11, Commit: 9, Applied: 9, Last: 9})
		}, nil},
		{"life after a restart", func(p *check.Progress) error {
			_ = p.Restarted(m1, check.Standing{Term: 3, Vote: 11, Commit: 9, Applied: 9, Last: 9})
			return p.Observed(m1, check.Standing{Term: 3, Vote: 11, Commit: 9, Applied: 9, Last: 9})
		}, nil},

		{"term", func(p *check.Progress) error {
			return p.Observed(m1, with(func(s *check.Standing) { s.Term = 2 }))
		}, []string{"s1/r11", "its term", "now term 2", "had term 3"}},
		{"vote", func(p *check.Progress) error {
			return p.Observed(m1, with(func(s *check.Standing) { s.Vote = 12 }))
		}, []string{"its vote", "vote r12", "vote r11"}},
		{"commit", func(p *check.Progress) error {
			return p.Observed(m1, with(func(s *check.Standing) { s.Commit = 9 }))
		}, []string{"its commit index", "commit 9", "commit 10"}},
		{"applied", func(p *check.Progress) error {
			return p.Observed(m1, with(func(s *check.Standing) { s.Applied = 8 }))
		}, []string{"its applied index", "applied 8", "applied 9"}},
		{"applied beyond commit", func(p *check.Progress) error {
			return p.Observed(m1, with(func(s *check.Standing) { s.Applied = 11 }))
		}, []string{"s1/r11", "applied index 11, commit index 10"}},
		{"commit beyond last", func(p *check.Progress) error {
			return p.Observed(m1, with(func(s *check.Standing) { s.Commit = 13 }))
		}, []string{"commit index 13, last index 12"}},
		{"restart behind the durable term", func(p *check.Progress) error {
			return p.Restarted(m1, with(func(s *check.Standing) { s.Term = 2 }))
		}, []string{"after a restart term 2", "had on disk term 3"}},
		{"restart without the durable vote", func(p *check.Progress) error {
			return p.Restarted(m1, with(func(s *check.Standing) { s.Vote = 0 }))
		}, []string{"its vote", "after a restart"}},
		{"restart behind the durable commit", func(p *check.Progress) error {
			return p.Restarted(m1, check.Standing{Term: 3, Vote: 11, Commit: 7, Applied: 7, Last: 9})
		}, []string{"its commit index"}},
		{"restart behind the durable state", func(p *check.Progress) error {
			return p.Restarted(m1, check.Standing{Term: 3, Vote: 11, Commit: 8, Applied: 8, Last: 9})
		}, []string{"its applied index"}},
		{"restart with state beyond commit", func(p *check.Progress) error {
			return p.Restarted(m1, check.Standing{Term: 3, Vote: 11, Commit: 8, Applied: 9, Last: 9})
		}, []string{"after a restart applied index 9, commit index 8"}},
		{"durable term goes back", func(p *check.Progress) error { return p.DurableLog(m1, 2, 0, 8) }, []string{"its term", "on disk term 2"}},
		{"durable commit goes back", func(p *check.Progress) error { return p.DurableLog(m1, 3, 11, 7) }, []string{"its commit index"}},
		{"durable state goes back", func(p *check.Progress) error { return p.DurableState(m1, 8) }, []string{"its applied index"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantError(t, test.act(begin(t)), test.want...) })
	}
}

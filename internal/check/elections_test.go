package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

// Three members of shard 1, and one of shard 2, for the tests of traces.
var (
	m1    = check.Member{Shard: 1, Replica: 11}
	m2    = check.Member{Shard: 1, Replica: 12}
	m3    = check.Member{Shard: 1, Replica: 13}
	other = check.Member{Shard: 2, Replica: 11}
)

func TestElections(t *testing.T) {
	var e check.Elections
	wantError(t, e.Won(m1, 1))
	wantError(t, e.Won(m1, 1))
	wantError(t, e.Won(m2, 2))
	wantError(t, e.Won(other, 2))
	wantError(t, e.Won(m3, 2), "s1/r13", "term 2", "s1/r12")
	wantError(t, e.Claimed(m2, 2))
	wantError(t, e.Claimed(m3, 2), "s1/r13", "claims", "term 2", "s1/r12")
	wantError(t, e.Claimed(m1, 3), "s1/r11", "claims", "term 3")
	if e.Leader(1, 2) != 12 || e.Leader(1, 3) != 0 {
		t.Errorf("got leaders %v and %v, want r12 and none", e.Leader(1, 2), e.Leader(1, 3))
	}
}

package check_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

func TestLiveness(t *testing.T) {
	const s = time.Second
	begin := func() *check.Liveness {
		l := check.NewLiveness(3*s, 10*s)
		l.Healed(100*s, []katakv.ShardID{2, 1})
		return l
	}

	l := check.NewLiveness(3*s, 10*s)
	wantError(t, l.Check(1000*s))       // faults have not stopped
	wantError(t, l.Accepted(1000*s, 1)) // nobody waits

	l = begin()
	wantError(t, l.Check(103*s))
	wantError(t, l.Accepted(103*s, 1))
	wantError(t, l.Accepted(200*s, 1)) // the first one counts
	wantError(t, l.Accepted(101*s, 2))
	wantError(t, l.Converged(101*s, 1)) // too early to count
	wantError(t, l.Check(200*s))
	l.Quiet(200 * s)
	wantError(t, l.Check(210*s))
	wantError(t, l.Converged(209*s, 1))
	if l.Done() {
		t.Error("done, but shard 2 has not converged")
	}
	wantError(t, l.Check(211*s), "3m31s", "s2 differ", "3m20s")
	wantError(t, l.Converged(212*s, 2), "3m32s", "s2 has equal replicas after 12s", "limit 10s")
	if !l.Done() {
		t.Error("not done")
	}

	l = begin()
	wantError(t, l.Accepted(101*s, 1))
	wantError(t, l.Check(104*s), "1m44s", "s2 acknowledged no write", "1m40s", "limit 3s")
	wantError(t, l.Accepted(104*s, 2), "1m44s", "s2 acknowledged a write after 4s")
}

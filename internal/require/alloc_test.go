package require_test

import (
	"testing"

	"github.com/katakv/katakv/internal/require"
)

var sink []byte

func TestAllocBelow(t *testing.T) {
	for _, c := range []struct {
		size int
		want string
	}{{1 << 20, ""}, {16 << 20, "fatal"}} {
		got := record(func(t testing.TB) {
			require.AllocBelow(t, 2<<20, func() { sink = make([]byte, c.size) })
		})
		if got != c.want {
			t.Errorf("%d bytes: got %q, want %q", c.size, got, c.want)
		}
	}
}

package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestRoutes(t *testing.T) {
	var r check.Routes
	wantError(t, r.Knows(1, 1, 5, 3, 2)) // a guess
	wantError(t, r.Knows(1, 1, 5, 2, 2))
	wantError(t, r.Knows(1, 2, 5, 3, 3))
	wantError(t, r.Knows(2, 1, 5, 3, 2))
	wantError(t, r.Knows(1, 1, 5, 3, 2), "n1 takes n3", "s1", "term 5", "n2 won")
	wantError(t, r.Knows(1, 1, 5, 2, 2))
	wantError(t, r.Knows(1, 1, 5, 0, 2))
	wantError(t, r.Knows(1, 1, 5, 3, 2))
	wantError(t, r.Knows(1, 1, 6, 2, 2))
	wantError(t, r.Knows(1, 1, 7, 3, 0))
	wantError(t, r.Knows(1, 2, 5, 3, 3))
	r.Restarted(1)
	wantError(t, r.Knows(1, 2, 5, 2, 3))
}

package check_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

func TestAges(t *testing.T) {
	var a check.Ages
	wantError(t, a.Answered(time.Second, m1, 3, 0))
	a.Acknowledged(1*time.Second, 1, 10)
	a.Acknowledged(2*time.Second, 1, 9) // by a replica that is behind: it says nothing new
	a.Acknowledged(3*time.Second, 1, 12)
	wantError(t, a.Answered(4*time.Second, m1, 12, 0))
	wantError(t, a.Answered(4*time.Second, m1, 11, time.Second))
	wantError(t, a.Answered(4*time.Second, m1, 11, time.Second-1), "s1/r11", "index 11", "index 12 was acknowledged 1s ago")
	wantError(t, a.Answered(4*time.Second, m1, 9, 3*time.Second))
	wantError(t, a.Answered(4*time.Second, m1, 9, 2*time.Second), "index 9", "index 10")
	wantError(t, a.Answered(4*time.Second, m1, 1, katakv.UnknownAge))
	wantError(t, a.Answered(4*time.Second, other, 1, 0))
}

package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestCorruption(t *testing.T) {
	var c check.Corruption
	wantError(t, c.Opened(1))
	wantError(t, c.Answered(1))
	c.Damaged(1, "bit 5 of byte 812")
	wantError(t, c.Opened(2))
	wantError(t, c.Answered(2))
	wantError(t, c.Opened(1), "n1 opened", "bit 5 of byte 812")
	wantError(t, c.Answered(1), "n1 answered", "bit 5 of byte 812")
	c.Replaced(1)
	wantError(t, c.Opened(1))
	wantError(t, c.Answered(1))
}

package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestQuestions(t *testing.T) {
	var q check.Questions
	wantError(t, q.Asked(m1, 12, 1))
	wantError(t, q.Asked(m1, 12, 5))
	wantError(t, q.Asked(m1, 13, 4)) // what leaves at once leaves in any order
	wantError(t, q.Asked(other, 12, 1))
	wantError(t, q.Asked(m3, 12, 0))
	wantError(t, q.Asked(m1, 12, 5), "s1/r11", "r12", "number 5")
	wantError(t, q.Asked(m1, 12, 4), "number 4")
}

package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestQuestions(t *testing.T) {
	var q check.Questions
	wantError(t, q.Asked(m1, 1))
	wantError(t, q.Asked(m1, 5))
	wantError(t, q.Asked(other, 1))
	wantError(t, q.Asked(m2, 0))
	wantError(t, q.Asked(m1, 5), "s1/r11", "number 5")
	wantError(t, q.Asked(m1, 4), "number 4")
}

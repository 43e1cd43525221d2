package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestStates(t *testing.T) {
	var s check.States
	wantError(t, s.Saw(m1, 5, 0xa, "applied"))
	wantError(t, s.Saw(m2, 5, 0xa, "applied"))
	wantError(t, s.Saw(m2, 6, 0xb, "applied"))
	wantError(t, s.Saw(other, 5, 0xc, "applied"))
	wantError(t, s.Saw(m3, 5, 0xd, "restart"), "s1/r13", "index 5", "0d (restart)", "0a of s1/r11 (applied)")
}

func TestSnapshots(t *testing.T) {
	var s check.Snapshots
	wantError(t, s.Taken(m1, 5, 0xa))
	wantError(t, s.Taken(m2, 5, 0xa))
	wantError(t, s.Installed(m3, 5, 0xa))
	wantError(t, s.Installed(m3, 5, 0xb), "s1/r13", "index 5", "0b", "0a was taken")
	wantError(t, s.Installed(m3, 6, 0xa), "s1/r13", "index 6", "nobody took")
	wantError(t, s.Installed(other, 5, 0xa), "s2/r11", "nobody took")
	wantError(t, s.Taken(m2, 5, 0xc), "s1/r12", "index 5", "0c")
}

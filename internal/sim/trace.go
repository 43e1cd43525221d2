package sim

import (
	"fmt"
	"io"
	"math/bits"
	"time"
)

// trace is a rolling hash of everything that happens, and the story of it for people. Two runs of one seed have the
// same hash in any process; where they part, something in the cores depends on more than its input.
type trace struct {
	hash   uint64
	events uint64
	story  io.Writer // nil: nobody reads along
}

// Odd constants of good mixing, from xxHash64.
const (
	mixer1 = 0x9e3779b185ebca87
	mixer2 = 0xc2b2ae3d27d4eb4f
)

func (t *trace) mix(v uint64) {
	t.hash = bits.RotateLeft64(t.hash^(v*mixer2), 31) * mixer1
}

// add takes note of an event.
func (t *trace) add(e *event) {
	t.events++
	t.mix(uint64(e.at))
	t.mix(uint64(e.kind)<<56 | uint64(e.node)<<32 ^ e.arg)
}

// telling reports whether anybody reads the story: what it costs to tell is saved otherwise.
func (t *trace) telling() bool { return t.story != nil }

// tell adds a line to the story.
func (t *trace) tell(now time.Duration, format string, args ...any) {
	if t.story != nil {
		fmt.Fprintf(t.story, "%10.6f  %s\n", now.Seconds(), fmt.Sprintf(format, args...))
	}
}

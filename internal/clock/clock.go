package clock

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/katakv/katakv/internal/invariant"
)

// start is where Monotonic counts from.
var start = time.Now()

// Monotonic returns the time since the process started, by Go's monotonic clock: it never goes back, and stands
// still while the machine is suspended.
func Monotonic() time.Duration { return time.Since(start) }

// Boot returns the time since the machine started, suspend included (CLOCK_BOOTTIME): what a promise that is
// measured in time must use. It costs a system call.
func Boot() time.Duration {
	var ts unix.Timespec
	invariant.NoError(unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts), "read CLOCK_BOOTTIME")
	return time.Duration(ts.Nano())
}

// Wall returns the wall clock's time; it can jump.
func Wall() time.Time { return time.Now() }

// NewTicker returns a ticker of the real clock.
func NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

// NewTimer returns a timer of the real clock.
func NewTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

// After returns a channel that receives once d has passed.
func After(d time.Duration) <-chan time.Time { return time.After(d) }

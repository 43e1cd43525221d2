package core_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/replica"
)

// stamp returns the stamp of the only entry in a pass's log batch.
func stamp(t *testing.T, fx *core.Effects) int64 {
	t.Helper()
	if fx.Log == nil || len(fx.Log.Updates) != 1 || len(fx.Log.Updates[0].Entries) != 1 {
		t.Fatalf("the log batch is %+v; want one update with one entry", fx.Log)
	}
	n, size := binary.Uvarint(fx.Log.Updates[0].Entries[0].GetData()[2:])
	if size <= 0 {
		t.Fatal("the entry has no stamp")
	}
	return int64(n)
}

// Entries carry the time that the core was told last; a new leader goes on from its predecessor's clock, not its own.
func TestEntriesAreStamped(t *testing.T) {
	const noon = 1_775_000_000_000
	h := newHarness(t, 3, 1)
	tell := func(seconds int, ahead time.Duration) {
		for i, c := range h.cores {
			now := replica.Time{Monotonic: time.Duration(seconds) * time.Second, Wall: noon + int64(seconds)*1000}
			if i != h.leader(1) {
				now.Wall += ahead.Milliseconds()
			}
			c.SetTime(now)
		}
	}
	write := func(i int) int64 {
		h.cores[i].Submit(h.request(1, command.KindIncrBy))
		fx := h.pass(i)
		at := stamp(t, fx)
		h.carry(i, fx)
		h.settle()
		h.take(1)
		return at
	}
	tell(10, time.Hour)
	h.elect()
	first := h.leader(1)
	for _, seconds := range []int{10, 12} {
		tell(seconds, time.Hour)
		if got := write(first); got != noon+int64(seconds)*1000 {
			t.Errorf("after %d s: the stamp is %d", seconds, got)
		}
	}
	for range 5 { // the followers apply
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
	}
	tell(15, time.Hour)
	h.cores[first].Evacuate()
	next := first
	for range 20 {
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
		for i, c := range h.cores {
			if i != first && c.Leading() == 2 {
				next = i
			}
		}
	}
	if next == first {
		t.Fatal("the leadership was not handed over")
	}
	if got := write(next); got != noon+18_000 {
		t.Errorf("an hour ahead, 3 s after the clock showed 12 s: the stamp is at %d ms, want 18000", got-noon)
	}
}

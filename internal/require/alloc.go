package require

import (
	"runtime/metrics"
	"testing"
)

// allocSlack is what the runtime and other goroutines may allocate meanwhile, and what small objects may be counted
// late.
const allocSlack = 1 << 20

// AllocBelow fails the test when f allocates more than limit bytes, give or take a MiB. It is for decoders: what a
// length claims must cost nothing before the bytes are there.
func AllocBelow(t testing.TB, limit int, f func()) {
	t.Helper()
	before := allocated()
	f()
	if got := allocated() - before; got > uint64(limit)+allocSlack {
		t.Fatalf("%d bytes were allocated, limit %d", got, limit)
	}
}

// allocated returns the bytes that the process ever allocated on the heap.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

package core_test

import (
	"testing"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/replica"
)

// BenchmarkGet reads at the default level through a leader with two followers, 16 requests a round.
func BenchmarkGet(b *testing.B) {
	h := newHarnessAnyRandom(b, 3, 1)
	h.elect()
	requests := make([]*replica.Request, 16)
	for i := range requests {
		requests[i] = h.request(1, command.KindGet)
	}
	leader := h.cores[h.leader(1)]
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range requests {
			leader.Submit(r)
		}
		h.settle()
		if len(h.done) != len(requests) {
			b.Fatalf("%d answers", len(h.done))
		}
		h.done = h.done[:0]
	}
}

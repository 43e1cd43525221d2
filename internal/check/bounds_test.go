package check_test

import (
	"testing"

	"github.com/katakv/katakv/internal/check"
)

func TestBounds(t *testing.T) {
	var b check.Bounds
	queue, buffer := b.Limit("queue, messages", 10), b.Limit("buffer, bytes", 4096)
	for _, value := range []int64{0, 7, 10, 3} {
		wantError(t, queue.Observe(value))
	}
	wantError(t, buffer.Observe(4097), "buffer, bytes", "4097", "4096")
	if queue.Peak() != 10 || b.String() != "queue, messages: 10 of 10\nbuffer, bytes: 4097 of 4096\n" {
		t.Errorf("got %q", b.String())
	}
}

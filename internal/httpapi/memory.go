package httpapi

import (
	"context"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
)

var errNoMemory = &katakv.Error{
	Code: katakv.CodeTryAgain, Message: "this node is busy with large values: try again later, or ask another node",
}

// memory bounds the values that all requests hold together, in pieces of pieceBytes.
type memory struct {
	pieces chan struct{} // holds one for each piece that is taken
	wait   time.Duration
}

func newMemory(bytes int, wait time.Duration) memory {
	return memory{pieces: make(chan struct{}, bytes/pieceBytes), wait: wait}
}

// share is what one request holds.
type share struct {
	memory *memory
	pieces int
}

// grow waits until the share has room for bytes in all. It reports false, and keeps what it has, when that takes too
// long or ctx ends.
func (s *share) grow(ctx context.Context, bytes int) bool {
	want := (bytes + pieceBytes - 1) / pieceBytes
	var patience *time.Timer
	for s.pieces < want {
		select {
		case s.memory.pieces <- struct{}{}:
			s.pieces++
			continue
		default:
		}
		if patience == nil {
			patience = clock.NewTimer(s.memory.wait)
			defer patience.Stop()
		}
		select {
		case s.memory.pieces <- struct{}{}:
			s.pieces++
		case <-patience.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// shrink gives back what is not needed for bytes.
func (s *share) shrink(bytes int) {
	for want := (bytes + pieceBytes - 1) / pieceBytes; s.pieces > want; s.pieces-- {
		<-s.memory.pieces
	}
}

package server

import (
	"context"
	"sync"
	"time"
)

// inputBudget bounds the memory of incomplete commands over all connections. Only connections that hold more than
// their idle buffer take from it, so small commands never meet it.
type inputBudget struct {
	total int
	wait  time.Duration
	mu    struct {
		sync.Mutex
		free int
		// freed is closed and replaced when bytes come back while somebody waits; nil when nobody does.
		freed chan struct{}
	}
}

func newInputBudget(bytes int, wait time.Duration) *inputBudget {
	b := &inputBudget{total: bytes, wait: wait}
	b.mu.free = bytes
	return b
}

// used returns the bytes held now.
func (b *inputBudget) used() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total - b.mu.free
}

// resize changes a connection's share from old to want bytes. Growth waits for room; when ctx ends, or after
// the budget's wait, it gives up and the share stays as it was.
func (b *inputBudget) resize(ctx context.Context, old, want int) bool {
	freed, ok := b.tryResize(old, want)
	if ok {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()
	for !ok {
		select {
		case <-freed:
			freed, ok = b.tryResize(old, want)
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// tryResize returns a channel that closes when trying again makes sense, unless it succeeds.
func (b *inputBudget) tryResize(old, want int) (freed <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if grow := want - old; grow > 0 && grow > b.mu.free {
		if b.mu.freed == nil {
			b.mu.freed = make(chan struct{})
		}
		return b.mu.freed, false
	}
	b.mu.free += old - want
	if want < old && b.mu.freed != nil {
		close(b.mu.freed)
		b.mu.freed = nil
	}
	return nil, true
}

package client

import (
	"context"
	crand "crypto/rand"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// firstBackoff and lastBackoff are the pauses between attempts, doubling between them: a new leader is mostly found in
	// a fraction of a second, and a cluster that is down must not be run down further.
	firstBackoff = 4 * time.Millisecond
	lastBackoff  = 500 * time.Millisecond

	// maxRedirects is how many redirects in a row are followed without a pause: one to the leader, and one more if that
	// has just changed. Nodes that name each other meanwhile are given time.
	maxRedirects = 2
)

// dice throws the jitter of a client, and chooses among nodes.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice() *dice {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	return &dice{r: rand.New(rand.NewChaCha8(seed))}
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// jitter returns half of pause to all of it, so that clients that failed together do not come back together.
func (d *dice) jitter(pause time.Duration) time.Duration {
	return pause/2 + time.Duration(d.below(int(pause/2)+1))
}

// sleep returns after pause, or with the reason why there is no going on.
func (c *Client) sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(c.dice.jitter(pause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.closed:
		return ErrClosed
	}
}

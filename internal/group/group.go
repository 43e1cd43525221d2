package group

import "sync"

// Group runs goroutines and waits for them. Make it with New.
type Group struct {
	stopped chan struct{}

	wg sync.WaitGroup
	mu struct {
		sync.Mutex
		stopping bool
	}
}

// New returns a group without goroutines.
func New() *Group { return &Group{stopped: make(chan struct{})} }

// Start runs f beside the caller; f should end when the channel of Stopped is closed. It reports false, and
// does nothing, when the group is stopping.
func (g *Group) Start(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.stopping {
		return false
	}
	g.wg.Go(f)
	return true
}

// Stopped returns a channel that is closed when the goroutines should end.
func (g *Group) Stopped() <-chan struct{} { return g.stopped }

// Signal tells all goroutines to end, and does not wait for them. It may be called again.
func (g *Group) Signal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.mu.stopping {
		g.mu.stopping = true
		close(g.stopped)
	}
}

// Wait returns once all goroutines have ended. Call Signal first, or more of them may start meanwhile.
func (g *Group) Wait() { g.wg.Wait() }

// Stop is Signal and Wait. It may be called again, and waits each time.
func (g *Group) Stop() {
	g.Signal()
	g.Wait()
}

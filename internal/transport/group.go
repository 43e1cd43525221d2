package transport

import "sync"

// group runs goroutines and waits for them. After stop it starts no more.
type group struct {
	stopped chan struct{}

	wg sync.WaitGroup
	mu struct {
		sync.Mutex
		stopping bool
	}
}

func newGroup() *group { return &group{stopped: make(chan struct{})} }

// start runs f beside the caller. It reports false, and does nothing, when the group is stopping.
func (g *group) start(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.stopping {
		return false
	}
	g.wg.Go(f)
	return true
}

// signal tells all goroutines to end, by closing stopped. It may be called twice.
func (g *group) signal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.mu.stopping {
		g.mu.stopping = true
		close(g.stopped)
	}
}

// wait returns once all goroutines have ended.
func (g *group) wait() { g.wg.Wait() }

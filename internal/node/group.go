package node

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

// start runs f beside the caller; f should end when the channel stopped is closed. It reports false, and does
// nothing, when the group is stopping.
func (g *group) start(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.stopping {
		return false
	}
	g.wg.Go(f)
	return true
}

// stop tells all goroutines to end and waits until they have. It may be called twice.
func (g *group) stop() {
	g.mu.Lock()
	if !g.mu.stopping {
		g.mu.stopping = true
		close(g.stopped)
	}
	g.mu.Unlock()
	g.wg.Wait()
}

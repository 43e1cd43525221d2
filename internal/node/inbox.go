package node

import (
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// maxInboxBatches bounds the Raft frames that wait for a core: past it, the readers of peers' connections wait,
// and so the peers. Requests are bounded by Config.InflightBytes instead, and the rest is few.
const maxInboxBatches = 1024

// event is one thing for a core to take note of. Exactly one field group is set.
type event struct {
	request *replica.Request

	from katakv.NodeID
	raft *wire.RaftBatch

	durable uint64

	do func(*core.Core) error
}

// inbox is the queue in front of a core loop: many producers, one consumer that takes everything at once.
type inbox struct {
	wake chan struct{} // holds a token when the inbox may be non-empty

	mu struct {
		sync.Mutex
		events  []event
		batches int           // Raft frames among them
		closed  bool          // events are dropped
		since   time.Duration // when the first of events came, by the clock that goes on in suspend
	}
	roomy *sync.Cond // on mu: batches is below its bound, or closed
}

func newInbox() *inbox {
	b := &inbox{wake: make(chan struct{}, 1)}
	b.roomy = sync.NewCond(&b.mu.Mutex)
	return b
}

// put adds an event and reports false when the inbox is closed. It blocks only for Raft frames, and only while
// too many wait.
func (b *inbox) put(e event) bool {
	b.mu.Lock()
	if e.raft != nil {
		for b.mu.batches >= maxInboxBatches && !b.mu.closed {
			b.roomy.Wait()
		}
		b.mu.batches++
	}
	closed := b.mu.closed
	if !closed {
		b.stampLocked()
		b.mu.events = append(b.mu.events, e)
	}
	b.mu.Unlock()
	if !closed {
		b.signal()
	}
	return !closed
}

// putRequests adds requests in order and reports false when the inbox is closed.
func (b *inbox) putRequests(requests []*replica.Request) bool {
	b.mu.Lock()
	closed := b.mu.closed
	if !closed {
		b.stampLocked()
		for _, r := range requests {
			b.mu.events = append(b.mu.events, event{request: r})
		}
	}
	b.mu.Unlock()
	if !closed {
		b.signal()
	}
	return !closed
}

// stampLocked notes the time before the first event is added.
func (b *inbox) stampLocked() {
	if len(b.mu.events) == 0 {
		b.mu.since = clock.Boot()
	}
}

// waitingSince returns since when something waits for the core to take it, or to have worked at it; zero: nothing does.
func (b *inbox) waitingSince() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.events) == 0 || b.mu.closed {
		return 0
	}
	return b.mu.since
}

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns everything that waits and leaves spare, emptied, for what comes.
func (b *inbox) take(spare []event) []event {
	clear(spare)
	b.mu.Lock()
	events := b.mu.events
	b.mu.events = spare[:0]
	if b.mu.batches >= maxInboxBatches {
		b.roomy.Broadcast()
	}
	b.mu.batches = 0
	b.mu.Unlock()
	return events
}

// close drops what comes from now on and wakes those who wait for room. It returns what was still there.
func (b *inbox) close() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.closed = true
	b.roomy.Broadcast()
	events := b.mu.events
	b.mu.events = nil
	return events
}

package load

import (
	"sync"

	"github.com/katakv/katakv/internal/invariant"
)

// tracker knows how far everything is done, although workers finish out of order.
//
// Invariant: all records before floor() are done.
type tracker struct {
	mu struct {
		sync.Mutex
		read   Position     // how far the stream was read
		begun  [][]Position // for each worker: where its open batches begin, oldest first
		counts Progress     // without its Position
	}
}

func newTracker(workers int, from Position) *tracker {
	t := &tracker{}
	t.mu.read = from
	t.mu.begun = make([][]Position, workers)
	return t
}

// begin says that a batch for a worker begins with the line at a position. Call it before advance moves past
// that line.
func (t *tracker) begin(worker int, at Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.begun[worker] = append(t.mu.begun[worker], at)
}

// advance says that the stream was read up to a position, and that bad lines were skipped.
func (t *tracker) advance(to Position, bad int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.read = to
	t.mu.counts.Bad += bad
}

// done says that a worker's oldest batch is done.
func (t *tracker) done(worker int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	open := t.mu.begun[worker]
	invariant.Check(len(open) > 0, "worker %d ended a batch that did not begin", worker)
	t.mu.begun[worker] = append(open[:0], open[1:]...)
}

// count adds to the counters.
func (t *tracker) count(records, bad, retries int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.counts.Records += int64(records)
	t.mu.counts.Bad += int64(bad)
	t.mu.counts.Retries += int64(retries)
}

// progress returns the counters and the place before which everything is done.
func (t *tracker) progress() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.mu.counts
	p.Position = t.mu.read
	for _, open := range t.mu.begun {
		if len(open) > 0 && open[0].Bytes < p.Bytes {
			p.Position = open[0]
		}
	}
	return p
}

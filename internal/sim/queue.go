package sim

import (
	"container/heap"
	"time"
)

// event is something that happens at a moment. Events of the same moment happen in the order in which they
// were scheduled.
type event struct {
	at    time.Duration
	order uint64
	name  string
	run   func()
}

// queue is a priority queue of events.
type queue struct {
	now    time.Duration
	order  uint64
	events eventHeap
}

// after schedules run; name tells kinds of events apart in the trace.
func (q *queue) after(d time.Duration, name string, run func()) {
	q.order++
	heap.Push(&q.events, &event{at: q.now + d, order: q.order, name: name, run: run})
}

// next removes the earliest event and moves time to it.
func (q *queue) next() *event {
	e := heap.Pop(&q.events).(*event)
	q.now = e.at
	return e
}

type eventHeap []*event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(*event)) }
func (h *eventHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

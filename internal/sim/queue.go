package sim

import (
	"time"

	"github.com/katakv/katakv"
)

// kind tells events apart in the trace.
type kind uint8

const (
	kindTick kind = iota + 1
	kindRoutes
	kindGossip
	kindPulse
	kindPass
	kindSync
	kindTidy
	kindFlush
	kindInstall
	kindStream
	kindDeliver
	kindClient
	kindFault
	kindCrash
	kindStart
	kindProbe
)

// event is something that happens at a moment. Events of the same moment happen in the order in which they were
// scheduled.
type event struct {
	at    time.Duration
	order uint64
	kind  kind
	// node is whose event it is; it is void unless the node still lives the life in which it was scheduled. Zero:
	// nobody's.
	node katakv.NodeID
	life int
	arg  uint64 // more for the trace
	run  func()
}

func (e *event) before(other *event) bool {
	return e.at < other.at || (e.at == other.at && e.order < other.order)
}

// queue is a binary heap of events by time.
type queue struct {
	now    time.Duration
	order  uint64
	events []event
}

// push schedules e after d.
func (q *queue) push(d time.Duration, e event) {
	q.order++
	e.at, e.order = q.now+d, q.order
	q.events = append(q.events, e)
	for i := len(q.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.events[i].before(&q.events[parent]) {
			break
		}
		q.events[i], q.events[parent] = q.events[parent], q.events[i]
		i = parent
	}
}

// pop removes the earliest event and moves time to it.
func (q *queue) pop() event {
	first := q.events[0]
	last := len(q.events) - 1
	q.events[0] = q.events[last]
	q.events[last] = event{} // lets go of its function
	q.events = q.events[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q.events[child].before(&q.events[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		q.events[i], q.events[least] = q.events[least], q.events[i]
		i = least
	}
	q.now = first.at
	return first
}

// until reports whether an event is left at or before end.
func (q *queue) until(end time.Duration) bool { return len(q.events) > 0 && q.events[0].at <= end }

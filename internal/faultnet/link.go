package faultnet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Link is what the switch does to frames in one direction between two ends. The zero value is a plain wire.
type Link struct {
	// Delay is added to each frame, and a further time from 0 to Jitter. Frames keep their order.
	Delay, Jitter time.Duration
	// Loss, Duplicate and Reorder are how probable it is, from 0 to 1, that a frame is lost, is delivered twice,
	// or is held back for up to ReorderDelay more so that those after it overtake it.
	Loss, Duplicate, Reorder float64
}

// ReorderDelay is the longest time for which a frame is held back out of order.
const ReorderDelay = 5 * time.Millisecond

// queueFrames is how many frames a link holds; more are lost, as in a real switch.
const queueFrames = 2048

func (l Link) check() error {
	for _, p := range []float64{l.Loss, l.Duplicate, l.Reorder} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("probability %v: want 0 to 1", p)
		}
	}
	if l.Delay < 0 || l.Jitter < 0 {
		return fmt.Errorf("delay %v and jitter %v: want none below 0", l.Delay, l.Jitter)
	}
	return nil
}

// SetLink sets what the switch does to frames from one end to another. It fails without Options.Switched.
func (n *Network) SetLink(from, to int, link Link) error {
	if err := n.valid(true, from, to); err != nil {
		return err
	}
	if from == to {
		return fmt.Errorf("no link from node %d to itself", from)
	}
	if err := n.switched(link); err != nil {
		return err
	}
	n.crossbar.ports[from].links[to].set(link)
	return nil
}

// SetLinks is SetLink for every direction between nodes, and with the Host too if host is set.
func (n *Network) SetLinks(link Link, host bool) error {
	if err := n.switched(link); err != nil {
		return err
	}
	for from, p := range n.crossbar.ports {
		for to, l := range p.links {
			if l != nil && (host || from != Host && to != Host) {
				l.set(link)
			}
		}
	}
	return nil
}

func (n *Network) switched(link Link) error {
	if n.crossbar == nil {
		return fmt.Errorf("network %s has a bridge, whose links cannot be set: make it with a switch", n.name)
	}
	return link.check()
}

// Counters count what the switch did with frames; Overflowed are those for which a queue had no room.
type Counters struct {
	Forwarded, Lost, Duplicated, Reordered, Overflowed uint64
}

// Counters are what the switch has done so far; all zero with a bridge.
func (n *Network) Counters() Counters {
	var sum Counters
	if n.crossbar == nil {
		return sum
	}
	for _, p := range n.crossbar.ports {
		for _, l := range p.links {
			if l != nil {
				l.addTo(&sum)
			}
		}
	}
	return sum
}

// link carries frames in one direction between two ports. One goroutine sends, deliver is another.
type link struct {
	out     io.Writer
	wake    chan struct{} // holds one when deliver should look again
	stopped <-chan struct{}

	mu struct {
		sync.Mutex
		link     Link
		random   *rand.Rand
		queue    []delayed // by due time, then by arrival
		last     time.Time // when the last frame in order is due
		busy     bool      // deliver writes a frame that is no longer in the queue
		counters Counters
	}
}

// delayed is a frame that is due later. It owns its bytes.
type delayed struct {
	due   time.Time
	frame []byte
}

func newLink(out io.Writer, random *rand.Rand, stopped <-chan struct{}) *link {
	l := &link{out: out, wake: make(chan struct{}, 1), stopped: stopped}
	l.mu.random = random
	return l
}

func (l *link) set(link Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.link = link
}

func (l *link) addTo(sum *Counters) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.mu.counters
	sum.Forwarded += c.Forwarded
	sum.Lost += c.Lost
	sum.Duplicated += c.Duplicated
	sum.Reordered += c.Reordered
	sum.Overflowed += c.Overflowed
}

// send takes a frame, which stays the caller's, and decides what becomes of it. On a plain wire with nothing before
// it in the queue it is passed on at once.
func (l *link) send(frame []byte) {
	if l.take(frame, time.Now()) {
		_, _ = l.out.Write(frame) // one that finds no room or no cable is lost
	}
}

// take decides about a frame that arrives now, and reports whether the caller is to pass it on.
func (l *link) take(frame []byte, now time.Time) (pass bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, r := &l.mu.counters, l.mu.random
	// As many draws for each frame, whatever the link: the draws of the next do not depend on it.
	lost, twice, late := r.Float64() < l.mu.link.Loss, r.Float64() < l.mu.link.Duplicate, r.Float64() < l.mu.link.Reorder
	jitter, hold := time.Duration(r.Float64()*float64(l.mu.link.Jitter)), time.Duration(r.Float64()*float64(ReorderDelay))
	if lost {
		c.Lost++
		return false
	}
	c.Forwarded++
	due := now.Add(l.mu.link.Delay + jitter)
	switch {
	case late:
		c.Reordered++
		due = due.Add(hold)
	case due.Before(l.mu.last):
		due = l.mu.last
	default:
		l.mu.last = due
	}
	// Only one of the two goroutines ever writes: this one while there is nothing for the other.
	pass = !due.After(now) && len(l.mu.queue) == 0 && !l.mu.busy && !twice
	if !pass {
		l.queueLocked(frame, due)
	}
	if twice {
		c.Duplicated++
		l.queueLocked(frame, due)
	}
	return pass
}

// queueLocked puts a copy of a frame in the queue.
func (l *link) queueLocked(frame []byte, due time.Time) {
	if len(l.mu.queue) >= queueFrames {
		l.mu.counters.Overflowed++
		return
	}
	at := len(l.mu.queue)
	for at > 0 && l.mu.queue[at-1].due.After(due) {
		at--
	}
	l.mu.queue = slices.Insert(l.mu.queue, at, delayed{due: due, frame: slices.Clone(frame)})
	if at == 0 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// deliver writes each frame when it is due, until the switch stops.
func (l *link) deliver() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		frame, wait := l.next()
		if frame != nil {
			_, _ = l.out.Write(frame)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-l.wake:
		case <-due:
		case <-l.stopped:
			return
		}
	}
}

// next returns the frame that is due, or else how long there is until the next one; zero if there is none.
func (l *link) next() (frame []byte, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.busy = false
	if len(l.mu.queue) == 0 {
		return nil, 0
	}
	first := l.mu.queue[0]
	if wait := time.Until(first.due); wait > 0 {
		return nil, wait
	}
	l.mu.queue = slices.Delete(l.mu.queue, 0, 1)
	l.mu.busy = true
	return first.frame, 0
}

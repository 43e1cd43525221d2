package sim

import (
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv"
)

// hands are what a pause stops. What arrives meanwhile waits where it came from: in the buffers of connections, or as a
// timer that has fired.
type hands struct {
	paused bool
	// waking says that the pause has ended and what waited is being taken up; what arrives then queues behind it.
	waking bool
	pauses int // counts, so that one pause does not end another
	held   []held
}

// held is something that waits for the end of a pause.
type held struct {
	from source
	run  func()
}

// source tells apart what keeps its order in itself: a peer's connection, a client's, the node's own timers and disk.
type source int

const ownSource source = 0

func sourceOf(peer katakv.NodeID) source { return source(peer) }
func sourceOfClient(number int) source   { return -1 - source(number) }

const (
	// gapChance is how often a node that wakes gets to something else before it takes up the next thing that waited.
	gapChance = 0.1
	// longestGap is how long that is at most.
	longestGap = time.Millisecond
)

// admit lets something that came from outside happen now, or when the node gets to it.
func (n *Node) admit(from source, run func()) {
	if n.paused || n.waking {
		n.held = append(n.held, held{from, run})
		return
	}
	run()
}

// admitOwn lets a timer or the disk do its work now, or after the pause.
func (n *Node) admitOwn(run func()) {
	if n.paused {
		n.held = append(n.held, held{ownSource, run})
		return
	}
	run()
}

// Pause stops the node's hands. Its clock goes on.
func (n *Node) Pause() {
	n.paused, n.waking = true, false
	n.pauses++
}

// Resume ends a pause. The node takes up what waited in any order that keeps that of each source, and passes may come
// between: a process that was stopped may read its clients before it reads that others have a new leader.
func (n *Node) Resume() {
	if !n.paused {
		return
	}
	n.held = interleave(n.cluster.rng, n.held)
	n.paused, n.waking = false, true
	n.takeUp(n.pauses)
}

func (n *Node) takeUp(pause int) {
	for n.up && n.waking && n.pauses == pause {
		if len(n.held) == 0 {
			n.waking = false
			return
		}
		next := n.held[0]
		n.held = n.held[1:]
		next.run()
		if chance(n.cluster.rng, gapChance) {
			n.after(between(n.cluster.rng, 0, longestGap), kindFault, func() { n.takeUp(pause) })
			return
		}
	}
}

// interleave merges what came from each source, in an order that is drawn.
func interleave(rng *rand.Rand, list []held) []held {
	var sources []source
	bySource := make(map[source][]held)
	for _, h := range list {
		if bySource[h.from] == nil {
			sources = append(sources, h.from)
		}
		bySource[h.from] = append(bySource[h.from], h)
	}
	merged := make([]held, 0, len(list))
	for len(sources) > 0 {
		i := rng.IntN(len(sources))
		rest := bySource[sources[i]]
		merged = append(merged, rest[0])
		if bySource[sources[i]] = rest[1:]; len(rest) == 1 {
			sources = append(sources[:i], sources[i+1:]...)
		}
	}
	return merged
}

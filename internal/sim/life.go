package sim

import (
	"fmt"
	"time"

	"github.com/katakv/katakv/internal/crashfs"
)

// ending is how a node's life ends.
type ending uint8

const (
	// endProcess is kill -9: what was written stays, synced or not, because the system keeps it.
	endProcess ending = iota
	// endPower is a power failure: of what was not synced only a drawn part stays.
	endPower
)

// crashPoint is a moment in the work of a disk at which a node may be made to lose its power.
type crashPoint uint8

const (
	crashNowhere    crashPoint = iota
	crashBeforeSync            // written, not synced
	crashAfterSync             // synced, and nobody has heard of it
)

// String says what a crash at this point meets.
func (p crashPoint) String() string {
	return [...]string{"nowhere", "in the middle of a sync", "just after a sync"}[p]
}

// CrashAt makes the node lose its power the next time its disk's work comes to a point.
func (n *Node) CrashAt(p crashPoint) { n.crashAt = p }

// reach ends the node when its power is to fail at this point, and reports whether it did.
func (n *Node) reach(p crashPoint) bool {
	if n.crashAt != p {
		return false
	}
	n.cluster.tell("%v loses its power %v", n.id, p)
	n.end(endPower)
	return true
}

// Kill ends the node as kill -9 does.
func (n *Node) Kill() {
	if n.up {
		n.cluster.tell("%v is killed", n.id)
		n.end(endProcess)
	}
}

// Crash ends the node as a power failure does.
func (n *Node) Crash() {
	if n.up {
		n.cluster.tell("%v loses its power", n.id)
		n.end(endPower)
	}
}

// Terminate stops the node in good order: leadership is handed over first, then everything pending is answered.
func (n *Node) Terminate() {
	if !n.up || n.stopping {
		return
	}
	n.stopping = true
	n.cluster.tell("%v is asked to stop", n.id)
	n.core.Evacuate()
	n.after(evacuateTime, kindFault, func() {
		n.carry(n.core.Close())
		if n.up {
			n.end(endProcess)
		}
		if n.startAgain {
			n.Start()
		}
	})
}

// evacuateTime is how long a node that stops gives the others to take over.
const evacuateTime = 700 * time.Millisecond

// end ends the node's life. A write that was under way may have reached the system, in part.
func (n *Node) end(how ending) {
	c := n.cluster
	c.trace.add(&event{at: c.queue.now, kind: kindCrash, node: n.id, arg: uint64(how)})
	var left *crashfs.FS
	if n.writing && chance(c.rng, 0.5) {
		left = n.disk.leftWithin(how, func() { _ = n.log.Append(batchesOf(n.inflight)) }) // nobody will hear of it
	} else {
		left = n.disk.left(how)
	}
	n.up, n.stopping, n.writing, n.inflight, n.waiting = false, false, false, nil, nil
	n.life++
	n.disk.leave(left, n.release)
	if how == endProcess {
		n.refuseAll()
	}
}

// refuseAll lets those who can reach the system of a node that ended learn that nobody takes their connections. A system
// that lost its power says nothing.
func (n *Node) refuseAll() {
	c := n.cluster
	for _, other := range c.nodes {
		if other == n || c.network.link(n.id, other.id).cuts+c.network.link(other.id, n.id).cuts > 0 {
			continue
		}
		life := other.life
		c.after(between(c.rng, time.Millisecond, longestRedial), kindPulse, uint64(other.id)<<8|uint64(n.id), func() {
			if !n.up && other.up && other.life == life {
				other.admit(sourceOf(n.id), func() { other.refused(n.id) })
			}
		})
	}
}

// longestRedial is how long it takes until a broken connection is dialled again.
const longestRedial = 20 * time.Millisecond

// release closes what a life had open, once the disk has been put aside.
func (n *Node) release() {
	for key := range n.staged { // each alike: the order does not matter
		n.dropStaged(key)
	}
	_ = n.core.Close() // its completions have nobody to go to
	_ = n.log.Close()  // what was acknowledged is on the disk
}

// discard lets go of everything at the end of a run, and reports what leaked.
func (n *Node) discard() {
	if !n.up {
		return
	}
	n.up = false
	n.release()
	if err := n.disk.engine.Close(); err != nil {
		n.cluster.fail(fmt.Errorf("%v: %w", n.id, err))
	}
}

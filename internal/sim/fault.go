package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Fault says that a kind of fault strikes, and how often: intervals are drawn with this mean.
type Fault struct {
	Name string
	Mean time.Duration
}

// faultKind is one kind of fault. A strike does one harm and sees to it that the harm ends.
type faultKind struct {
	name string
	// often is the shortest mean interval that a plan draws; the longest is slowestFactor times that, or themeFactor times.
	often  time.Duration
	strike func(*strike)
}

// slowestFactor spreads the rates of faults over plans, themeFactor over plans with a theme.
const (
	slowestFactor = 8
	themeFactor   = 2.5
)

// faultKinds is the catalogue.
var faultKinds = slices.Concat(processFaults, networkFaults, diskFaults)

// FaultNames lists the catalogue.
func FaultNames() []string {
	names := make([]string, len(faultKinds))
	for i := range faultKinds {
		names[i] = faultKinds[i].name
	}
	return names
}

func findFault(name string) *faultKind {
	for i := range faultKinds {
		if faultKinds[i].name == name {
			return &faultKinds[i]
		}
	}
	return nil
}

// nemesis lets faults strike until it is stopped.
type nemesis struct {
	cluster *Cluster
	stopped bool
	strikes map[string]int
}

func newNemesis(c *Cluster, faults []Fault) (*nemesis, error) {
	n := &nemesis{cluster: c, strikes: make(map[string]int)}
	for _, f := range faults {
		kind := findFault(f.Name)
		if kind == nil {
			return nil, fmt.Errorf("no fault is named %q: the names are %v", f.Name, FaultNames())
		}
		n.schedule(kind, f.Mean, newRand(c.opts.Seed, "fault "+f.Name))
	}
	return n, nil
}

func (n *nemesis) schedule(kind *faultKind, mean time.Duration, rng *rand.Rand) {
	n.cluster.after(time.Duration(rng.ExpFloat64()*float64(mean)), kindFault, uint64(len(kind.name)), func() {
		if n.stopped {
			return
		}
		n.strikes[kind.name]++
		kind.strike(&strike{nemesis: n, Cluster: n.cluster, rng: rng})
		n.schedule(kind, mean, rng)
	})
}

// stop ends all faults: what was broken is mended, and what may start again does.
func (n *nemesis) stop() {
	c := n.cluster
	n.stopped = true
	c.tell("the faults end")
	c.Heal()
	for _, node := range c.nodes {
		node.Resume()
		node.CrashAt(crashNowhere)
		node.passDelay = normalPassDelay
		node.clock.set(c.queue.now, million, 0)
		node.clock.wallOff = 0
		node.disk.mend()
		if node.stopping {
			node.startAgain = true
		} else {
			node.Start()
		}
	}
}

// strike is one blow of the nemesis.
type strike struct {
	*nemesis
	*Cluster
	rng *rand.Rand
}

// later mends, unless the nemesis was stopped before, which mends everything.
func (s *strike) later(low, high time.Duration, mend func()) {
	n := s.nemesis
	s.after(between(s.rng, low, high), kindFault, 0, func() {
		if !n.stopped {
			mend()
		}
	})
}

// anyone draws a node.
func (s *strike) anyone() *Node { return s.nodes[s.rng.IntN(len(s.nodes))] }

// victim draws a node, leaders preferred.
func (s *strike) victim() *Node {
	if chance(s.rng, 0.6) {
		if leaders := s.leading(); len(leaders) > 0 {
			return leaders[s.rng.IntN(len(leaders))]
		}
	}
	return s.anyone()
}

// leading returns the nodes that lead some shard.
func (c *Cluster) leading() []*Node {
	var nodes []*Node
	for _, n := range c.nodes {
		if n.up && n.core.Leading() > 0 {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// pair draws two nodes.
func (s *strike) pair() (a, b int, ok bool) {
	if len(s.nodes) < 2 {
		return 0, 0, false
	}
	a = s.rng.IntN(len(s.nodes))
	b = (a + 1 + s.rng.IntN(len(s.nodes)-1)) % len(s.nodes)
	return a, b, true
}

// expendable is how many more nodes may be lost for good: a majority of every shard's replicas must keep its disks.
func (c *Cluster) expendable() int {
	left := (c.opts.Replicas - 1) / 2
	for _, n := range c.nodes {
		if n.lost != "" || n.disk.damaged != "" || n.disk.suspect || n.severed {
			left--
		}
	}
	return left
}

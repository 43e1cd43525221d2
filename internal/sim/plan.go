package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is everything about a run but its chances. The same plan and seed give the same history.
type Plan struct {
	Options  Options
	Workload Workload
	Faults   []Fault
	// Safety is how long faults may strike.
	Safety time.Duration
	// Severed says how a minority stays cut off when the faults end; empty: not at all.
	Severed Severance
}

// Severance is a way in which a minority stays cut off.
type Severance string

// The ways.
const (
	SeveredNot  Severance = ""
	SeveredAll  Severance = "cut off"
	SeveredDeaf Severance = "hears nobody"
	SeveredMute Severance = "is heard by nobody"
	// SeveredLink cuts one direction of one link.
	SeveredLink Severance = "is not heard by one other"
)

// RunTime is how long a run is in simulated time: a safety phase with faults, and then a liveness phase that may end
// sooner.
const (
	RunTime    = 60 * time.Second
	safetyTime = 45 * time.Second
)

// Draw makes a plan from a seed. Thresholds are often tiny, because what lies behind them would otherwise not be
// reached in a minute: snapshots, moved log records, full windows.
func Draw(seed uint64) Plan {
	rng := newRand(seed, "plan")
	p := Plan{Safety: safetyTime}
	p.Options = drawOptions(rng)
	p.Options.Seed = seed
	p.Workload = drawWorkload(rng)
	p.Faults = drawFaults(rng)
	if p.Options.WindowBytes == smallestWindow && chance(rng, 0.4) {
		p.Faults = append(p.Without("corrupt-snapshots").Faults, Fault{Name: "corrupt-snapshots", Mean: 4 * time.Second})
	}
	if p.Options.Replicas >= 3 && chance(rng, 0.25) {
		p.Severed = pick(rng, SeveredAll, SeveredDeaf, SeveredMute, SeveredLink)
	}
	return p
}

// smallestWindow leaves a window next to nothing beyond what it must hold: whoever misses a second needs a snapshot.
const smallestWindow = 1 << 10

func drawOptions(rng *rand.Rand) Options {
	o := Options{
		Nodes:         pick(rng, 3, 3, 3, 3, 3, 4, 5, 5, 7),
		Shards:        pick(rng, 1, 1, 2, 2, 3, 4, 6, 8, 16),
		Timeout:       between(rng, 300*time.Millisecond, 4*time.Second),
		WindowBytes:   pick(rng, smallestWindow, smallestWindow, smallestWindow, 1<<14, 1<<16, 1<<21),
		SegmentBytes:  1 << (12 + rng.IntN(6)),
		ChunkBytes:    1 << (8 + rng.IntN(8)),
		FlushInterval: between(rng, 100*time.Millisecond, 6*time.Second),
		Pebble:        chance(rng, 0.2),
		Network: Network{
			MaxDelay: pick(rng, time.Millisecond, 2*time.Millisecond, 10*time.Millisecond, 30*time.Millisecond),
			Drop:     pick(rng, 0, 0, 0.01, 0.04), Duplicate: pick(rng, 0, 0.01, 0.04), Slow: pick(rng, 0, 0.01, 0.04),
		},
		Disk: Disk{
			MaxSync: pick(rng, time.Millisecond, 3*time.Millisecond, 15*time.Millisecond),
			Stall:   pick(rng, 0, 0, 0.004),
		},
	}
	if chance(rng, 0.02) {
		o.Nodes = 1
	}
	o.Replicas = pick(rng, 3, 3, 3, 3, 3, 5, 1)
	if o.Replicas > o.Nodes {
		o.Replicas = 1 + 2*((o.Nodes-1)/2)
	}
	return o
}

// mostAtOnce bounds the commands in flight: the checker tries their orders.
const mostAtOnce = 16

func drawWorkload(rng *rand.Rand) Workload {
	pipeline := pick(rng, 1, 1, 2, 5)
	return Workload{
		Pipeline:   pipeline,
		Clients:    min(3+rng.IntN(8), mostAtOnce/pipeline),
		Think:      pick(rng, 40*time.Millisecond, 100*time.Millisecond, 200*time.Millisecond),
		Registers:  1 + rng.IntN(6),
		Counters:   1 + rng.IntN(3),
		Lists:      1 + rng.IntN(2),
		Groups:     rng.IntN(3),
		Generation: between(rng, 4*time.Second, 12*time.Second),
		LargeBytes: pick(rng, 0, 0, 0, 2<<10, 64<<10, 256<<10),
	}
}

// drawFaults lets a few kinds of fault strike often, rather than all of them a little: together they would leave
// nothing running in which something could go wrong.
func drawFaults(rng *rand.Rand) []Fault {
	kinds := slices.Clone(faultKinds)
	rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:rng.IntN(6)]
	var faults []Fault
	for _, k := range kinds {
		mean := time.Duration(float64(k.often) * (1 + (slowestFactor-1)*rng.Float64()))
		faults = append(faults, Fault{Name: k.name, Mean: mean.Round(time.Millisecond)})
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return faults
}

// Without returns the plan with some kinds of fault left out.
func (p Plan) Without(names ...string) Plan {
	p.Faults = slices.DeleteFunc(slices.Clone(p.Faults), func(f Fault) bool { return slices.Contains(names, f.Name) })
	return p
}

// String describes the plan in one line.
func (p Plan) String() string {
	o := &p.Options
	state := "memory"
	if o.Pebble {
		state = "pebble"
	}
	var faults []string
	for _, f := range p.Faults {
		faults = append(faults, fmt.Sprintf("%s/%v", f.Name, f.Mean))
	}
	s := fmt.Sprintf("%d nodes, %d shards, %d replicas, %s, window %d, segments %d, chunks %d, flush %v, timeout %v; %d clients; faults [%s] for %v",
		o.Nodes, o.Shards, o.Replicas, state, o.WindowBytes, o.SegmentBytes, o.ChunkBytes, o.FlushInterval.Round(time.Millisecond),
		o.Timeout.Round(time.Millisecond), p.Workload.Clients, strings.Join(faults, " "), p.Safety)
	if p.Severed != SeveredNot {
		s += "; one node " + string(p.Severed)
	}
	return s
}

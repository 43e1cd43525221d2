package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/placement"
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
	p.Workload.Levels = pick(newRand(seed, "levels"), 0, 0.4, 0.8)
	switch {
	case chance(rng, 0.18):
		p.depose(rng)
	case chance(rng, 0.26):
		p.replace(rng)
	case chance(rng, 0.24):
		p.restart(rng)
	default:
		p.Faults = drawFaults(rng, faultKinds, rng.IntN(6), slowestFactor)
		if p.Workload.Levels > 0 && chance(newRand(seed, "clocks of levels"), 0.5) { // ages are measured by them
			p.Faults = append(p.Without("clock").Faults, Fault{Name: "clock", Mean: 2 * time.Second})
		}
	}
	if p.Options.Replicas >= 3 && chance(rng, 0.25) {
		p.Severed = pick(rng, SeveredAll, SeveredDeaf, SeveredMute, SeveredLink)
	}
	p.retry(newRand(seed, "plan of requests"))
	p.lease(newRand(seed, "strong reads"))
	return p
}

// Most plans draw what they do from everything. Some have a theme: what goes wrong in rare moments only is met where
// everything else in the plan makes those moments common.

// depose lets leaders be replaced behind their backs, while clients go on asking them.
func (p *Plan) depose(rng *rand.Rand) {
	o, w := &p.Options, &p.Workload
	o.Nodes, o.Replicas = pick(rng, 3, 3, 5), 3
	o.Shards = 1 + rng.IntN(3)
	w.Registers, w.Counters, w.Lists, w.Groups = 1+rng.IntN(2), rng.IntN(2), rng.IntN(2), 0
	w.Pipeline, w.Clients = 1, 8+rng.IntN(6)
	w.Readers, w.Loyal = w.Clients/2, 0.3
	w.LargeBytes = 0
	deposing := []string{"isolate", "mute", "deaf", "pause", "lag", "partition", "delays", "slow-processor", "terminate", "kill"}
	p.Faults = drawFaults(rng, kindsNamed(deposing), 2+rng.IntN(4), themeFactor)
	if w.Levels > 0 && chance(rng, 0.6) { // a deposed leader keeps a follower that has not heard of it either
		o.Nodes, o.Replicas, o.Shards = 5, 5, 1
		w.Levels, w.Registers, w.Counters, w.Lists = 0.8, 1, 1, 0
		p.Faults = append(p.Without("partition").Faults, Fault{Name: "partition", Mean: 4 * time.Second})
	}
}

// replace lets replicas miss more than the windows of their leaders hold, so that snapshots replace what they have; in
// half of these plans that is next to nothing.
func (p *Plan) replace(rng *rand.Rand) {
	o, w := &p.Options, &p.Workload
	o.WindowBytes = smallestWindow
	o.Shards = 1 + rng.IntN(4)
	o.Pebble = chance(rng, 0.3)
	o.ChunkBytes = 1 << (7 + rng.IntN(5))
	w.Clients, w.Pipeline, w.Think = 8+rng.IntN(5), 1, 40*time.Millisecond
	w.LargeBytes, w.LargeOneIn = pick(rng, 0, 0, 4<<10), 3
	o.Timeout = between(rng, 3*time.Second, 8*time.Second)  // who waits longest learns what became of what a snapshot covers
	w.Registers, w.Counters, w.Lists, w.Groups = 1, 2, 2, 0 // whatever is applied twice shows in the last two
	if chance(rng, 0.4) {
		o.Pebble = chance(rng, 0.6)
		w.Sweeping, w.Registers, w.Counters, w.Lists = true, 1+rng.IntN(4), 0, 0
		w.Generation = between(rng, 2*time.Second, 5*time.Second)
	}
	silencing := []string{"isolate", "deaf", "pause"} // also of leaders, with proposals that others commit
	p.Faults = drawFaults(rng, kindsNamed(silencing), 1+rng.IntN(2), themeFactor)
	replacing := []string{"kill", "power", "cut-pair", "cut-one-way", "flap", "lag", "reset", "delays", "crash-at-sync"}
	p.Faults = append(p.Faults, drawFaults(rng, kindsNamed(replacing), rng.IntN(3), themeFactor)...)
	if chance(rng, 0.6) {
		p.Faults = append(p.Faults, Fault{Name: "corrupt-snapshots", Mean: 4 * time.Second})
	}
}

// restart lets nodes begin new lives while what others sent to the earlier ones is still on its way.
func (p *Plan) restart(rng *rand.Rand) {
	o, w := &p.Options, &p.Workload
	o.Shards = 1 + rng.IntN(3)
	o.Timeout = between(rng, time.Second, 8*time.Second)
	w.LargeBytes = 0
	w.Loyal, w.Readers, w.Think = pick(rng, 0, 0.5), 0, 40*time.Millisecond
	p.Faults = drawFaults(rng, kindsNamed([]string{"crash-loop", "lag"}), 2, themeFactor)
	others := []string{"kill", "power", "terminate", "crash-at-sync", "delays", "slow-processor", "pause"}
	p.Faults = append(p.Faults, drawFaults(rng, kindsNamed(others), rng.IntN(3), themeFactor)...)
}

// retry lets clients send again what they do not know the outcome of, with request ids.
func (p *Plan) retry(rng *rand.Rand) {
	p.Workload.Once = pick(rng, 0, 0.5, 1)
	p.Workload.RetryFor = RunTime // requests are remembered for longer
	if p.Options.Pebble && p.Options.WindowBytes == smallestWindow {
		p.Workload.Once = 0 // many snapshots of all that is remembered, in small chunks, would take Pebble minutes
	}
	if chance(rng, 0.2) {
		p.forget(rng)
	}
}

// forget lets shards forget requests soon, while wall clocks are wrong and leaders change. Nothing holds an attempt back for
// long here: a node that is paused may let go of one at any time. From the first attempt to the last that can still be on
// its way there are RetryFor and some four seconds: a router's patience, an election, a slow message. The shard's clock
// runs at twice the speed at most, of monotonic clocks that are five per cent too fast. So what is drawn here is enough:
// 2.1 * (7.5 s + 4 s) < 30 s, 2.1 * (4.5 s + 4 s) < 18 s.
func (p *Plan) forget(rng *rand.Rand) {
	o, w := &p.Options, &p.Workload
	o.RequestRetention = between(rng, 18*time.Second, 30*time.Second).Round(time.Millisecond)
	o.Timeout = between(rng, 300*time.Millisecond, time.Second)
	w.Once, w.RetryFor = 1, o.RequestRetention/4
	w.Counters, w.Lists = 2, 1
	forgetting := []string{"kill", "power", "crash-at-sync", "isolate", "cut-pair", "cut-one-way", "deaf", "mute", "partition", "terminate"}
	p.Faults = append(drawFaults(rng, kindsNamed(forgetting), 2+rng.IntN(3), themeFactor), Fault{Name: "clock", Mean: 2 * time.Second})
	slices.SortFunc(p.Faults, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
}

// lease decides how strong reads are answered. Under some leases, nodes that have promised restart at once while a node
// that does not hear the leader asks them for votes.
func (p *Plan) lease(rng *rand.Rand) {
	p.Options.StrongReads = pick(rng, placement.StrongReadsLease, placement.StrongReadsIndex)
	if p.Options.StrongReads == placement.StrongReadsIndex || p.Options.RequestRetention > 0 || !chance(rng, 0.2) {
		return
	}
	o := &p.Options
	o.Nodes, o.Replicas, o.Shards = 3, 3, 1+rng.IntN(2)
	p.Faults = []Fault{{Name: "crash-loop", Mean: 3 * time.Second}, {Name: "cut-pair", Mean: 2 * time.Second}}
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
		Pebble:        chance(rng, 0.16),
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
	w := Workload{
		Pipeline:   pipeline,
		Clients:    min(3+rng.IntN(8), mostAtOnce/pipeline),
		Loyal:      pick(rng, 0, 0.5, 1),
		Think:      pick(rng, 40*time.Millisecond, 100*time.Millisecond, 200*time.Millisecond),
		Registers:  1 + rng.IntN(6),
		Counters:   1 + rng.IntN(3),
		Lists:      1 + rng.IntN(2),
		Groups:     rng.IntN(3),
		Generation: between(rng, 4*time.Second, 12*time.Second),
		LargeBytes: pick(rng, 0, 0, 0, 2<<10, 64<<10, 256<<10),
		LargeOneIn: 25,
	}
	w.Readers = rng.IntN(1 + w.Clients/3)
	return w
}

// drawFaults lets a few kinds of fault strike often, rather than all of them a little: together they would leave
// nothing running in which something could go wrong. The mean intervals are up to slowest times the shortest one.
func drawFaults(rng *rand.Rand, from []faultKind, count int, slowest float64) []Fault {
	kinds := slices.Clone(from)
	rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:count]
	var faults []Fault
	for _, k := range kinds {
		mean := time.Duration(float64(k.often) * (1 + (slowest-1)*rng.Float64()))
		faults = append(faults, Fault{Name: k.name, Mean: mean.Round(time.Millisecond)})
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return faults
}

func kindsNamed(names []string) []faultKind {
	kinds := make([]faultKind, len(names))
	for i, name := range names {
		kinds[i] = *findFault(name)
	}
	return kinds
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
	s := fmt.Sprintf("%d nodes, %d shards, %d replicas, %s, window %d, segments %d, chunks %d, flush %v, timeout %v; %d clients, %d of them readers, %.0f %% at other levels; faults [%s] for %v",
		o.Nodes, o.Shards, o.Replicas, state, o.WindowBytes, o.SegmentBytes, o.ChunkBytes, o.FlushInterval.Round(time.Millisecond),
		o.Timeout.Round(time.Millisecond), p.Workload.Clients, p.Workload.Readers, 100*p.Workload.Levels, strings.Join(faults, " "), p.Safety)
	s += "; strong reads by " + string(cmp.Or(o.StrongReads, placement.StrongReadsLease))
	if p.Workload.Once > 0 {
		s += fmt.Sprintf("; requests of %d %% retried for %v", int(100*p.Workload.Once), p.Workload.RetryFor.Round(time.Millisecond))
	}
	if o.RequestRetention > 0 {
		s += fmt.Sprintf(", remembered for %v", o.RequestRetention.Round(time.Millisecond))
	}
	if p.Severed != SeveredNot {
		s += "; one node " + string(p.Severed)
	}
	return s
}

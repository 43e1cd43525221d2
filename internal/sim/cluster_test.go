package sim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/internal/sim"
)

func newCluster(t *testing.T, opts sim.Options) *sim.Cluster {
	t.Helper()
	c, err := sim.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestElectsWritesAndConverges(t *testing.T) {
	c := newCluster(t, sim.Options{Seed: 1})
	must(t, c.AwaitLeaders(5*time.Second))
	load := sim.NewCounters(c, 8)
	must(t, c.Run(10*time.Second))
	load.Stop()
	must(t, load.Verify(5*time.Second))
	must(t, c.AwaitConvergence(5*time.Second))
	if load.Acknowledged < 1000 || load.NotApplied+load.Unknown > 0 {
		t.Errorf("without faults: %d acknowledged, %d not applied, %d unknown", load.Acknowledged, load.NotApplied, load.Unknown)
	}
}

// storm runs a cluster through faults drawn from the seed and checks what must hold. It returns the trace.
func storm(t *testing.T, seed uint64) uint64 {
	t.Helper()
	draw := rand.New(rand.NewPCG(seed, 1))
	opts := sim.Options{
		Seed:          seed,
		Shards:        1 + draw.IntN(6),
		WindowBytes:   1 << (10 + draw.IntN(10)),
		SegmentBytes:  4 << 10 << draw.IntN(5),
		FlushInterval: time.Duration(1+draw.IntN(20)) * 200 * time.Millisecond,
		Network: sim.Network{
			Drop: float64(draw.IntN(3)) * 0.02, Duplicate: float64(draw.IntN(3)) * 0.02, Slow: float64(draw.IntN(3)) * 0.02,
		},
		Disk: sim.Disk{Stall: float64(draw.IntN(2)) * 0.005},
	}
	if draw.IntN(4) == 0 {
		opts.Nodes, opts.Replicas = 5, 1+2*draw.IntN(3)
	}
	c, err := sim.New(opts)
	must(t, err)
	defer c.Close()
	must(t, c.AwaitLeaders(20*time.Second))
	load := sim.NewCounters(c, 6)
	nodes := max(opts.Nodes, 3)
	for range 12 {
		strike(t, c, draw, nodes)
		must(t, c.Run(time.Duration(draw.IntN(2500))*time.Millisecond))
	}
	heal(c, nodes)
	must(t, c.Run(3*time.Second))
	load.Stop()
	must(t, load.Verify(20*time.Second))
	must(t, c.AwaitConvergence(30*time.Second))
	if load.Acknowledged == 0 {
		t.Errorf("seed %d: nothing was acknowledged", seed)
	}
	t.Logf("%d acknowledged, %d unknown, %d reads, %d snapshots, %v simulated",
		load.Acknowledged, load.Unknown, load.Reads, c.Installs(), c.Now())
	return c.Trace()
}

// strike does one harm, or mends one.
func strike(t *testing.T, c *sim.Cluster, draw *rand.Rand, nodes int) {
	t.Helper()
	victim := draw.IntN(nodes)
	n := c.Node(victim)
	switch draw.IntN(8) {
	case 0, 1:
		if n.Up() {
			n.Crash()
		} else {
			n.Restart()
		}
	case 2:
		c.Isolate(victim)
	case 3:
		c.CutOneWay(victim, (victim+1)%nodes)
	case 4:
		c.Heal()
	case 5:
		n.Pause()
	case 6:
		n.Resume()
	case 7: // the power fails everywhere
		for i := range nodes {
			if c.Node(i).Up() {
				c.Node(i).Crash()
			}
		}
		for i := range nodes {
			c.Node(i).Restart()
		}
	}
}

func heal(c *sim.Cluster, nodes int) {
	c.Heal()
	for i := range nodes {
		c.Node(i).Resume()
		if !c.Node(i).Up() {
			c.Node(i).Restart()
		}
	}
}

func TestSurvivesFaults(t *testing.T) {
	seeds := 12
	if testing.Short() {
		seeds = 4
	}
	for _, seed := range require.Seeds(t, seeds) {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) { storm(t, seed) })
	}
}

func TestRepeatsFromSeed(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		if first, second := storm(t, seed), storm(t, seed); first != second {
			t.Errorf("seed %d: traces %016x and %016x differ", seed, first, second)
		}
	}
}

func TestLaggingNodeCatchesUpBySnapshot(t *testing.T) {
	c := newCluster(t, sim.Options{Seed: 7, Shards: 2, WindowBytes: 4 << 10, SegmentBytes: 8 << 10})
	must(t, c.AwaitLeaders(5*time.Second))
	load := sim.NewCounters(c, 8)
	c.Node(2).Crash()
	must(t, c.Run(60*time.Second))
	c.Node(2).Restart()
	must(t, c.Run(5*time.Second))
	load.Stop()
	must(t, load.Verify(5*time.Second))
	must(t, c.AwaitConvergence(20*time.Second))
	if c.Installs() == 0 {
		t.Error("it caught up without a snapshot")
	}
}

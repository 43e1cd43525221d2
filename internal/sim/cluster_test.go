package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/sim"
)

// carryOut runs a plan and fails the test with the command that repeats it.
func carryOut(t *testing.T, p sim.Plan) sim.Result {
	t.Helper()
	r := sim.Run(p)
	if r.Err != nil {
		t.Errorf("%v\n%v\nrepeat it with: go run ./cmd/katasim replay %d", r.Err, p, p.Options.Seed)
	}
	return r
}

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

// quiet is a plan without faults on links and disks that lose nothing.
func quiet(seed uint64) sim.Plan {
	return sim.Plan{
		Options: sim.Options{Seed: seed},
		Workload: sim.Workload{
			Clients: 6, Think: 50 * time.Millisecond, Registers: 4, Counters: 2, Lists: 1, Groups: 1, Generation: 5 * time.Second,
		},
		Safety: 10 * time.Second,
	}
}

func TestElectsWritesAndConverges(t *testing.T) {
	for _, pebble := range []bool{false, true} {
		t.Run(fmt.Sprintf("pebble %v", pebble), func(t *testing.T) {
			p := quiet(1)
			p.Options.Pebble = pebble
			r := carryOut(t, p)
			if r.Acknowledged < 1000 || r.NotApplied+r.Unknown > 0 {
				t.Errorf("without faults: %d acknowledged, %d not applied, %d unknown", r.Acknowledged, r.NotApplied, r.Unknown)
			}
		})
	}
}

func TestSurvivesFaults(t *testing.T) {
	seeds := 24
	if testing.Short() {
		seeds = 6
	}
	for _, seed := range require.Seeds(t, seeds) {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) { carryOut(t, sim.Draw(seed)) })
	}
}

// Each kind of fault alone, on every tenth of its shortest interval, so that none is there in name only.
func TestEveryKindOfFaultStrikes(t *testing.T) {
	for _, name := range sim.FaultNames() {
		t.Run(name, func(t *testing.T) {
			p := quiet(7)
			p.Options.WindowBytes = 1 << 10
			p.Faults = []sim.Fault{{Name: name, Mean: 2 * time.Second}}
			p.Safety = 20 * time.Second
			if r := carryOut(t, p); r.Strikes[name] == 0 {
				t.Error("it never struck")
			}
		})
	}
}

func TestRepeatsFromSeed(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		p := sim.Draw(seed)
		p.Options.Pebble = seed%2 == 0
		if first, second := sim.Run(p), sim.Run(p); first.Trace != second.Trace {
			t.Errorf("seed %d: traces %016x and %016x differ", seed, first.Trace, second.Trace)
		}
	}
}

func TestLaggingNodeCatchesUpBySnapshot(t *testing.T) {
	c := newCluster(t, sim.Options{Seed: 7, Shards: 2, WindowBytes: 4 << 10, SegmentBytes: 8 << 10})
	must(t, c.AwaitLeaders(5*time.Second))
	clients := sim.NewClients(c, quiet(7).Workload)
	c.Node(2).Kill()
	must(t, c.Run(30*time.Second))
	c.Node(2).Start()
	must(t, c.Run(5*time.Second))
	clients.Stop()
	must(t, c.RunUntil(5*time.Second, clients.Idle))
	must(t, c.AwaitConvergence(check.NewLiveness(5*time.Second, 20*time.Second)))
	if c.Installs() == 0 {
		t.Error("it caught up without a snapshot")
	}
}

// A plan that names a fault that does not exist says so.
func TestUnknownFault(t *testing.T) {
	p := quiet(1)
	p.Faults = []sim.Fault{{Name: "meteorite", Mean: time.Second}}
	if r := sim.Run(p); r.Err == nil {
		t.Error("it ran")
	}
}

// execute runs one operation on node i and returns its reply.
func execute(t *testing.T, c *sim.Cluster, i int, op command.Operation) command.Reply {
	t.Helper()
	b := &router.Batch{Calls: []router.Call{{Operation: op}}}
	done := false
	c.Node(i).Execute(b, func() { done = true })
	must(t, c.RunUntil(10*time.Second, func() bool { return done }))
	if !done {
		t.Fatal("no answer")
	}
	return b.Calls[0].Reply
}

// Raft answers ReadIndex at once in a group of one voter, although right after a restart its commit index can be
// behind entries that were acknowledged (decision 0008).
func TestSingleVoterReadsAfterRestart(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		c, err := sim.New(sim.Options{Seed: seed, Nodes: 1, Replicas: 1, Shards: 1, Disk: sim.Disk{MinSync: 20 * time.Millisecond, MaxSync: 40 * time.Millisecond}})
		must(t, err)
		must(t, c.AwaitLeaders(10*time.Second))
		key := [][]byte{[]byte("k")}
		if r := execute(t, c, 0, command.Operation{Kind: command.KindSet, Keys: key, Values: [][]byte{[]byte("acknowledged")}}); r.Kind != command.ReplyOK {
			t.Fatalf("seed %d: %+v", seed, r.Err)
		}
		c.Node(0).Crash()
		c.Node(0).Start()
		if r := execute(t, c, 0, command.Operation{Kind: command.KindGet, Keys: key}); string(r.Bulk) != "acknowledged" {
			t.Errorf("seed %d: read %q after a restart", seed, r.Bulk)
		}
		c.Close()
	}
}

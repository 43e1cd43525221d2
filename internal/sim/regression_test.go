package sim_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/sim"
)

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

// Found by seed 1164: Raft answers ReadIndex at once in a group of one voter, although right after a restart its
// commit index can be behind entries that were acknowledged.
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
		c.Node(0).Restart()
		if r := execute(t, c, 0, command.Operation{Kind: command.KindGet, Keys: key}); string(r.Bulk) != "acknowledged" {
			t.Errorf("seed %d: read %q after a restart", seed, r.Bulk)
		}
		c.Close()
	}
}

// Seeds that failed once, each with what it found.
func TestSeedsThatFailed(t *testing.T) {
	seeds := map[uint64]string{
		1164:               "a single voter read below its log after a restart",
		23958:              "log entries were rewritten while raft held them in a message",
		201666343207226640: "a stale hint made a node tell everybody, for ever, that it led",
		26328:              "votes were asked for in a term that was not on disk: two leaders of one term",
	}
	for seed, found := range seeds {
		t.Run(found, func(t *testing.T) { storm(t, seed) })
	}
}

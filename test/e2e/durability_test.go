package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

// TestNoAckedWriteLost kills a node with kill -9 under writers on keys of all shards and starts it again.
func TestNoAckedWriteLost(t *testing.T) {
	c := startFaulty(t, localcluster.Options{})
	seed := require.Seed(t)
	t.Logf("seed %d", seed)
	victims := rand.New(rand.NewPCG(seed, 1)).Perm(len(c.Nodes))
	perPhase := int64(sized(20, 200)) // acknowledgements of each writer
	ws := newWriters(view(t, c.Nodes[0]), "writer")
	ws.start()
	defer ws.halt()
	ws.waitProgress(t, perPhase)

	var led, others, back []time.Duration
	for _, victim := range victims[:sized(1, len(victims))] {
		n := c.Nodes[victim]
		leaders := view(t, n).Shards
		ws.takeGaps()
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		ws.waitProgress(t, perPhase)
		gaps := ws.takeGaps()
		for _, s := range leaders {
			gap, ok := gaps[s.ID]
			switch {
			case !ok: // the meta shard has no writers
			case s.Leader == katakv.NodeID(n.ID):
				led = append(led, gap)
			default:
				others = append(others, gap)
			}
		}
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		waitReady(t, c)
		ws.waitProgress(t, perPhase)
		for _, gap := range ws.takeGaps() {
			back = append(back, gap)
		}
	}
	ws.halt()
	ws.check(t)
	sameChecksums(t, c)
	gapFigures(t, "longest gap of a shard led by the killed node", led)
	gapFigures(t, "longest gap of a shard led elsewhere", others)
	gapFigures(t, "longest gap while the node comes back", back)
}

// TestAllNodesKilled kills all nodes at once in the middle of writes, several times.
func TestAllNodesKilled(t *testing.T) {
	c := startFaulty(t, localcluster.Options{})
	perPhase := int64(sized(10, 100))
	ws := newWriters(view(t, c.Nodes[0]), "writer")
	defer ws.halt()
	var outages []time.Duration
	for range sized(3, 10) {
		ws.start()
		ws.waitProgress(t, perPhase)
		ws.takeGaps()
		killAll(t, c)
		startAll(t, c)
		ws.waitProgress(t, 1)
		for _, gap := range ws.takeGaps() {
			outages = append(outages, gap)
		}
		ws.halt()
		waitReady(t, c)
		ws.check(t)
		if t.Failed() {
			return
		}
	}
	sameChecksums(t, c)
	gapFigures(t, "longest gap of a shard when all nodes are killed and started", outages)
}

// TestLaggingNodeCatchesUp stops one node while many writes pass. Small values leave the missing entries in
// memory, and the node gets them; large ones do not, and the node gets snapshots.
func TestLaggingNodeCatchesUp(t *testing.T) {
	tests := []struct {
		name       string
		valueBytes int
		bySnapshot bool
		serve      []string
		stop, back func(*localcluster.Node) error
	}{
		{"killed", 128, false, nil, (*localcluster.Node).Kill, (*localcluster.Node).Start},
		{"paused", sized(4096, 1024), true, []string{"--memory", "384MiB"}, (*localcluster.Node).Pause, (*localcluster.Node).Resume},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := startFaulty(t, localcluster.Options{ServeArgs: test.serve})
			all := &bulk{count: sized(20_000, 200_000), valueBytes: test.valueBytes, prefix: "lag:", seed: require.Seed(t)}
			lagging := c.Nodes[2]
			if err := test.stop(lagging); err != nil {
				t.Fatal(err)
			}
			all.write(t, c.Nodes[0], c.Nodes[1])
			began := time.Now()
			if err := test.back(lagging); err != nil {
				t.Fatal(err)
			}
			sameChecksums(t, c)
			figure(t, "time to catch up, node "+test.name, time.Since(began).Seconds(), "s")
			logged := loggedBytes(t, c.Nodes[0], lagging) / float64(all.count*all.valueBytes)
			figure(t, "share of the writes in its log, node "+test.name, logged, "")
			if bySnapshot := logged < 1; bySnapshot != test.bySnapshot {
				t.Errorf("its log holds %.1f of the writes, want snapshots instead of entries: %v", logged, test.bySnapshot)
			}
			all.read(t, lagging)
		})
	}
}

// loggedBytes returns what a node has written to its log since it was started. A node publishes its counters from
// time to time: those that count a write made now count all that came before it.
func loggedBytes(t *testing.T, other, n *localcluster.Node) float64 {
	t.Helper()
	published := metric(t, n, "katakv_log_records_total")
	do(t, dial(t, other.Plain), "SET", "marker", "")
	eventually(t, func() error {
		if metric(t, n, "katakv_log_records_total") == published {
			return fmt.Errorf("node %d publishes no new counters", n.ID)
		}
		return nil
	})
	return metric(t, n, "katakv_log_written_bytes_total")
}

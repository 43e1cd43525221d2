package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/localcluster"
)

// manyKeys are enough to have some in most shards.
const manyKeys = 200

func key(i int) string { return fmt.Sprintf("key:%d", i) }

// writeAll sets every key to a value of the round, each acknowledged.
func writeAll(t *testing.T, addr, round string) {
	t.Helper()
	conn := dial(t, addr)
	for i := range manyKeys {
		do(t, conn, "SET", key(i), round+key(i))
	}
}

// readAll checks every key.
func readAll(t *testing.T, addr, round string) {
	t.Helper()
	conn := dial(t, addr)
	for i := range manyKeys {
		if got := do(t, conn, "GET", key(i)).Text(); got != round+key(i) {
			t.Fatalf("GET %s at %s: got %q, want %q", key(i), addr, got, round+key(i))
		}
	}
}

func TestKillLeaderFailsOver(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	writeAll(t, c.Nodes[0].Plain, "before ")
	victim := c.Nodes[1]
	if leads(t, c.Nodes[0], victim.ID) == 0 {
		t.Fatalf("node %d leads nothing: its loss would show nothing", victim.ID)
	}
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	conn := dial(t, c.Nodes[0].Plain)
	for i := range manyKeys {
		setAfterLoss(t, conn, i)
	}
	t.Log(figures.Line("all shards written after the loss", float64(time.Since(killed).Milliseconds()), "ms"))
	readAll(t, c.Nodes[2].Plain, "after ")
	if n := leads(t, c.Nodes[0], victim.ID); n != 0 {
		t.Errorf("%d shards are still said to be led by the dead node", n)
	}

	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := victim.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	readAll(t, victim.Plain, "after ")
	sameChecksums(t, c)
}

// setAfterLoss writes one key; its leader may have died with the request, which then is sent again.
func setAfterLoss(t *testing.T, conn *client.Conn, i int) {
	t.Helper()
	eventually(t, func() error {
		_, err := conn.Do(t.Context(), "SET", key(i), "after "+key(i))
		return err
	})
}

// leads returns how many shards a node leads, as another one knows it.
func leads(t *testing.T, asked *localcluster.Node, id int) int {
	t.Helper()
	var view admin.ClusterView
	if err := admin.Fetch(t.Context(), asked.HTTP, "/v1/cluster", &view); err != nil {
		t.Fatal(err)
	}
	return view.Nodes[id-1].Leads
}

// sameChecksums waits until all replicas of each shard have the same checksum at the same applied index, and
// fails when two differ at the same one.
func sameChecksums(t *testing.T, c *localcluster.Cluster) {
	t.Helper()
	type position struct{ shard, applied uint64 }
	seen := map[position]string{}
	eventually(t, func() error {
		applied := map[uint64]uint64{}
		var behind []string
		for i, n := range c.Nodes {
			var answer struct {
				Checksums []admin.Checksum `json:"checksums"`
			}
			if err := admin.Fetch(t.Context(), n.HTTP, "/v1/checksums", &answer); err != nil {
				return err
			}
			for _, row := range answer.Checksums {
				at := position{uint64(row.Shard), uint64(row.Applied)}
				if sum, ok := seen[at]; ok && sum != row.Checksum {
					t.Fatalf("shard %v at applied index %v: checksum %s at node %d, %s elsewhere", row.Shard, row.Applied, row.Checksum, n.ID, sum)
				}
				seen[at] = row.Checksum
				if i == 0 {
					applied[at.shard] = at.applied
				} else if applied[at.shard] != at.applied {
					behind = append(behind, fmt.Sprintf("shard %v at %v on node %d", row.Shard, row.Applied, n.ID))
				}
			}
		}
		if len(behind) > 0 {
			return fmt.Errorf("not all equal: %s", strings.Join(behind, ", "))
		}
		return nil
	})
}

// TestResume stops a cluster in order, kills the next run whole, and finds all data after either.
func TestResume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, localcluster.Options{Dir: dir, Shards: 5})
	writeAll(t, c.Nodes[0].Plain, "first ")
	c.Stop()

	c = start(t, localcluster.Options{Dir: dir})
	if !c.Resumed {
		t.Error("the second run did not find the first")
	}
	readAll(t, c.Nodes[1].Plain, "first ")
	writeAll(t, c.Nodes[1].Plain, "second ")
	for _, n := range c.Nodes {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	c.Stop()

	c = start(t, localcluster.Options{Dir: dir})
	readAll(t, c.Nodes[2].Plain, "second ")
	sameChecksums(t, c)
}

// TestPlannedStopIsNotNoticed stops a node in order while clients of another one write: none sees an error.
func TestPlannedStopIsNotNoticed(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	conn := dial(t, c.Nodes[0].Plain)
	stopped := make(chan error, 1)
	go func() { stopped <- c.Nodes[2].Terminate() }()
	for round, done := 0, false; !done || round < 2; round++ {
		select {
		case err := <-stopped:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		for i := range manyKeys {
			do(t, conn, "SET", key(i), round)
		}
	}
	if n := leads(t, c.Nodes[0], 3); n != 0 {
		t.Errorf("the stopped node is still said to lead %d shards", n)
	}
}

func TestPausedNodeIsReplacedAndCatchesUp(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Shards: 5})
	writeAll(t, c.Nodes[0].Plain, "before ")
	if err := c.Nodes[1].Pause(); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, c.Nodes[0].Plain)
	for i := range manyKeys {
		setAfterLoss(t, conn, i)
	}
	if err := c.Nodes[1].Resume(); err != nil {
		t.Fatal(err)
	}
	readAll(t, c.Nodes[1].Plain, "after ")
	sameChecksums(t, c)
}

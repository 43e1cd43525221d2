package e2e

import (
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

// maxResidentBytes is what a node with default settings stays below.
const maxResidentBytes = 1 << 30

// TestMillionKeys loads a million keys of 128 bytes and reports what they cost; a sample is a fiftieth of that.
func TestMillionKeys(t *testing.T) {
	c := startFaulty(t, localcluster.Options{})
	all := &bulk{count: sized(20_000, 1_000_000), valueBytes: 128, prefix: "key:", seed: require.Seed(t)}
	began := time.Now()
	all.write(t, c.Nodes...)
	took := time.Since(began).Seconds()
	figure(t, "load time", took, "s")
	figure(t, "keys loaded in a second", float64(all.count)/took, "")
	var disk int64
	for _, n := range c.Nodes {
		disk += diskBytes(t, n.Data)
	}
	figure(t, "disk bytes per key on all nodes", float64(disk)/float64(all.count), "bytes")
	checkMemory(t, c, "resident memory")

	killAll(t, c)
	began = time.Now()
	startAll(t, c)
	firstRead(t, c.Nodes[0], all, began)
	waitReady(t, c)
	figure(t, "restart to leaders for all shards", time.Since(began).Seconds(), "s")
	all.read(t, c.Nodes...)
	checkMemory(t, c, "resident memory after restart and reading")
}

// firstRead reads through a node that is starting until a key is there.
func firstRead(t *testing.T, n *localcluster.Node, all *bulk, began time.Time) {
	t.Helper()
	eventually(t, func() error {
		conn, err := client.Dial(t.Context(), n.Plain, client.Options{})
		if err != nil {
			return err
		}
		defer conn.Close()
		value, err := conn.Do(t.Context(), "GET", all.key(0))
		if err == nil && string(value.Bytes) != string(all.value(0)) {
			t.Fatalf("the first read after the restart gave %v", value)
		}
		return err
	})
	figure(t, "restart to first read", time.Since(began).Seconds(), "s")
}

// checkMemory reports the peak of the node that used most.
func checkMemory(t *testing.T, c *localcluster.Cluster, name string) {
	t.Helper()
	var peak, now int64
	for _, n := range c.Nodes {
		peak, now = max(peak, memory(t, n, "VmHWM")), max(now, memory(t, n, "VmRSS"))
	}
	figure(t, name, float64(peak)/(1<<20), "MiB")
	t.Logf("the peak; %d MiB at the end", now>>20)
	if peak >= maxResidentBytes {
		t.Errorf("a node used %d bytes, want less than %d", peak, maxResidentBytes)
	}
}

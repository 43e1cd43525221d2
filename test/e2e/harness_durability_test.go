package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

const (
	// bulkConns and bulkDepth keep a small machine busy with requests that share syncs and frames.
	bulkConns = 4
	bulkDepth = 256
)

// sized returns full where a measurement runs at its full size, and otherwise the sample.
func sized(sample, full int) int {
	if require.Full() {
		return full
	}
	return sample
}

// startFaulty starts a cluster that will be hurt on purpose. A node that ends by itself fails the test, and the
// cluster's directory outlives a test that failed.
func startFaulty(t *testing.T, options localcluster.Options) *localcluster.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	dir, err := os.MkdirTemp("", "katakv-"+strings.ReplaceAll(t.Name(), "/", "-")+"-") //nolint:usetesting // kept when the test fails
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var ended []string
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, text := range ended {
			t.Error(text)
		}
		if t.Failed() {
			t.Logf("the cluster is kept in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	options.Dir = dir
	options.OnEvent = func(e localcluster.Event) {
		if e.Meant || e.Started {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		ended = append(ended, fmt.Sprintf("node %d ended by itself: %v\n%s", e.Node.ID, e.Err, e.Node.LogTail()))
	}
	return start(t, options)
}

// view returns the cluster as a node knows it.
func view(t *testing.T, n *localcluster.Node) *admin.ClusterView {
	t.Helper()
	v := &admin.ClusterView{}
	if err := admin.Fetch(t.Context(), n.HTTP, "/v1/cluster", v); err != nil {
		t.Fatal(err)
	}
	return v
}

// killAll kills all nodes at once and waits until all have ended.
func killAll(t *testing.T, c *localcluster.Cluster) {
	t.Helper()
	var group sync.WaitGroup
	for _, n := range c.Nodes {
		group.Go(func() {
			if err := n.Kill(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// startAll starts all nodes without waiting for them.
func startAll(t *testing.T, c *localcluster.Cluster) {
	t.Helper()
	for _, n := range c.Nodes {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// waitReady waits until every running node knows a leader for every shard.
func waitReady(t *testing.T, c *localcluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// figure reports a measurement, rounded to what is worth reading.
func figure(t *testing.T, name string, value float64, unit string) {
	t.Helper()
	t.Log(figures.Line(name, math.Round(value*10)/10, unit))
}

// gapFigures reports the median and the longest of some gaps.
func gapFigures(t *testing.T, name string, gaps []time.Duration) {
	t.Helper()
	if len(gaps) == 0 {
		return
	}
	slices.Sort(gaps)
	figure(t, name+", median", float64(gaps[len(gaps)/2].Milliseconds()), "ms")
	figure(t, name+", max", float64(gaps[len(gaps)-1].Milliseconds()), "ms")
}

// bulk is a set of keys and values that can be written, and read back, by pipelines.
type bulk struct {
	count      int
	valueBytes int
	prefix     string
	seed       uint64
}

func (b *bulk) key(i int) string { return b.prefix + strconv.Itoa(i) }

// value returns the value of key i: bytes of all kinds that do not compress, the same for each run of a seed.
func (b *bulk) value(i int) []byte {
	value := make([]byte, 0, b.valueBytes+8)
	for x := b.seed + uint64(i)*0x9e3779b97f4a7c15; len(value) < b.valueBytes; {
		// splitmix64: https://prng.di.unimi.it/splitmix64.c
		x += 0x9e3779b97f4a7c15
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		for range 8 {
			value = append(value, byte(z))
			z >>= 8
		}
	}
	return value[:b.valueBytes]
}

// write stores all keys through the nodes in turn. What fails is tried again: a leader may be lost meanwhile.
func (b *bulk) write(t *testing.T, nodes ...*localcluster.Node) {
	t.Helper()
	b.eachPart(t, nodes, func(conn *client.Conn, part []int) ([]int, error) {
		for _, i := range part {
			if err := conn.Send("SET", b.key(i), b.value(i)); err != nil {
				return part, err
			}
		}
		return receive(conn, part, nil)
	})
}

// read compares every key, through the nodes in turn, with what was written.
func (b *bulk) read(t *testing.T, nodes ...*localcluster.Node) {
	t.Helper()
	b.eachPart(t, nodes, func(conn *client.Conn, part []int) ([]int, error) {
		for _, i := range part {
			if err := conn.Send("GET", b.key(i)); err != nil {
				return part, err
			}
		}
		return receive(conn, part, func(i int, value client.Value) {
			if value.IsNull() || string(value.Bytes) != string(b.value(i)) {
				t.Errorf("%s read from %s differs from what was written: %v", b.key(i), conn.Addr(), value)
			}
		})
	})
}

// receive flushes and takes one reply for each element of part; it returns those that failed with the last error.
func receive(conn *client.Conn, part []int, each func(int, client.Value)) (failed []int, last error) {
	ctx := context.Background() // the connection's own limits end each wait
	if err := conn.Flush(ctx); err != nil {
		return part, err
	}
	for at, i := range part {
		value, err := conn.Receive(ctx)
		switch {
		case err != nil && conn.Err() != nil:
			return append(failed, part[at:]...), err
		case err != nil:
			failed, last = append(failed, i), err
		case each != nil:
			each(i, value)
		}
	}
	return failed, last
}

// eachPart hands the numbers of all keys to exchange, in pipelines over several connections, and hands those that
// failed to it again.
func (b *bulk) eachPart(t *testing.T, nodes []*localcluster.Node, exchange func(*client.Conn, []int) ([]int, error)) {
	t.Helper()
	var group sync.WaitGroup
	defer group.Wait()
	for number := range bulkConns {
		group.Go(func() {
			var numbers []int
			for i := number; i < b.count; i += bulkConns {
				numbers = append(numbers, i)
			}
			if err := exchangeAll(nodes[number%len(nodes)].Plain, numbers, exchange); err != nil {
				t.Error(err)
			}
		})
	}
}

func exchangeAll(addr string, numbers []int, exchange func(*client.Conn, []int) ([]int, error)) error {
	conn, err := client.Dial(context.Background(), addr, client.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for part := range slices.Chunk(numbers, bulkDepth) {
		deadline := time.Now().Add(patience)
		for len(part) > 0 {
			failed, err := exchange(conn, part)
			if err != nil && (conn.Err() != nil || time.Now().After(deadline)) {
				return fmt.Errorf("%d requests failed in the end: %w", len(failed), err)
			}
			if part = failed; err != nil {
				pause(nil)
			}
		}
	}
	return nil
}

// metric returns the sum of a metric's rows on a node.
func metric(t *testing.T, n *localcluster.Node, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + n.HTTP + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	sum, found := 0.0, false
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 2 || fields[0] != name && !strings.HasPrefix(fields[0], name+"{") {
			continue
		}
		value, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum, found = sum+value, true
	}
	if !found {
		t.Fatalf("node %d has no metric %s", n.ID, name)
	}
	return sum
}

// diskBytes returns what a directory takes on disk, blocks and not lengths: logs are allocated ahead.
func diskBytes(t *testing.T, dir string) int64 {
	t.Helper()
	const block = 512 // the unit of st_blocks, whatever the file system's
	var total int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			total += stat.Blocks * block
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) { // files come and go while they are counted
		t.Fatal(err)
	}
	return total
}

// memory returns a row of /proc/PID/status in bytes: "VmRSS" is the resident memory now, "VmHWM" its peak.
func memory(t *testing.T, n *localcluster.Node, row string) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		t.Skipf("resident memory is not to be had here: %v", err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == row+":" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("/proc/%d/status has no %s", n.PID(), row)
	return 0
}

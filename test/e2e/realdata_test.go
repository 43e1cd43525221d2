package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/test/realdata"
)

const (
	// sampleRecords are enough to be loading still when each node has died once.
	sampleRecords = 6_000

	// syntheticRecords stand in for the index where apt is absent or knows of little: as many as Debian has.
	syntheticRecords = 63_000
)

// packageRecords returns the records of this machine's package index, or made-up ones of the same sizes; a part of
// them where no full size is asked for. A record is a line without its end.
func packageRecords(t *testing.T) [][]byte {
	t.Helper()
	var out bytes.Buffer
	count := 0
	if apt, err := exec.LookPath("apt-cache"); err != nil {
		t.Logf("no package index: %v", err)
	} else if index, err := exec.Command(apt, "dumpavail").Output(); err != nil {
		t.Logf("no package index: %v", err)
	} else if count, err = realdata.Convert(bytes.NewReader(index), &out); err != nil {
		t.Fatal(err)
	}
	t.Logf("the package index has %d records", count)
	if count < sampleRecords {
		t.Log("records are made up instead")
		out.Reset()
		count = sized(sampleRecords, syntheticRecords)
		if err := realdata.Synthetic(&out, count, require.Seed(t)); err != nil {
			t.Fatal(err)
		}
	}
	records := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	if len(records) != count {
		t.Fatalf("%d lines hold %d records", len(records), count)
	}
	if require.Full() {
		return records
	}
	sample := make([][]byte, sampleRecords)
	for i := range sample {
		sample[i] = records[i*count/sampleRecords]
	}
	return sample
}

// loading is a `katakv load -` that is fed by the test.
type loading struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr bytes.Buffer
}

// startLoad runs the real binary. Little is in flight, so that what was fed has for the most part been written.
func startLoad(t *testing.T, c *localcluster.Cluster) *loading {
	t.Helper()
	addrs := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		addrs[i] = n.Plain
	}
	l := &loading{cmd: exec.Command(executable, "load", "-", "--key", "name", "--prefix", "pkg:", "--addr", strings.Join(addrs, ","),
		"--connections", "4", "--pipeline", "16", "--json")}
	l.cmd.Stdout, l.cmd.Stderr = &l.stdout, &l.stderr
	var err error
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.cmd.Process.Kill() })
	return l
}

// feed hands lines over; it blocks while the load does not get through.
func (l *loading) feed(t *testing.T, lines [][]byte) {
	t.Helper()
	for _, line := range lines {
		if _, err := l.stdin.Write(append(line[:len(line):len(line)], '\n')); err != nil {
			_ = l.cmd.Wait()
			t.Fatalf("the load ended early: %v\n%s", err, l.stderr.String())
		}
	}
}

// end waits until all is written and checks the count.
func (l *loading) end(t *testing.T, records int) {
	t.Helper()
	if err := l.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Wait(); err != nil {
		t.Fatalf("load: %v\n%s", err, l.stderr.String())
	}
	var answer struct{ Records, Bad, Retries int }
	if err := json.Unmarshal(l.stdout.Bytes(), &answer); err != nil {
		t.Fatalf("decode %s: %v", l.stdout.String(), err)
	}
	if answer.Records != records || answer.Bad != 0 {
		t.Errorf("load says %+v, want %d records", answer, records)
	}
	t.Logf("load sent %d records again", answer.Retries)
}

// TestRealDataWhileNodesDie loads Debian's package index while nodes are killed with kill -9 and started again in
// turn, and reads every record back through every node.
func TestRealDataWhileNodesDie(t *testing.T) {
	c := startFaulty(t, localcluster.Options{})
	records := packageRecords(t)
	turns := sized(len(c.Nodes), 3*len(c.Nodes))
	part := len(records)/(2*turns) + 1
	began := time.Now()
	l := startLoad(t, c)
	next := func() {
		n := min(part, len(records))
		l.feed(t, records[:n])
		records = records[n:]
	}
	all := records
	for turn := range turns {
		n := c.Nodes[turn%len(c.Nodes)]
		next()
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		next()
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		waitReady(t, c)
	}
	next()
	l.end(t, len(all))
	figure(t, "records", float64(len(all)), "")
	figure(t, "nodes killed while loading", float64(turns), "")
	figure(t, "load time while nodes die", time.Since(began).Seconds(), "s")
	for _, n := range c.Nodes {
		compareRecords(t, n, all)
	}
	sameChecksums(t, c)
}

// compareRecords reads all records through a node's plain port.
func compareRecords(t *testing.T, n *localcluster.Node, records [][]byte) {
	t.Helper()
	keys := make([]string, len(records))
	for i, line := range records {
		var record struct{ Name string }
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		keys[i] = "pkg:" + record.Name
	}
	numbers := make([]int, len(records))
	for i := range numbers {
		numbers[i] = i
	}
	compared := 0
	err := exchangeAll(n.Plain, numbers, func(conn *client.Conn, part []int) ([]int, error) {
		for _, i := range part {
			if err := conn.Send("GET", keys[i]); err != nil {
				return part, err
			}
		}
		return receive(conn, part, func(i int, value client.Value) {
			compared++
			if value.IsNull() || !bytes.Equal(value.Bytes, records[i]) {
				t.Errorf("%s read through node %d differs: got %v, want %.64q", keys[i], n.ID, value, records[i])
			}
		})
	})
	if err == nil && compared != len(records) {
		err = fmt.Errorf("compared %d of %d records", compared, len(records))
	}
	if err != nil {
		t.Errorf("read through node %d: %v", n.ID, err)
	}
}

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/localcluster"
)

func TestBadFlags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		words string
		args  []string
	}{
		{"unknown command", []string{"seve"}},
		{"did you mean --peer-listen?", []string{"serve", "--data", "x", "--peer-lisen", "127.0.0.1:1"}},
		{"--data DIR", []string{"serve"}},
		{`"lots" is not a size`, []string{"serve", "--data", "x", "--memory", "lots"}},
		{"1MiB is too little", []string{"serve", "--data", "x", "--memory", "1MiB"}},
		{"no such file", []string{"serve", "--config", "/nowhere/katakv.yaml"}},
		{"name the nodes: --peers", []string{"cluster", "create"}},
		{"did you mean create?", []string{"cluster", "crate"}},
		{"max-value-bytes", []string{"cluster", "create", "--peers", "127.0.0.1:1", "--max-value-bytes", "1GiB"}},
		{"between 1s and 24h", []string{"cluster", "create", "--peers", "127.0.0.1:1", "--request-retention", "25h"}},
		{"between 1s and 24h", []string{"cluster", "create", "--peers", "127.0.0.1:1", "--request-retention", "-1s"}},
		{"arg(s)", []string{"get"}},
		{"not a whole number", []string{"incr", "k", "much"}},
	}
	for _, test := range tests {
		wantFailure(t, 2, test.words, test.args...)
	}
	wantFailure(t, 1, "start the node with katakv serve", "cluster", "create", "--peers", "127.0.0.1:1", "--yes")
	wantFailure(t, 1, "--addr", "get", "k", "--addr", "127.0.0.1:1")
	if r := runKatakv(t, "--help"); r.code != 0 || !strings.Contains(r.stdout, "katakv up") {
		t.Errorf("katakv --help: got %+v", r)
	}
	if r := runKatakv(t, "version", "--json"); r.code != 0 || !strings.Contains(r.stdout, `"version":`) {
		t.Errorf("katakv version: got %+v", r)
	}
}

func TestRefusesBeyondLoopback(t *testing.T) {
	t.Parallel()
	for _, door := range []string{"peer", "cluster", "plain", "http"} {
		wantFailure(t, 2, "--insecure-listen", "serve", "--data", t.TempDir(), "--"+door+"-listen", "0.0.0.0:0", "--advertise-"+door, "host:1")
	}
}

func TestTwoProcessesOneDataDir(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Nodes: 1, Shards: 2})
	wantFailure(t, 1, "in use by another process", serveArgs(c.Nodes[0].Data)...)
}

// serveArgs starts a node on ports that the kernel chooses.
func serveArgs(data string) []string {
	const any = "127.0.0.1:0"
	return []string{
		"serve", "--data", data, "--peer-listen", any, "--cluster-listen", any, "--plain-listen", any, "--http-listen", any,
	}
}

func TestForeignDataDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	photo := filepath.Join(dir, "holiday.jpg")
	if err := os.WriteFile(photo, []byte("sea"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, 1, "it is not KataKV's", serveArgs(dir)...)
	if data, err := os.ReadFile(photo); err != nil || string(data) != "sea" {
		t.Errorf("the file there is %q now (%v)", data, err)
	}
}

// TestWipedNodeDoesNotComeBack empties the data directory of one node of three.
func TestWipedNodeDoesNotComeBack(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	writeAll(t, c.Nodes[0].Plain, "kept ")
	wiped := c.Nodes[1]
	if err := wiped.Terminate(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(wiped.Data); err != nil {
		t.Fatal(err)
	}
	if err := wiped.Start(); err != nil {
		t.Fatal(err)
	}
	if err := wiped.WaitAnswering(t.Context()); err != nil {
		t.Fatal(err)
	}
	peers := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		peers[i] = n.Peer
	}
	wantFailure(t, 1, "node at "+wiped.Peer+" is empty", "cluster", "create", "--yes", "--peers", strings.Join(peers, ","))
	if err := wiped.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "not part of a cluster") {
		t.Errorf("the wiped node says %v of itself, want that it is not part of a cluster", err)
	}
	wantFailure(t, 1, "LOADING", "get", key(1), "--addr", wiped.Plain)
	readAll(t, c.Nodes[0].Plain, "kept ")
	writeAll(t, c.Nodes[2].Plain, "new ")
}

// TestNodeOfAnotherClusterIsRefused starts a node at the place of one of another cluster: nobody speaks to it.
func TestNodeOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	ours, theirs := start(t, localcluster.Options{Shards: 2}), start(t, localcluster.Options{Shards: 2})
	writeAll(t, ours.Nodes[0].Plain, "ours ")
	stranger := theirs.Nodes[2]
	if err := stranger.Terminate(); err != nil {
		t.Fatal(err)
	}
	if err := ours.Nodes[2].Terminate(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(ours.Nodes[2].Data); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(stranger.Data, ours.Nodes[2].Data); err != nil {
		t.Fatal(err)
	}
	if err := ours.Nodes[2].Start(); err != nil {
		t.Fatal(err)
	}
	if err := ours.Nodes[2].WaitAnswering(t.Context()); err != nil {
		t.Fatal(err)
	}
	peers := make([]string, len(ours.Nodes))
	for i, n := range ours.Nodes {
		peers[i] = n.Peer
	}
	wantFailure(t, 1, "belongs to cluster", "cluster", "create", "--yes", "--peers", strings.Join(peers, ","))
	writeAll(t, ours.Nodes[0].Plain, "still ours ")
	readAll(t, ours.Nodes[1].Plain, "still ours ")
	eventually(t, func() error {
		log, err := os.ReadFile(ours.Nodes[0].Log)
		if err == nil && !strings.Contains(string(log), "part of cluster") {
			err = errors.New("node 1 does not log that a stranger is there")
		}
		return err
	})
}

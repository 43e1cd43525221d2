package localcluster

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFreePortsAreDistinctAndFree(t *testing.T) {
	ports, err := freePorts(100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] {
			t.Errorf("port %d was given twice", p)
		}
		seen[p] = true
		if start := ephemeralStart(); start > firstPort+1000 && p >= start {
			t.Errorf("port %d can be taken by an outgoing connection: those begin at %d", p, start)
		}
	}
}

func TestLayoutIsKept(t *testing.T) {
	dir := t.TempDir()
	if l, err := readLayout(dir); l != nil || err != nil {
		t.Fatalf("an empty directory: got %+v, %v", l, err)
	}
	l, err := newLayout(2, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.write(dir); err != nil {
		t.Fatal(err)
	}
	kept, err := readLayout(dir)
	if err != nil || len(kept.Nodes) != 2 || kept.Nodes[1] != l.Nodes[1] {
		t.Fatalf("got %+v, %v, want %+v", kept, err, l)
	}
	if err := kept.checkFree(); err != nil {
		t.Errorf("nothing runs, but %v", err)
	}
	taken, err := net.Listen("tcp", kept.Nodes[1].Plain)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := kept.checkFree(); err == nil || !strings.Contains(err.Error(), "node 2 needs "+kept.Nodes[1].Plain) {
		t.Errorf("got %v, want a refusal that names node and address", err)
	}
}

func TestBadLayouts(t *testing.T) {
	for text, want := range map[string]string{
		"{":                           "decode",
		`{"format":9,"nodes":[{}]}`:   "format 9",
		`{"format":1,"nodes":[]}`:     "0 nodes",
		`{"format":"1","nodes":null}`: "decode",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, layoutName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readLayout(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestOneClusterADirectory(t *testing.T) {
	dir := t.TempDir()
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir); err == nil || !strings.Contains(err.Error(), "another local cluster") {
		t.Errorf("got %v, want a refusal", err)
	}
	_ = lock.Close()
	again, err := lockDir(dir)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	_ = again.Close()
}

// TestStartTellsWhyANodeEnded starts a program that ends at once: the error holds what it said.
func TestStartTellsWhyANodeEnded(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "katakv")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho no such disk >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Binary: script, Dir: filepath.Join(dir, "c"), Nodes: 1})
	if err == nil || !strings.Contains(err.Error(), "no such disk") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want the node's last words", err)
	}
	if l, err := readLayout(filepath.Join(dir, "c")); l != nil || err != nil {
		t.Errorf("a start that failed left %+v, %v", l, err)
	}
	_, err = Start(t.Context(), Options{Binary: script, Dir: filepath.Join(dir, "d"), Nodes: 2, Replicas: 3})
	if _, statErr := os.Stat(filepath.Join(dir, "d", "node-1")); err == nil || !strings.Contains(err.Error(), "3 replicas need") || statErr == nil {
		t.Errorf("three replicas on two nodes: got %v, and a node was started", err)
	}
	if _, err := Start(t.Context(), Options{Binary: filepath.Join(dir, "none"), Dir: filepath.Join(dir, "c"), Nodes: 1}); err == nil {
		t.Error("a program that is not there was started")
	}
}

// TestPlacesOfTheirOwn gives nodes a host, a data directory and a wrapped command.
func TestPlacesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "katakv")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$WRAPPED $*\" >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "elsewhere")
	_, err := Start(t.Context(), Options{
		Binary: script, Dir: filepath.Join(dir, "c"), Nodes: 1, Hosts: []string{"127.9.8.7"}, DataDirs: []string{data},
		Wrap: func(n *Node, cmd *exec.Cmd) error {
			cmd.Env = append(cmd.Env, fmt.Sprintf("WRAPPED=node%d", n.ID))
			return nil
		},
	})
	if err == nil || !strings.Contains(err.Error(), "node1 serve --data "+data+" --peer-listen 127.9.8.7:") {
		t.Errorf("got %v, want a wrapped node at its places", err)
	}
	n := &Node{ID: 1, cluster: &Cluster{}}
	if n.Peer = "10.77.0.1:7000"; !slices.Contains(n.Args(), "--insecure-listen") {
		t.Errorf("a node beyond loopback starts with %v", n.Args())
	}
	if n.Peer = "127.9.8.7:7000"; slices.Contains(n.Args(), "--insecure-listen") {
		t.Errorf("a node on loopback starts with %v", n.Args())
	}
}

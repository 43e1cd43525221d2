package server_test

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/internal/router"
)

// redisCLI runs redis-cli against a node and returns what it prints.
func redisCLI(t *testing.T, address string, args ...string) string {
	t.Helper()
	path := require.Tool(t, "redis-cli")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func TestRedisCLI(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"SET", "user:101", `{"name":"Alice"}`}, "OK"},
		{[]string{"GET", "user:101"}, `{"name":"Alice"}`},
		{[]string{"-3", "GET", "user:101"}, `{"name":"Alice"}`},
		{[]string{"MGET", "user:101", "nope"}, "{\"name\":\"Alice\"}\n"},
		{[]string{"INCR", "n"}, "1"},
		{[]string{"--json", "CONFIG", "GET", "databases"}, `{"databases":"1"}`},
	} {
		if got := redisCLI(t, n.address(), tt.args...); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.args, got, tt.want)
		}
	}
}

func TestRedisCLICluster(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 48)
	for i, n := range nodes {
		if got := redisCLI(t, n.address(), "-c", "SET", "foo", strings.Repeat("x", i+1)); got != "OK" {
			t.Errorf("through node %d: got %q", i+1, got)
		}
		if got := redisCLI(t, n.address(), "-c", "GET", "foo"); got != strings.Repeat("x", i+1) {
			t.Errorf("through node %d: got %q", i+1, got)
		}
	}
	out := redisCLI(t, nodes[0].address(), "--cluster", "check", nodes[0].address())
	for _, want := range []string{
		"[OK] 1 keys in 3 masters", "[OK] All nodes agree about slots configuration", "[OK] All 16384 slots covered",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("check lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "[ERR]") || strings.Contains(out, "WARNING") {
		t.Errorf("check complains:\n%s", out)
	}
}

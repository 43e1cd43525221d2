package e2e

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

// redisCLI runs redis-cli against a Redis port and returns what it prints.
func redisCLI(t *testing.T, addr string, args ...string) string {
	t.Helper()
	path := require.Tool(t, "redis-cli")
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// TestRedisCLI uses a real cluster as somebody with redis-cli would.
func TestRedisCLI(t *testing.T) {
	t.Parallel()
	require.Tool(t, "redis-cli")
	c := start(t, localcluster.Options{})
	const value = `{"name":"Alice"}`
	if got := redisCLI(t, c.Nodes[0].Plain, "SET", "user:101", value); got != "OK" {
		t.Fatalf("SET: got %q", got)
	}
	for _, n := range c.Nodes {
		for name, got := range map[string]string{
			"plain port":                redisCLI(t, n.Plain, "GET", "user:101"),
			"plain port, RESP3":         redisCLI(t, n.Plain, "-3", "GET", "user:101"),
			"cluster port, redirecting": redisCLI(t, n.Cluster, "-c", "GET", "user:101"),
		} {
			if got != value {
				t.Errorf("GET through node %d, %s: got %q, want %q", n.ID, name, got, value)
			}
		}
		if got := redisCLI(t, n.Cluster, "-c", "SET", "through", n.Plain); got != "OK" {
			t.Errorf("SET through node %d's cluster port: got %q", n.ID, got)
		}
		if got := redisCLI(t, n.Plain, "GET", "through"); got != n.Plain {
			t.Errorf("GET of what was set through node %d's cluster port: got %q, want %q", n.ID, got, n.Plain)
		}
		out := redisCLI(t, n.Cluster, "--cluster", "check", n.Cluster)
		for _, want := range []string{"[OK] All nodes agree about slots configuration", "[OK] All 16384 slots covered"} {
			if !strings.Contains(out, want) {
				t.Errorf("check through node %d lacks %q:\n%s", n.ID, want, out)
			}
		}
		if strings.Contains(out, "[ERR]") || strings.Contains(out, "WARNING") {
			t.Errorf("check through node %d complains:\n%s", n.ID, out)
		}
	}
}

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

// patience bounds every wait: far longer than anything takes on a busy machine.
const patience = time.Minute

// executable is the path of the katakv binary under test.
var executable string

func TestMain(m *testing.M) {
	os.Exit(require.Main(m, func(path string) { executable = path }))
}

// start starts a local cluster and waits until it is ready; it is stopped with the test. dir may be empty.
func start(t *testing.T, options localcluster.Options) *localcluster.Cluster {
	t.Helper()
	options.Binary = executable
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := localcluster.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		if t.Failed() {
			for _, n := range c.Nodes {
				t.Logf("the end of node %d's log:\n%s", n.ID, n.LogTail())
			}
		}
	})
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// dial connects to a Redis port; the connection is closed with the test.
func dial(t *testing.T, addr string) *client.Conn {
	t.Helper()
	conn, err := client.Dial(t.Context(), addr, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// do sends a command that must succeed.
func do(t *testing.T, conn *client.Conn, args ...any) client.Value {
	t.Helper()
	value, err := conn.Do(t.Context(), args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return value
}

// wantGet checks what a node's plain port says of a key; want "" means that it is missing.
func wantGet(t *testing.T, addr, key, want string) {
	t.Helper()
	conn := dial(t, addr)
	defer conn.Close()
	value := do(t, conn, "GET", key)
	if value.IsNull() != (want == "") || value.Text() != want {
		t.Errorf("GET %s at %s: got %v, want %q", key, addr, value, want)
	}
}

// eventually repeats check until it returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %v: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// result is how a run of the binary ended.
type result struct {
	code           int
	stdout, stderr string
}

// runKatakv runs the binary to its end.
func runKatakv(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, executable, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("katakv %s: %v", strings.Join(args, " "), err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// wantFailure runs the binary and checks its exit code and words of its error.
func wantFailure(t *testing.T, code int, words string, args ...string) {
	t.Helper()
	r := runKatakv(t, args...)
	if r.code != code || !strings.Contains(r.stderr, words) {
		t.Errorf("katakv %s: got exit code %d and %q, want %d and %q", strings.Join(args, " "), r.code, r.stderr, code, words)
	}
}

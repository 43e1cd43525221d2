package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/figures"
)

// readyLine is the line that scripts read, written down once more so that a change of it is noticed.
type readyLine struct {
	Ready bool `json:"ready"`
	Nodes []struct {
		ID      int      `json:"id"`
		PID     int      `json:"pid"`
		Peer    string   `json:"peer"`
		Cluster string   `json:"cluster"`
		Plain   string   `json:"plain"`
		HTTP    string   `json:"http"`
		Data    string   `json:"data"`
		Args    []string `json:"args"`
	} `json:"nodes"`
}

// up is a running `katakv up --json`.
type up struct {
	readyLine
	cmd  *exec.Cmd
	more chan string // what it wrote to standard output after the line, when that has ended
}

// startUp runs `katakv up --json` and waits for its line. The process is killed with the test at the latest.
func startUp(t *testing.T, args ...string) *up {
	t.Helper()
	u := &up{cmd: exec.Command(executable, append([]string{"up", "--json"}, args...)...), more: make(chan string, 1)}
	var stderr bytes.Buffer
	u.cmd.Stderr = &stderr
	stdout, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.cmd.Process.Kill() })
	reader := bufio.NewReader(stdout)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		_ = u.cmd.Wait()
		t.Fatalf("up wrote no line: %v\n%s", err, stderr.String())
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&u.readyLine); err != nil {
		t.Fatalf("decode %s: %v", line, err)
	}
	go func() {
		var rest bytes.Buffer
		_, _ = reader.WriteTo(&rest)
		u.more <- rest.String()
	}()
	return u
}

// stop ends up as Ctrl-C does and checks that it ended well.
func (u *up) stop(t *testing.T) {
	t.Helper()
	if err := u.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	more := <-u.more // before Wait, which closes the pipe
	if err := u.cmd.Wait(); err != nil {
		t.Errorf("up ended with %v", err)
	}
	if more != "" {
		t.Errorf("up wrote more than its line: %q", more)
	}
}

// gone waits until none of the processes exist.
func (u *up) gone(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		for _, n := range u.Nodes {
			if syscall.Kill(n.PID, 0) == nil {
				return fmt.Errorf("node %d lives on as process %d", n.ID, n.PID)
			}
		}
		return nil
	})
}

func TestUpIsReady(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cluster")
	began := time.Now()
	u := startUp(t, "--data", dir)
	t.Log(figures.Line("ready after", time.Since(began).Seconds(), "s"))
	if !u.Ready || len(u.Nodes) != 3 {
		t.Fatalf("got %+v, want three nodes", u.readyLine)
	}
	const value = `{"name":"Alice"}`
	do(t, dial(t, u.Nodes[0].Plain), "SET", "user:101", value)
	for i, n := range u.Nodes {
		if n.ID != i+1 || syscall.Kill(n.PID, 0) != nil || n.Args[0] != "serve" || !slices.Contains(n.Args, n.Data) {
			t.Errorf("node %d is described as %+v", i+1, n)
		}
		wantGet(t, n.Plain, "user:101", value)
		if r := runKatakv(t, "get", "user:101", "--addr", n.Plain); r.code != 0 || r.stdout != value {
			t.Errorf("katakv get: got %+v, want %s", r, value)
		}
		if shown := do(t, dial(t, n.Cluster), "CLUSTER", "INFO").Text(); !strings.Contains(shown, "cluster_state:ok") {
			t.Errorf("CLUSTER INFO at node %d: %s", n.ID, shown)
		}
		if r := runKatakv(t, "cluster", "status", "--addr", n.HTTP); r.code != 0 || !strings.Contains(r.stdout, "ready") {
			t.Errorf("cluster status: got %+v", r)
		}
	}
	wantFailure(t, 1, "another local cluster runs in", "up", "--data", dir)
	u.stop(t)
	u.gone(t)

	wantFailure(t, 1, "holds a cluster of 3 nodes, not 5", "up", "--data", dir, "--nodes", "5")
	again := startUp(t, "--data", dir)
	for i, n := range again.Nodes {
		if n.Plain != u.Nodes[i].Plain {
			t.Errorf("node %d had its plain port at %s and has it at %s now", n.ID, u.Nodes[i].Plain, n.Plain)
		}
		wantGet(t, n.Plain, "user:101", value)
	}
	again.stop(t)
}

// TestNoNodeOutlivesUp kills up itself, with one of its nodes paused.
func TestNoNodeOutlivesUp(t *testing.T) {
	t.Parallel()
	u := startUp(t, "--data", t.TempDir())
	if err := syscall.Kill(u.Nodes[1].PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = u.cmd.Wait()
	u.gone(t)
}

// TestKilledNodeStaysDown kills a node under up and starts it by hand from the line's args.
func TestKilledNodeStaysDown(t *testing.T) {
	t.Parallel()
	u := startUp(t, "--data", t.TempDir())
	do(t, dial(t, u.Nodes[0].Plain), "SET", "k", "v")
	if err := syscall.Kill(u.Nodes[2].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if r := runKatakv(t, "get", "k", "--addr", u.Nodes[0].Plain); r.stdout != "v" {
			return fmt.Errorf("get: %+v", r)
		}
		return nil
	})
	byHand := exec.Command(executable, u.Nodes[2].Args...)
	if err := byHand.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if r := runKatakv(t, "get", "k", "--addr", u.Nodes[2].Plain); r.stdout != "v" {
			return fmt.Errorf("get at the node started by hand: %+v", r)
		}
		return nil
	})
	if err := byHand.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := byHand.Wait(); err != nil {
		t.Errorf("the node started by hand ended with %v", err)
	}
	u.stop(t)
}

// TestRestartBringsANodeBack kills a node under up --restart.
func TestRestartBringsANodeBack(t *testing.T) {
	t.Parallel()
	u := startUp(t, "--data", t.TempDir(), "--restart")
	if err := syscall.Kill(u.Nodes[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if syscall.Kill(u.Nodes[0].PID, 0) == nil {
			return fmt.Errorf("process %d still lives", u.Nodes[0].PID)
		}
		if r := runKatakv(t, "put", "k", "v", "--addr", u.Nodes[0].Plain); r.code != 0 {
			return fmt.Errorf("put at the restarted node: %+v", r)
		}
		return nil
	})
	u.stop(t)
}

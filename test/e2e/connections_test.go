package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

const (
	// idleAddrEnv and idleCountEnv make this test binary a client that holds idle connections.
	idleAddrEnv  = "KATAKV_E2E_IDLE_ADDR"
	idleCountEnv = "KATAKV_E2E_IDLE_COUNT"

	// idleReady is what that client says once it has all of them, idleKept once each has answered again.
	idleReady = "IDLE ready"
	idleKept  = "IDLE kept"

	// idleBoundKiB is what an idle connection may cost: its goroutine, its first buffer, and what the collector
	// has not taken yet.
	idleBoundKiB = 64
)

// TestTenThousandIdleConnections opens many connections from a process of its own: ten thousand when figures are
// measured, fewer otherwise.
func TestTenThousandIdleConnections(t *testing.T) {
	t.Parallel()
	count := sized(2000, 10_000)
	c := start(t, localcluster.Options{Shards: 4})
	victim := c.Nodes[0]
	conn := dial(t, victim.Plain)
	do(t, conn, "SET", "k", "v")
	before := memory(t, victim, "VmRSS")

	idle := startIdleClient(t, victim.Plain, count)
	idle.waitFor(t, idleReady)
	slowest := time.Duration(0)
	for range 200 {
		began := time.Now()
		do(t, conn, "SET", "k", "v")
		do(t, conn, "GET", "k")
		slowest = max(slowest, time.Since(began))
	}
	for _, n := range c.Nodes {
		wantGet(t, n.Plain, "k", "v")
	}
	grown := float64(memory(t, victim, "VmRSS") - before)
	perConnection := grown / float64(count) / 1024
	figure(t, "idle connections", float64(count), "")
	figure(t, "resident memory for idle connections", grown/(1<<20), "MiB")
	figure(t, "resident memory for each idle connection", perConnection, "KiB")
	figure(t, "slowest SET and GET beside idle connections", slowest.Seconds()*1000, "ms")
	if perConnection > idleBoundKiB {
		t.Errorf("an idle connection costs %.1f KiB, want at most %d", perConnection, idleBoundKiB)
	}

	idle.finish(t) // each connection still answers
	eventually(t, func() error {
		info := do(t, conn, "INFO", "clients").Text()
		for line := range strings.Lines(info) {
			if rest, ok := strings.CutPrefix(line, "connected_clients:"); ok {
				if left, err := strconv.Atoi(strings.TrimSpace(rest)); err != nil || left > 10 {
					return fmt.Errorf("%q is left of %d", line, count)
				}
				return nil
			}
		}
		return fmt.Errorf("INFO clients does not tell their number: %q", info)
	})
	checkAlive(t, c)
}

// idleClient is a process that holds idle connections.
type idleClient struct {
	cmd   *exec.Cmd
	lines chan string
	stdin io.Closer
}

func startIdleClient(t *testing.T, addr string, count int) *idleClient {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestHoldIdleConnections$", "-test.v")
	cmd.Env = append(os.Environ(), require.BinaryEnv+"="+executable, idleAddrEnv+"="+addr, idleCountEnv+"="+strconv.Itoa(count))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	client := &idleClient{cmd: cmd, stdin: stdin, lines: make(chan string, 100)}
	go func() {
		defer close(client.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			client.lines <- scanner.Text()
		}
	}()
	return client
}

// waitFor waits until the process has written the line.
func (c *idleClient) waitFor(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(patience)
	var said []string
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				t.Fatalf("the client with idle connections ended: %s", strings.Join(said, "\n"))
			}
			if line == want {
				return
			}
			said = append(said, line)
		case <-timeout:
			t.Fatalf("the client with idle connections did not say %q: %s", want, strings.Join(said, "\n"))
		}
	}
}

// finish has the process use each connection once more and waits for its end.
func (c *idleClient) finish(t *testing.T) {
	t.Helper()
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	c.waitFor(t, idleKept)
	for range c.lines { // to its end, which Wait may not come before
	}
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the client with idle connections ended with %v", err)
	}
}

// TestHoldIdleConnections is the client of TestTenThousandIdleConnections; it does nothing by itself.
func TestHoldIdleConnections(t *testing.T) {
	addr := os.Getenv(idleAddrEnv)
	if addr == "" {
		t.Skip("runs in a process that TestTenThousandIdleConnections starts")
	}
	count, err := strconv.Atoi(os.Getenv(idleCountEnv))
	if err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Max < uint64(count+100) {
		t.Fatalf("only %d descriptors are allowed here", limit.Max)
	}
	sockets := make([]net.Conn, count)
	each(sockets, func(i int) error {
		socket, err := net.DialTimeout("tcp", addr, patience)
		sockets[i] = socket
		if err == nil {
			err = ping(socket)
		}
		return err
	}, t)
	fmt.Println("\n" + idleReady)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has measured
	each(sockets, func(i int) error { return ping(sockets[i]) }, t)
	fmt.Println("\n" + idleKept)
}

// each calls do for every socket, a few at a time.
func each(sockets []net.Conn, do func(i int) error, t *testing.T) {
	t.Helper()
	const workers = 16
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(sockets); i += workers {
				if err := do(i); err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// ping sends a PING and reads its answer.
func ping(socket net.Conn) error {
	const pong = "+PONG\r\n"
	_ = socket.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(socket, "PING\r\n"); err != nil {
		return err
	}
	got := make([]byte, len(pong))
	if n, err := io.ReadFull(socket, got); err != nil || string(got) != pong {
		return fmt.Errorf("PING: got %q, %w", got[:n], err)
	}
	return nil
}

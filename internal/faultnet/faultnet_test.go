package faultnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/faultnet"
	"github.com/katakv/katakv/internal/require"
)

const (
	// port is where every node echoes.
	port = 7000

	// soon bounds what works, never what does not.
	soon  = 5 * time.Second
	never = 300 * time.Millisecond
)

// echoEnv makes the test binary a node: a server that echoes at the address.
const echoEnv = "KATAKV_TEST_ECHO"

// The first thread does not end before its process, so no test that ends a thread may have it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if addr := os.Getenv(echoEnv); addr != "" {
		fmt.Fprintln(os.Stderr, echo(addr))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// echo serves until it fails or its input ends.
func echo(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}

// network makes a network with an echoing process in each node's namespace.
func network(t *testing.T, options faultnet.Options) *faultnet.Network {
	t.Helper()
	require.Root(t)
	for _, tool := range []string{"ip", "nft", "nsenter"} {
		require.Tool(t, tool)
	}
	require.Available(t, faultnet.Available(t.Context()))
	options.Seed = require.Seed(t)
	n, err := faultnet.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		wantGone(t, n)
	})
	for node := 1; node <= n.Nodes(); node++ {
		startEcho(t, n, node)
	}
	return n
}

func wantGone(t *testing.T, n *faultnet.Network) {
	t.Helper()
	for node := 1; node <= n.Nodes(); node++ {
		if _, err := os.Stat(filepath.Join("/run/netns", n.Namespace(node))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("namespace %s is left", n.Namespace(node))
		}
	}
	host := strings.TrimSuffix(n.Namespace(1), "1") + "h"
	if _, err := os.Stat(filepath.Join("/sys/class/net", host)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("interface %s is left", host)
	}
}

func startEcho(t *testing.T, n *faultnet.Network, node int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), echoEnv+"="+at(n, node))
	cmd.Stderr = os.Stderr
	if err := n.Wrap(cmd, node); err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("node %d does not start: %v", node, err)
	}
	// The process is the program itself, with the id that the parent knows.
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
	if err != nil || exe != self {
		t.Fatalf("process %d runs %q (%v), want %q", cmd.Process.Pid, exe, err, self)
	}
}

// at returns where a node echoes.
func at(n *faultnet.Network, node int) string {
	return netip.AddrPortFrom(n.Addr(node), port).String()
}

// dial connects from an end to a node.
func dial(n *faultnet.Network, from, to int, within time.Duration) (conn net.Conn, err error) {
	connect := func() error {
		// In the goroutine, and so on the thread, that is in the namespace: no net.Dialer, which has its own.
		conn, err = dialHere(n.Addr(to), within)
		return err
	}
	if from == faultnet.Host {
		return conn, connect()
	}
	return conn, n.In(from, connect)
}

// dialHere connects from the network namespace of this thread. It does not block in connect, which a signal would interrupt.
func dialHere(addr netip.Addr, within time.Duration) (net.Conn, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: addr.As4()})
	if err != nil && err != syscall.EINPROGRESS {
		return nil, err
	}
	if err := awaitConnected(f, within); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}

// awaitConnected waits until a socket has been connected, or could not be.
func awaitConnected(f *os.File, within time.Duration) error {
	if err := f.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) (done bool) {
		if _, err := syscall.Getpeername(int(fd)); err == nil {
			return true
		}
		code, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		switch {
		case err != nil:
			failed = err
		case code != 0:
			failed = syscall.Errno(code)
		}
		return failed != nil // otherwise it is still being connected
	})
	return errors.Join(err, failed)
}

// say sends a line over a connection and waits for its echo.
func say(conn net.Conn, within time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 5))
	return err
}

// try connects and says something.
func try(n *faultnet.Network, from, to int, within time.Duration) error {
	conn, err := dial(n, from, to, within)
	if err != nil {
		return err
	}
	defer conn.Close()
	return say(conn, within)
}

// talk returns a connection that something was said over. It is closed when the test ends.
func talk(t *testing.T, n *faultnet.Network, from, to int) net.Conn {
	t.Helper()
	conn, err := dial(n, from, to, soon)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, say(conn, soon))
	return conn
}

// wantReach checks who reaches whom: every pair that is not listed does.
func wantReach(t *testing.T, n *faultnet.Network, cut ...[2]int) {
	t.Helper()
	var group sync.WaitGroup
	for from := faultnet.Host; from <= n.Nodes(); from++ {
		for to := 1; to <= n.Nodes(); to++ {
			isCut := false
			for _, pair := range cut {
				isCut = isCut || pair == [2]int{from, to}
			}
			if from == to {
				isCut = false
			}
			group.Go(func() {
				within := soon
				if isCut {
					within = never
				}
				if err := try(n, from, to, within); (err != nil) != isCut {
					t.Errorf("from %d to %d: got %v, want cut: %v", from, to, err, isCut)
				}
			})
		}
	}
	group.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kinds runs a test with a bridge and with a switch.
func kinds(t *testing.T, test func(t *testing.T, n *faultnet.Network)) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	for _, switched := range []bool{false, true} {
		name := "bridge"
		if switched {
			name = "switch"
		}
		t.Run(name, func(t *testing.T) {
			test(t, network(t, faultnet.Options{Nodes: 3, Switched: switched}))
		})
	}
}

func TestCuts(t *testing.T) {
	kinds(t, func(t *testing.T, n *faultnet.Network) {
		wantReach(t, n)
		for range 2 { // each is idempotent
			must(t, n.Cut(1, 2))
		}
		wantReach(t, n, [2]int{1, 2}, [2]int{2, 1})
		must(t, n.Mend(2, 1))
		must(t, n.Cut(faultnet.Host, 3))
		wantReach(t, n, [2]int{0, 3})
		must(t, n.Heal())
		must(t, n.Isolate(2))
		wantReach(t, n, [2]int{1, 2}, [2]int{2, 1}, [2]int{3, 2}, [2]int{2, 3})
		must(t, n.IsolateAll(2))
		wantReach(t, n, [2]int{1, 2}, [2]int{2, 1}, [2]int{3, 2}, [2]int{2, 3}, [2]int{0, 2})
		must(t, n.Heal())
		must(t, n.Partition(2, 3))
		wantReach(t, n, [2]int{1, 2}, [2]int{2, 1}, [2]int{1, 3}, [2]int{3, 1})
		must(t, n.Heal())
		wantReach(t, n)
	})
}

// TestCutOneWay watches who hears whom with packets that need no answer.
func TestCutOneWay(t *testing.T) {
	n := network(t, faultnet.Options{Nodes: 2})
	one, two := packets(t, n, 1), packets(t, n, 2)
	must(t, n.CutOneWay(1, 2))
	if hears(t, one, two, n.Addr(2)) {
		t.Error("node 2 hears node 1")
	}
	if !hears(t, two, one, n.Addr(1)) {
		t.Error("node 1 does not hear node 2")
	}
	must(t, n.Heal())
	if !hears(t, one, two, n.Addr(2)) {
		t.Error("node 2 does not hear node 1 after all was healed")
	}
}

// packets opens a socket for packets in a node's namespace.
func packets(t *testing.T, n *faultnet.Network, node int) int {
	t.Helper()
	fd := -1
	must(t, n.In(node, func() (err error) {
		fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { _ = syscall.Close(fd) })
	timeout := syscall.NsecToTimeval(int64(never))
	must(t, syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout))
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: n.Addr(node).As4()}))
	return fd
}

func hears(t *testing.T, from, to int, addr netip.Addr) bool {
	t.Helper()
	must(t, syscall.Sendto(from, []byte("hello"), 0, &syscall.SockaddrInet4{Port: port, Addr: addr.As4()}))
	got, _, err := syscall.Recvfrom(to, make([]byte, 16), 0)
	return err == nil && got == 5
}

func TestCutIsSilent(t *testing.T) {
	n := network(t, faultnet.Options{Nodes: 2})
	conn := talk(t, n, 1, 2)
	must(t, n.Isolate(1))
	var timeout net.Error
	if err := say(conn, never); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("got %v, want a timeout", err)
	}
	must(t, n.Heal())
	if _, err := io.ReadFull(deadline(conn), make([]byte, 5)); err != nil {
		t.Fatalf("the connection did not survive the cut: %v", err)
	}
}

func deadline(conn net.Conn) net.Conn {
	_ = conn.SetDeadline(time.Now().Add(2 * soon))
	return conn
}

func TestReject(t *testing.T) {
	kinds(t, func(t *testing.T, n *faultnet.Network) {
		conn := talk(t, n, 1, 2)
		must(t, n.Reject(2, 1))
		if err := say(conn, soon); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the open connection: got %v, want a reset", err)
		}
		for _, pair := range [][2]int{{1, 2}, {2, 1}} {
			if err := try(n, pair[0], pair[1], soon); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("from %d to %d: got %v, want a refusal", pair[0], pair[1], err)
			}
		}
		wantReach(t, n, [2]int{1, 2}, [2]int{2, 1})
		must(t, n.Reject(2))
		wantReach(t, n, [2]int{1, 2}, [2]int{2, 1}, [2]int{0, 2}, [2]int{2, 3}, [2]int{3, 2})
		must(t, n.Heal())
		wantReach(t, n)
	})
}

func TestLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	n := network(t, faultnet.Options{Nodes: 2})
	one, two := packets(t, n, 1), packets(t, n, 2)
	must(t, n.Loss(1, 50))
	for _, test := range []struct {
		name     string
		from, to int
		addr     netip.Addr
	}{{"received", two, one, n.Addr(1)}, {"sent", one, two, n.Addr(2)}} {
		const count = 400
		for range count {
			must(t, syscall.Sendto(test.from, []byte("hello"), 0, &syscall.SockaddrInet4{Port: port, Addr: test.addr.As4()}))
		}
		got := 0
		for {
			if _, _, err := syscall.Recvfrom(test.to, make([]byte, 16), 0); err != nil {
				break
			}
			got++
		}
		if got < count/4 || got > count*3/4 {
			t.Errorf("%s: got %d of %d packets, want about half", test.name, got, count)
		}
	}
	must(t, n.Loss(1, 0))
	wantReach(t, n)
}

func TestLinks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	n := network(t, faultnet.Options{Nodes: 2, Switched: true})
	conn := talk(t, n, 1, 2)
	roundTrip := func() time.Duration {
		start := time.Now()
		must(t, say(conn, soon))
		return time.Since(start)
	}
	must(t, n.SetLink(1, 2, faultnet.Link{Delay: 40 * time.Millisecond}))
	if took := roundTrip(); took < 40*time.Millisecond {
		t.Errorf("one way delayed: took %v, want 40 ms at least", took)
	}
	must(t, n.SetLinks(faultnet.Link{Delay: 40 * time.Millisecond, Jitter: 5 * time.Millisecond}, false))
	if took := roundTrip(); took < 80*time.Millisecond {
		t.Errorf("both ways delayed: took %v, want 80 ms at least", took)
	}
	must(t, n.SetLinks(faultnet.Link{Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Jitter: time.Millisecond}, true))
	transfer(t, n, 1, 2, 1<<20)
	c := n.Counters()
	if c.Lost == 0 || c.Duplicated == 0 || c.Reordered == 0 || c.Forwarded == 0 {
		t.Errorf("got counters %+v, want all of these to have happened", c)
	}
	must(t, n.SetLink(1, 2, faultnet.Link{Loss: 1}))
	if err := try(n, 1, 2, never); err == nil {
		t.Error("a link that loses all carried something")
	}
	must(t, n.Heal())
	transfer(t, n, faultnet.Host, 2, 16<<20)
	if c := n.Counters(); c.Overflowed != 0 {
		t.Errorf("got counters %+v, want no overflow", c)
	}
	bridged := network(t, faultnet.Options{Nodes: 1})
	if err := bridged.SetLink(1, 0, faultnet.Link{}); err == nil {
		t.Error("a bridge took settings of a link")
	}
}

// transfer sends bytes through an echo and checks each.
func transfer(t *testing.T, n *faultnet.Network, from, to, count int) {
	t.Helper()
	conn, err := dial(n, from, to, soon)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	sent := make([]byte, count)
	for i := range sent {
		sent[i] = byte(i * 7 >> 3)
	}
	var group sync.WaitGroup
	group.Go(func() { _, _ = conn.Write(sent) })
	got := make([]byte, count)
	start := time.Now()
	_, err = io.ReadFull(conn, got)
	group.Wait()
	must(t, err)
	if string(got) != string(sent) {
		t.Error("what came back is not what was sent")
	}
	t.Logf("%d bytes there and back in %v", count, time.Since(start))
}

func TestRoundTrips(t *testing.T) {
	kinds(t, func(t *testing.T, n *faultnet.Network) {
		conn := talk(t, n, 1, 2)
		const count = 2000
		start := time.Now()
		for range count {
			must(t, say(conn, soon))
		}
		t.Logf("round trip: %v", time.Since(start)/count)
	})
}

// TestSweepStale sweeps up after a process that was killed.
func TestSweepStale(t *testing.T) {
	require.Root(t)
	require.Tool(t, "ip")
	gone := exec.Command("true")
	must(t, gone.Run())
	name := fmt.Sprintf("kkv%d-9", gone.Process.Pid) // as such a process would have named it
	for _, command := range []string{
		"netns add " + name + "-sw", "netns add " + name + "-1",
		"link add " + name + "-h type veth peer name p0 netns " + name + "-sw",
	} {
		if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", command, err, out)
		}
	}
	living := network(t, faultnet.Options{Nodes: 1})
	must(t, faultnet.SweepStale(t.Context()))
	for _, path := range []string{"/run/netns/" + name + "-sw", "/run/netns/" + name + "-1", "/sys/class/net/" + name + "-h"} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", path)
		}
	}
	wantReach(t, living)
}

// TestNewReplaces makes a network whose name is taken by what a killed run left.
func TestNewReplaces(t *testing.T) {
	left := network(t, faultnet.Options{Nodes: 2, Name: "kkvtest"})
	n := network(t, faultnet.Options{Nodes: 1, Name: "kkvtest"})
	wantReach(t, n)
	if _, err := os.Stat(filepath.Join("/run/netns", left.Namespace(2))); !errors.Is(err, os.ErrNotExist) {
		t.Error("the namespace of node 2 is left")
	}
}

func TestCommand(t *testing.T) {
	n := network(t, faultnet.Options{Nodes: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := n.Command(ctx, 1, "ip", "-4", "-o", "addr", "show", "eth0").Output()
	if err != nil || !strings.Contains(string(out), n.Addr(1).String()) {
		t.Fatalf("got %q and %v, want the address of node 1", out, err)
	}
	if err := n.Command(ctx, 2, "true").Run(); err == nil {
		t.Error("a command in a namespace that is not there succeeded")
	}
	if err := n.Command(ctx, 1, "no-such-program-katakv").Run(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want that there is no such program", err)
	}
}

// TestParentDeath starts processes from a thread that ends, as a parent's does that is killed.
func TestParentDeath(t *testing.T) {
	n := network(t, faultnet.Options{Nodes: 1})
	wrapped, within := exec.Command("sleep", "60"), exec.Command("sleep", "60")
	must(t, n.Wrap(wrapped, 1))
	starts := []func() error{wrapped.Start, func() error { return n.In(1, within.Start) }}
	for i, cmd := range []*exec.Cmd{wrapped, within} {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		lived := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			err := starts[i]()
			time.Sleep(never)
			if err == nil {
				err = cmd.Process.Signal(syscall.Signal(0))
			}
			lived <- err
		}()
		must(t, <-lived)
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("process %d ended with %v, want to be killed", i, err)
		}
	}
}

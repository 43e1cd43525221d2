package server_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
)

// step is a command line (words split at spaces) and the shown reply.
type step struct{ line, want string }

func runSteps(t *testing.T, c *testClient, steps []step) {
	t.Helper()
	for _, s := range steps {
		if got := c.do(strings.Fields(s.line)...); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.line, got, s.want)
		}
	}
}

func TestDataCommands(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	runSteps(t, connect(t, n.address()), []step{
		{"GET a", "nil"},
		{"SET a 1", "+OK"},
		{"get a", `"1"`},
		{"SET a 2 NX", "nil"},
		{"SET b 2 XX", "nil"},
		{"SET a 2 XX GET", `"1"`},
		{"GETSET a 3", `"2"`},
		{"SETNX a 4", ":0"},
		{"SETNX c 4", ":1"},
		{"INCR a", ":4"},
		{"DECR a", ":3"},
		{"INCRBY a 10", ":13"},
		{"DECRBY a 3", ":10"},
		{"INCRBY a x", "-ERR value is not an integer or out of range"},
		{"APPEND a yz", ":4"},
		{"STRLEN a", ":4"},
		{"INCR a", "-ERR value is not an integer or out of range"},
		{"MSET x 1 y 2", "+OK"},
		{"MGET x nope y", `["1" nil "2"]`},
		{"EXISTS x x y nope", ":3"},
		{"TOUCH x y", ":2"},
		{"DEL x nope", ":1"},
		{"UNLINK y", ":1"},
		{"SET a 1 EX 10", "-ERR SET option EX is not supported yet: keys cannot expire; set the key without it"},
		{"SET a", "-ERR wrong number of arguments for 'set' command"},
		{"FOO bar", "-ERR unknown command 'FOO', with args beginning with: 'bar' "},
		{"DBSIZE", ":2"},
		{"WAIT 1 0", ":1"},
		{"WAIT x 0", "-ERR value is not an integer or out of range"},
	})
}

func TestConnectionCommands(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	runSteps(t, connect(t, n.address()), []step{
		{"PING", "+PONG"},
		{"PING hi", `"hi"`},
		{"PING a b", "-ERR wrong number of arguments for 'ping' command"},
		{"ECHO hi", `"hi"`},
		{"SELECT 0", "+OK"},
		{"SELECT 1", "-ERR DB index is out of range: there is one database, 0"},
		{"SELECT x", "-ERR invalid DB index"},
		{"AUTH secret", "-ERR AUTH is not possible, there are no users yet: connect without user name and password"},
		{"HELLO 4", "-NOPROTO unsupported protocol version"},
		{"HELLO x", "-ERR Protocol version is not an integer or out of range"},
		{"HELLO 3 AUTH a b", "-ERR AUTH is not possible, there are no users yet: connect without user name and password"},
		{"HELLO 3 NOPE", "-ERR Syntax error in HELLO option 'NOPE'"},
		{"GET nope", "nil"},
		{"CLIENT GETNAME", "nil"},
		{"CLIENT SETNAME joe", "+OK"},
		{"CLIENT GETNAME", `"joe"`},
		{"CLIENT SETINFO LIB-NAME lib", "+OK"},
		{"CLIENT SETINFO lib-ver 1.0", "+OK"},
		{"CLIENT SETINFO what 1.0", "-ERR Unrecognized option 'what'"},
		{"CLIENT ID", ":1"},
		{"CLIENT NOPE", "-ERR unknown subcommand 'NOPE'. Try CLIENT HELP."},
		{"CLIENT LIST TYPE master", `""`},
		{"CLIENT LIST ID x", "-ERR syntax error"},
		{"READONLY", "+OK"},
		{"READWRITE", "+OK"},
		{"ASKING", "+OK"},
		{"RESET", "+RESET"},
		{"CLIENT GETNAME", "nil"},
	})
}

func TestHelloChoosesProtocol(t *testing.T) {
	n := startNode(t, router.Redirect, nil)
	c := connect(t, n.address())
	const fields = `"server": "redis" "version": "7.2.0" "proto": :3 "id": :1 "mode": "cluster" "role": "master" "modules": []`
	if got := c.do("HELLO", "3", "SETNAME", "me"); got != "{"+fields+"}" {
		t.Errorf("got %s", got)
	}
	c.send(encode("GET", "nope"))
	if got := readBytes(t, c, 3); got != "_\r\n" {
		t.Errorf("RESP3 null: got %q", got)
	}
	if v := c.value("CLIENT", "INFO"); v.Kind != resp.KindVerbatim || !strings.Contains(string(v.Bytes), "name=me ") ||
		!strings.Contains(string(v.Bytes), "resp=3") {
		t.Errorf("got %s", show(v))
	}
	if v := c.value("COMMAND", "DOCS", "get", "nope"); v.Kind != resp.KindMap || len(v.Elems) != 2 {
		t.Errorf("got %s", show(v))
	}
	if v := c.value("CLUSTER", "SHARDS"); v.Elems[0].Kind != resp.KindMap {
		t.Errorf("got %s", show(v))
	}
	if v := c.value("HELLO", "2"); v.Kind != resp.KindArray || len(v.Elems) != 14 {
		t.Errorf("got %s", show(v))
	}
	c.send(encode("GET", "nope"))
	if got := readBytes(t, c, 5); got != "$-1\r\n" {
		t.Errorf("RESP2 null: got %q", got)
	}
}

func readBytes(t *testing.T, c *testClient, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c.conn, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryCommandIsAnswered sends each command of the table in its smallest form, on both ports.
func TestEveryCommandIsAnswered(t *testing.T) {
	for _, mode := range []router.Mode{router.Forward, router.Redirect} {
		n := startNode(t, mode, nil)
		for _, s := range command.All() {
			specs := append([]*command.Spec{s}, s.Subcommands...)
			for _, spec := range specs {
				args := strings.Split(spec.FullName(), "|")
				for len(args) < max(spec.Arity, -spec.Arity) {
					if spec.Behind == len(args) {
						args = append(args, "get")
						continue
					}
					args = append(args, "1")
				}
				got := connect(t, n.address()).do(args...)
				if strings.Contains(got, "unknown command") || got == "" {
					t.Errorf("%v: got %s", args, got)
				}
				if spec.Refusal != "" && !strings.Contains(got, spec.Refusal) {
					t.Errorf("%v: got %s, want %s", args, got, spec.Refusal)
				}
			}
		}
	}
}

func TestPipelineKeepsOrder(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	c := connect(t, n.address())
	const commands = 10_000
	go func() {
		var b strings.Builder
		for i := range commands {
			switch i % 5 {
			case 0:
				b.WriteString(encode("SET", "k", fmt.Sprint(i)))
			case 1:
				b.WriteString(encode("GET", "k"))
			case 2:
				b.WriteString(encode("ECHO", fmt.Sprint(i)))
			case 3:
				b.WriteString(encode("GET"))
			case 4:
				b.WriteString("STRLEN k\r\n")
			}
		}
		_, _ = io.WriteString(c.conn, b.String())
	}()
	for i := range commands {
		want := [...]string{
			"+OK", fmt.Sprintf("%q", fmt.Sprint(i-1)), fmt.Sprintf("%q", fmt.Sprint(i)),
			"-ERR wrong number of arguments for 'get' command", fmt.Sprintf(":%d", len(fmt.Sprint(i-4))),
		}[i%5]
		if got := c.next(); got != want {
			t.Fatalf("command %d: got %s, want %s", i, got, want)
		}
	}
}

func TestBatchesAreBounded(t *testing.T) {
	var largest, batches atomic.Int64
	n := startNode(t, router.Forward, func(_ *server.Config, b *fakeBackend) {
		b.before = func(_ context.Context, calls int) {
			largest.Store(max(largest.Load(), int64(calls)))
			batches.Add(1)
		}
	})
	c := connect(t, n.address())
	const commands = 20_000
	go func() { _, _ = io.WriteString(c.conn, strings.Repeat(encode("GET", "k"), commands)) }()
	for range commands {
		c.next()
	}
	if got := largest.Load(); got > 1024 || got < 2 {
		t.Errorf("largest batch has %d commands, want 2..1024", got)
	}
	if got := batches.Load(); got > commands/4 {
		t.Errorf("%d batches for %d commands: no batching", got, commands)
	}
}

func TestSplitWrites(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	seed := require.Seed(t)
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := connect(t, n.address())
	value := strings.Repeat("v\r\n", 20_000)
	input := encode("SET", "k", value) + "PING\r\n" + encode("STRLEN", "k") + encode("GET", "k")
	for len(input) > 0 {
		piece := input[:min(len(input), 1+random.IntN(8000))]
		c.send(piece)
		input = input[len(piece):]
	}
	for _, want := range []string{"+OK", "+PONG", ":60000", fmt.Sprintf("%q", value)} {
		if got := c.next(); got != want {
			t.Errorf("got %.60s, want %.60s", got, want)
		}
	}
}

func TestMalformedInputIsAnsweredAndClosed(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	tests := []struct{ name, input, want string }{
		{"bulk of 2 GB", "*2\r\n$3\r\nGET\r\n$2147483648\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"nine billion arguments", "*9000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"no number", "*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"no bulk", "*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"},
		{"unbalanced quotes", "SET a \"b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
		{"long line", strings.Repeat("x", 70_000), "-ERR Protocol error: too big inline request\r\n"},
		{"after a good command", "PING\r\n*x\r\n", "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"},
		{
			"http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 70\r\n" +
				"Connection: close\r\n\r\nthis port speaks the Redis protocol; HTTP is at http://127.0.0.1:8080\n",
		},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00", "-ERR this port speaks the Redis protocol, not TLS\r\n"},
		{"truncated", "*2\r\n$3\r\nGET\r\n$3\r\nab", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn := dial(t, n.address())
			if _, err := io.WriteString(conn, tt.input); err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				_ = conn.(interface{ CloseWrite() error }).CloseWrite()
			}
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
	if got := connect(t, n.address()).do("PING"); got != "+PONG" {
		t.Errorf("the server does not go on: %s", got)
	}
}

func TestOversizeKeepsTheConnection(t *testing.T) {
	n := startNode(t, router.Forward, nil) // The fake map's limit is 1 MiB.
	c := connect(t, n.address())
	over := strings.Repeat("x", 1<<20+1)
	const want = "-ERR value of 1048577 bytes is over the limit of 1048576 bytes (setting max-value-bytes)"
	for range 3 {
		if got := c.do("SET", "k", over); got != want {
			t.Errorf("got %s", got)
		}
	}
	if got := c.do("SET", strings.Repeat("k", 65537), "v"); got != "-ERR key of 65537 bytes is over the limit of 65536 bytes" {
		t.Errorf("got %s", got)
	}
	if got := c.do("SET", over, "v"); got != "-ERR key of 1048577 bytes is over the limit of 65536 bytes" {
		t.Errorf("got %s", got)
	}
	if got := c.do("SET", "k", over[1:]); got != "+OK" {
		t.Errorf("got %s", got)
	}
	if got := c.do("EXISTS", "k"); got != ":1" {
		t.Errorf("got %s", got)
	}
}

func TestOutsideACluster(t *testing.T) {
	n := startNode(t, router.Redirect, func(_ *server.Config, b *fakeBackend) {
		b.topo = router.NewTopology(0, nil, nil)
	})
	const loading = "-LOADING this node is not part of a cluster yet: run `katakv cluster create`"
	c := connect(t, n.address())
	runSteps(t, c, []step{
		{"PING", "+PONG"},
		{"GET a", loading},
		{"SET a 1", loading},
		{"CLUSTER SLOTS", loading},
		{"CLUSTER MYID", loading},
		{"WAIT 1 0", loading},
		{"DBSIZE", loading},
		{"CLUSTER KEYSLOT foo", ":12182"},
	})
	if got := c.do("CLUSTER", "INFO"); !strings.Contains(got, "cluster_state:fail") {
		t.Errorf("got %s", got)
	}
	n.backend.setTopology(router.NewTopology(1, fakeMap([]string{n.address()}, 8), noLeader))
	runSteps(t, c, []step{{"SET a 1", "+OK"}, {"GET a", `"1"`}})
}

func TestRedirects(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 3)
	c := connect(t, nodes[0].address())
	// foo is in slot 12182, which the third node leads; {b}... in 3300, the first node's.
	runSteps(t, c, []step{
		{"GET foo", "-MOVED 12182 " + nodes[2].address()},
		{"SET {b}1 1", "+OK"},
		{"MSET {b}1 1 {b}2 2", "+OK"},
		{"MSET {b}1 1 c 2", "-CROSSSLOT Keys in request don't hash to the same slot"},
		{"DEL {b}1 {b}2 {b}3", ":2"},
		{"MGET {b}1 foo", "-CROSSSLOT Keys in request don't hash to the same slot"},
		{"SELECT 1", "-ERR SELECT is not allowed in cluster mode"},
	})
	nodes[0].backend.store.mu.Lock()
	nodes[0].backend.store.data["foo"] = "x"
	nodes[0].backend.store.mu.Unlock()
	runSteps(t, c, []step{{"CLUSTER COUNTKEYSINSLOT 12182", ":1"}, {"DBSIZE", ":0"}})
	runSteps(t, connect(t, nodes[2].address()), []step{{"GET foo", `"x"`}, {"DBSIZE", ":1"}})
}

// TestReadOnlyConnection checks that reads of followed slots are answered, and everything else as before.
func TestReadOnlyConnection(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 3)
	runSteps(t, connect(t, nodes[2].address()), []step{{"SET foo x", "+OK"}})
	c := connect(t, nodes[0].address())
	moved := "-MOVED 12182 " + nodes[2].address()
	runSteps(t, c, []step{
		{"READONLY", "+OK"},
		{"GET foo", `"x"`},
		{"MGET foo {foo}2", `["x" nil]`},
		{"SET foo y", moved},
		{"MGET foo {b}1", "-CROSSSLOT Keys in request don't hash to the same slot"},
	})
	c.send(encode("GET", "foo") + encode("SET", "foo", "y") + encode("SET", "{b}1", "1") + encode("GET", "foo"))
	for _, want := range []string{`"x"`, moved, "+OK", `"x"`} {
		if got := c.next(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	b := nodes[0].backend
	m := *b.Topology().Map
	m.Shards = slices.Clone(m.Shards)
	m.Shards[3].Replicas = m.Shards[3].Replicas[1:] // This node is no follower any more.
	b.setTopology(router.NewTopology(1, &m, noLeader))
	runSteps(t, c, []step{{"GET foo", moved}, {"READWRITE", "+OK"}, {"GET foo", moved}})
}

// TestMovedToUnknownNode checks that a redirect to a node that the map does not know yet is not sent.
func TestMovedToUnknownNode(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 3)
	b := nodes[0].backend
	b.setTopology(router.NewTopology(1, b.Topology().Map, func(katakv.ShardID) katakv.NodeID { return 9 }))
	got := connect(t, nodes[0].address()).do("GET", "foo")
	if got != "-CLUSTERDOWN the leader of this slot is not known yet" {
		t.Errorf("got %s", got)
	}
}

func TestMaxConnections(t *testing.T) {
	n := startNode(t, router.Forward, func(c *server.Config, _ *fakeBackend) { c.MaxConnections = 2 })
	first, second := connect(t, n.address()), connect(t, n.address())
	first.do("PING")
	second.do("PING")
	refused, err := io.ReadAll(dial(t, n.address()))
	if err != nil || string(refused) != "-ERR max number of clients reached\r\n" {
		t.Errorf("got %q, %v", refused, err)
	}
	first.do("QUIT")
	if _, err := io.ReadAll(first.conn); err != nil {
		t.Fatal(err)
	}
	// The place is free a moment after the client saw the end; it may take a few tries.
	_ = first.conn.Close()
	for range 1000 {
		c := connect(t, n.address())
		c.send("PING\r\n")
		if v, err := c.receive(); err == nil && show(v) == "+PONG" {
			return
		}
	}
	t.Error("the place of a closed connection does not become free")
}

func TestServersShareConnections(t *testing.T) {
	var open atomic.Int64
	share := func(c *server.Config, _ *fakeBackend) { c.MaxConnections, c.Open = 2, &open }
	one, two := startNode(t, router.Forward, share), startNode(t, router.Redirect, share)
	connect(t, one.address()).do("PING")
	connect(t, two.address()).do("PING")
	for _, n := range []fakeNode{one, two} {
		refused, err := io.ReadAll(dial(t, n.address()))
		if err != nil || string(refused) != "-ERR max number of clients reached\r\n" {
			t.Errorf("got %q, %v", refused, err)
		}
	}
}

// lateListener hands out what it accepted only once it is closed.
type lateListener struct {
	net.Listener
	accepted, closed chan struct{}
}

func (l *lateListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		close(l.accepted)
		<-l.closed
	}
	return nc, err
}

func (l *lateListener) Close() error {
	defer close(l.closed)
	return l.Listener.Close()
}

// TestConnectionWhileStopping checks what a connection is told that is accepted as the server stops: not that there are
// too many.
func TestConnectionWhileStopping(t *testing.T) {
	late := &lateListener{accepted: make(chan struct{}), closed: make(chan struct{})}
	n := startNode(t, router.Forward, func(c *server.Config, _ *fakeBackend) {
		late.Listener = c.Listener
		c.Listener = late
	})
	conn := dial(t, n.address())
	<-late.accepted
	n.Stop()
	refused, err := io.ReadAll(conn)
	if want := "-CLUSTERDOWN this node is stopping: connect to another one\r\n"; err != nil || string(refused) != want {
		t.Errorf("got %q, %v, want %q", refused, err, want)
	}
}

func TestStopClosesConnections(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	idle := connect(t, n.address())
	idle.do("PING")
	n.Stop()
	n.Stop()
	if b, err := io.ReadAll(idle.conn); err != nil || len(b) > 0 {
		t.Errorf("got %q, %v; want a clean end", b, err)
	}
	if got := n.Connections(); got != 0 {
		t.Errorf("%d connections are left", got)
	}
}

// TestStopAnswersTheRunningBatch stops the server while a batch runs that ends by itself.
func TestStopAnswersTheRunningBatch(t *testing.T) {
	running, proceed := make(chan struct{}), make(chan struct{})
	n := startNode(t, router.Forward, func(_ *server.Config, b *fakeBackend) {
		b.before = func(context.Context, int) {
			close(running)
			<-proceed
		}
	})
	c := connect(t, n.address())
	c.send(encode("SET", "k", "v"))
	<-running
	stopped := make(chan struct{})
	go func() {
		n.Stop()
		close(stopped)
	}()
	// A refused dial shows that Stop has begun.
	for {
		if conn, err := (&testDialer{}).dial(n.address()); err != nil {
			break
		} else {
			_ = conn.Close()
		}
	}
	close(proceed)
	if got := c.next(); got != "+OK" {
		t.Errorf("got %s", got)
	}
	if b, err := io.ReadAll(c.conn); err != nil || len(b) > 0 {
		t.Errorf("got %q, %v; want a clean end", b, err)
	}
	_ = c.conn.Close()
	<-stopped
}

// TestStopEndsAStuckBatch stops the server while a batch runs that ends only with its context.
func TestStopEndsAStuckBatch(t *testing.T) {
	running := make(chan struct{})
	n := startNode(t, router.Forward, func(config *server.Config, b *fakeBackend) {
		config.StopGrace = time.Millisecond
		b.before = func(ctx context.Context, _ int) {
			close(running)
			<-ctx.Done()
		}
	})
	c := connect(t, n.address())
	c.send(encode("SET", "k", "v"))
	<-running
	n.Stop()
	if got := n.Connections(); got != 0 {
		t.Errorf("%d connections are left", got)
	}
}

// TestClientThatDoesNotRead fills the client's socket until the server gives the connection up.
func TestClientThatDoesNotRead(t *testing.T) {
	n := startNode(t, router.Forward, func(config *server.Config, _ *fakeBackend) {
		config.WriteTimeout = 50 * time.Millisecond
	})
	connect(t, n.address()).do("SET", "k", strings.Repeat("v", 1<<20))
	deaf := connect(t, n.address())
	get := strings.Repeat(encode("GET", "k"), 100)
	for {
		// The write fails once the server has closed the connection; the deadline of dial bounds the test.
		if _, err := io.WriteString(deaf.conn, get); err != nil {
			if isTimeout(err) {
				t.Fatal("the server keeps a client that does not read")
			}
			break
		}
	}
	if got := connect(t, n.address()).do("PING"); got != "+PONG" {
		t.Errorf("got %s", got)
	}
}

// TestInputMemoryIsBounded lets an unfinished command take most of the budget: the next is refused in words, and
// the first still finishes.
func TestInputMemoryIsBounded(t *testing.T) {
	n := startNode(t, router.Forward, func(config *server.Config, _ *fakeBackend) {
		config.MaxInputBytes = 3 << 19
		config.InputWait = 50 * time.Millisecond
	})
	value := strings.Repeat("v", 1<<20-100)
	whole := encode("SET", "k", value)
	part := whole[:len(whole)*7/8]
	first, second, watcher := connect(t, n.address()), connect(t, n.address()), connect(t, n.address())
	first.send(part)
	waitForInput(t, watcher, len(part))
	second.send(part)
	if got := second.next(); !strings.Contains(got, "too many bytes of unfinished commands") {
		t.Errorf("got %s", got)
	}
	if _, err := io.ReadAll(second.conn); err != nil {
		t.Errorf("want a clean end, got %v", err)
	}
	first.send(whole[len(part):])
	if got := first.next(); got != "+OK" {
		t.Errorf("got %s", got)
	}
	_, _ = first.conn.Close(), second.conn.Close()
	for inputHeld(t, watcher) > 0 {
		continue // The deadline of dial bounds the test.
	}
	if got := connect(t, n.address()).do("SET", "k", value); got != "+OK" {
		t.Errorf("got %s; the memory did not come back", got)
	}
}

// TestIdleConnectionGivesItsBufferBack lets a connection grow its buffer by a long pipeline and then fall silent.
func TestIdleConnectionGivesItsBufferBack(t *testing.T) {
	n := startNode(t, router.Forward, func(config *server.Config, _ *fakeBackend) {
		config.IdleAfter = 200 * time.Millisecond
	})
	busy, watcher := connect(t, n.address()), connect(t, n.address())
	pipeline := strings.Repeat(encode("ECHO", strings.Repeat("x", 1000)), 100)
	for inputHeld(t, watcher) == 0 {
		busy.send(pipeline) // Reads fill the small buffer sooner or later; the deadline of dial bounds the test.
		for range 100 {
			busy.next()
		}
	}
	for inputHeld(t, watcher) > 0 {
		continue // Likewise.
	}
	if got := busy.do("ECHO", "still here"); got != `"still here"` {
		t.Errorf("got %s", got)
	}
}

// waitForInput waits until the server holds at least so many bytes of unfinished commands.
func waitForInput(t *testing.T, c *testClient, bytes int) {
	t.Helper()
	for inputHeld(t, c) < bytes {
		continue // The deadline of dial bounds the test.
	}
}

// inputHeld asks for the bytes of unfinished commands.
func inputHeld(t *testing.T, c *testClient) int {
	t.Helper()
	info := string(c.value("INFO", "clients").Bytes)
	_, rest, ok := strings.Cut(info, "unfinished_input_bytes:")
	digits, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil {
		t.Fatalf("INFO says %q", info)
	}
	return n
}

package client_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/session"
	"github.com/katakv/katakv/internal/slot"
)

const fakeID = katakv.ClusterID(0xfeed)

// scripted is a fake cluster of nodes at cluster ports, or plain ones: each command goes to script, which answers for
// the node; "" means the usual answer, hangUp that the connection ends after the command was read.
type scripted struct {
	t     *testing.T
	nodes []*scriptedNode
	plain bool

	mu     sync.Mutex
	epoch  int
	leader int // of all slots
	script func(node int, command string) string
	seen   []string // "node: command", without what the client asks by itself
	maps   int      // how often the map was told
}

const hangUp = "hang up"

type scriptedNode struct {
	addr     string
	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]bool
	accepted int
}

// startScripted starts a fake cluster.
func startScripted(t *testing.T, nodes int, plain bool) *scripted {
	t.Helper()
	f := &scripted{t: t, plain: plain, epoch: 1}
	var group sync.WaitGroup
	for i := range nodes {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n := &scriptedNode{addr: listener.Addr().String(), listener: listener, conns: map[net.Conn]bool{}}
		f.nodes = append(f.nodes, n)
		group.Go(func() { f.accept(&group, i, n) })
	}
	t.Cleanup(func() {
		for _, n := range f.nodes {
			n.stop()
		}
		group.Wait()
	})
	return f
}

func (n *scriptedNode) stop() {
	_ = n.listener.Close()
	n.hangUp()
}

// hangUp ends the node's connections.
func (n *scriptedNode) hangUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.conns {
		_ = conn.Close()
	}
}

func (f *scripted) accept(group *sync.WaitGroup, i int, n *scriptedNode) {
	for {
		conn, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		n.conns[conn] = true
		n.accepted++
		n.mu.Unlock()
		group.Go(func() {
			f.serve(i, conn)
			_ = conn.Close()
			n.mu.Lock()
			delete(n.conns, conn)
			n.mu.Unlock()
		})
	}
}

// serve answers one connection until it ends.
func (f *scripted) serve(i int, conn net.Conn) {
	parser := resp.NewParser(resp.DefaultLimits())
	for {
		args, err := parser.Next()
		for errors.Is(err, resp.ErrIncomplete) {
			n, failure := conn.Read(parser.Space(1))
			parser.Commit(n)
			if n == 0 && failure != nil {
				return
			}
			args, err = parser.Next()
		}
		if err != nil {
			return
		}
		var words []string
		for _, arg := range args {
			words = append(words, string(arg))
		}
		answer := f.answer(i, strings.Join(words, " "))
		if answer == hangUp {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func (f *scripted) answer(i int, command string) string {
	f.mu.Lock()
	script := f.script
	f.mu.Unlock()
	if script != nil {
		if answer := script(i, command); answer != "" {
			f.note(i, command)
			return answer
		}
	}
	switch command {
	case "KATA SESSION":
		return bulk(new(session.Session).Token(fakeID))
	case "CLUSTER INFO":
		f.mu.Lock()
		defer f.mu.Unlock()
		return bulk(fmt.Sprintf("cluster_state:ok\r\ncluster_current_epoch:%d\r\n", f.epoch))
	case "CLUSTER SLOTS":
		return f.slots()
	case "PING":
		return "+PONG\r\n"
	}
	f.note(i, command)
	return "+OK\r\n"
}

func (f *scripted) note(i int, command string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasPrefix(command, "CLUSTER") && command != "KATA SESSION" {
		f.seen = append(f.seen, fmt.Sprintf("%d: %s", i, command))
	}
}

// slots is the map: all slots in two ranges, led by one node and followed by the others.
func (f *scripted) slots() string {
	if f.plain {
		return "-ERR This instance has cluster support disabled: this is the plain port\r\n"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.maps++
	var b strings.Builder
	b.WriteString("*2\r\n")
	for _, r := range slot.Split(2) {
		fmt.Fprintf(&b, "*%d\r\n:%d\r\n:%d\r\n", 2+len(f.nodes), r.First, r.Last)
		for k := range f.nodes {
			host, port, _ := net.SplitHostPort(f.nodes[(f.leader+k)%len(f.nodes)].addr)
			fmt.Fprintf(&b, "*2\r\n%s:%s\r\n", bulk(host), port)
		}
	}
	return b.String()
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// on sets the script.
func (f *scripted) on(script func(node int, command string) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

// take returns what was seen since the last time.
func (f *scripted) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.seen
	f.seen = nil
	return seen
}

// asked returns how many commands each node has seen since the last time.
func (f *scripted) asked() map[string]int {
	asked := map[string]int{}
	for _, command := range f.take() {
		asked[command[:1]]++
	}
	return asked
}

// open opens a client that names the nodes.
func (f *scripted) open(change func(*client.Config)) *client.Client {
	f.t.Helper()
	config := client.Config{}
	for _, n := range f.nodes {
		config.Addresses = append(config.Addresses, n.addr)
	}
	if change != nil {
		change(&config)
	}
	c, err := client.Open(f.t.Context(), config)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	return c
}

// once answers a list of answers in turn, each to the next command that begins so, and then the usual.
func once(prefix string, answers ...string) func(int, string) string {
	var mu sync.Mutex
	return func(_ int, command string) string {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(command, prefix) || len(answers) == 0 {
			return ""
		}
		answer := answers[0]
		answers = answers[1:]
		return answer
	}
}

// short is a context that ends soon.
const short = 150 * time.Millisecond

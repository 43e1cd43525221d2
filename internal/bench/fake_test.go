package bench_test

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/slot"
)

// fakeCluster is a cluster of nodes in this process that keep one map. A node owns the slots below its bound.
type fakeCluster struct {
	t *testing.T

	mu       sync.Mutex
	addrs    []string
	bounds   []int // node i owns slots up to bounds[i], exclusive
	shown    []int // what CLUSTER SLOTS says instead, if not nil
	data     map[string]string
	sets     int
	waits    int
	replicas int64                       // what WAIT answers
	refuse   func(command string) string // an error to answer, or ""
	hangUp   func(command string) bool   // whether to close the connection instead of an answer
	group    sync.WaitGroup
}

func startCluster(t *testing.T, bounds ...int) *fakeCluster {
	t.Helper()
	c := &fakeCluster{t: t, bounds: bounds, data: map[string]string{}}
	t.Cleanup(c.group.Wait)
	for i := range bounds {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.addrs = append(c.addrs, listener.Addr().String())
		t.Cleanup(func() { _ = listener.Close() })
		c.group.Go(func() { c.accept(listener, i) })
	}
	return c
}

func (c *fakeCluster) accept(listener net.Listener, node int) {
	for {
		socket, err := listener.Accept()
		if err != nil {
			return
		}
		c.group.Go(func() { c.serve(socket, node) })
	}
}

func (c *fakeCluster) serve(socket net.Conn, node int) {
	defer func() { _ = socket.Close() }()
	parser := resp.NewParser(resp.DefaultLimits())
	w := resp.NewWriter(nil, resp.Protocol2)
	for {
		args, err := parser.Next()
		if errors.Is(err, resp.ErrIncomplete) {
			if _, err := socket.Write(w.Bytes()); err != nil {
				return
			}
			w.Reset()
			n, err := socket.Read(parser.Space(1024))
			if n == 0 && err != nil {
				return
			}
			parser.Commit(n)
			continue
		}
		if err != nil {
			c.t.Errorf("node %d: %v", node, err)
			return
		}
		if !c.answer(w, node, args) {
			return
		}
	}
}

// answer executes one command; it returns false to hang up.
func (c *fakeCluster) answer(w *resp.Writer, node int, args [][]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := string(args[0])
	if c.hangUp != nil && c.hangUp(name) {
		return false
	}
	if c.refuse != nil {
		if text := c.refuse(name); text != "" {
			w.Error(text)
			return true
		}
	}
	switch name {
	case "CLUSTER":
		c.writeSlots(w)
	case "WAIT":
		c.waits++
		w.Int(c.replicas)
	case "GET", "SET":
		if owner := c.owner(slot.Of(args[1])); owner != node {
			w.Error("MOVED " + strconv.Itoa(int(slot.Of(args[1]))) + " " + c.addrs[owner])
			return true
		}
		if name == "SET" {
			c.sets++
			c.data[string(args[1])] = string(args[2])
			w.SimpleString("OK")
			return true
		}
		if value, ok := c.data[string(args[1])]; ok {
			w.BulkString(value)
			return true
		}
		w.Null()
	default:
		w.Error("ERR unknown command")
	}
	return true
}

func (c *fakeCluster) owner(s katakv.Slot) int {
	for i, bound := range c.bounds {
		if int(s) < bound {
			return i
		}
	}
	c.t.Errorf("nobody owns slot %d", s)
	return 0
}

func (c *fakeCluster) writeSlots(w *resp.Writer) {
	bounds := c.bounds
	if c.shown != nil {
		bounds = c.shown
	}
	w.ArrayHeader(len(bounds))
	first := 0
	for i, bound := range bounds {
		host, port, _ := net.SplitHostPort(c.addrs[i])
		number, _ := strconv.Atoi(port)
		w.ArrayHeader(3)
		w.Int(int64(first))
		w.Int(int64(bound - 1))
		w.ArrayHeader(2)
		w.BulkString(host)
		w.Int(int64(number))
		first = bound
	}
}

package load_test

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/katakv/katakv/internal/resp"
)

// store is what all fake nodes of a test share.
type store struct {
	mu   sync.Mutex
	data map[string]string
	sets int
	// before is called for each command, under the lock; it returns an error reply, hangUp, or "".
	before func(node int, args []string) string
}

func (s *store) setBefore(before func(node int, args []string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *store) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.data[key]
	return ok
}

// hangUp closes the connection after the command was executed, without a reply.
const hangUp = "hang up"

// startNodes starts fake nodes and returns their addresses.
func startNodes(t *testing.T, n int) (*store, []string) {
	t.Helper()
	s := &store{data: map[string]string{}}
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	var addrs []string
	for node := range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		addrs = append(addrs, listener.Addr().String())
		group.Go(func() {
			for {
				socket, err := listener.Accept()
				if err != nil {
					return
				}
				group.Go(func() { s.serve(t, socket, node) })
			}
		})
	}
	return s, addrs
}

func (s *store) serve(t *testing.T, socket net.Conn, node int) {
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
			t.Errorf("fake node: %v", err)
			return
		}
		words := make([]string, len(args))
		for i, arg := range args {
			words[i] = string(arg)
		}
		if !s.answer(w, node, words) {
			_, _ = socket.Write(w.Bytes())
			return
		}
	}
}

func (s *store) answer(w *resp.Writer, node int, args []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	problem := ""
	if s.before != nil {
		problem = s.before(node, args)
	}
	if problem != "" && problem != hangUp {
		w.Error(problem)
		return true
	}
	switch args[0] {
	case "SET":
		s.sets++
		s.data[args[1]] = args[2]
		if problem == "" {
			w.SimpleString("OK")
		}
	case "GET":
		value, ok := s.data[args[1]]
		if !ok {
			w.Null()
		} else {
			w.BulkString(value)
		}
	}
	return problem != hangUp
}

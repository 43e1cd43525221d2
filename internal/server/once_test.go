package server_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
)

// recording is a backend that keeps what it was asked to do.
type recording struct {
	server.Backend
	mu  sync.Mutex
	ops []command.Operation
}

func (r *recording) Run(ctx context.Context, batch router.Batch) {
	r.mu.Lock()
	for i := range batch.Calls {
		r.ops = append(r.ops, batch.Calls[i].Operation)
	}
	r.mu.Unlock()
	r.Backend.Run(ctx, batch)
}

func (r *recording) take() []command.Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	ops := r.ops
	r.ops = nil
	return ops
}

func TestOnceGivesTheCommandAnID(t *testing.T) {
	backend := &recording{}
	n := startNode(t, router.Forward, func(c *server.Config, b *fakeBackend) {
		backend.Backend = b
		c.Backend = backend
	})
	c := connect(t, n.address())
	for _, tt := range []struct{ line, reply, id string }{
		{"KATA ONCE id-1 INCR n", ":1", "id-1"},
		{"kata once id-2 append k xyz", ":3", "id-2"},
		{"KATA ONCE id-3 MSET a 1 b 2", "+OK", "id-3"},
		{"KATA ONCE id-4 GET n", `"1"`, ""},
		{"INCR n", ":2", ""},
	} {
		got := c.do(strings.Fields(tt.line)...)
		ops := backend.take()
		if len(ops) != 1 {
			t.Fatalf("%s: got %s, %d operations", tt.line, got, len(ops))
		}
		id := ""
		if ops[0].Once != nil {
			id = string(ops[0].Once.ID)
		}
		if got != tt.reply || id != tt.id {
			t.Errorf("%s: got %s with id %q, want %s with %q", tt.line, got, id, tt.reply, tt.id)
		}
		if ops[0].Kind == command.KindAppend && ops[0].Delta != 1<<20 {
			t.Errorf("%s: the limit is %d", tt.line, ops[0].Delta)
		}
	}
	for line, want := range map[string]string{
		"KATA":                                 "-ERR wrong number of arguments for 'kata' command",
		"KATA NOPE":                            "-ERR unknown subcommand 'NOPE'. Try KATA HELP.",
		"KATA ONCE id":                         "-ERR wrong number of arguments for 'kata|once' command",
		"KATA ONCE id PING x":                  "-ERR KATA ONCE takes a command on keys, not 'PING'",
		"KATA ONCE id SET k v EX 10":           "-ERR SET option EX is not supported yet: keys cannot expire; set the key without it",
		"COMMAND GETKEYS KATA ONCE id DEL a b": `["a" "b"]`,
	} {
		if got := c.do(strings.Fields(line)...); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
	if got := c.do("KATA", "HELP"); !strings.Contains(got, "once request-id command") {
		t.Errorf("KATA HELP: got %s", got)
	}
	if ops := backend.take(); len(ops) != 0 {
		t.Errorf("%d operations of refused commands", len(ops))
	}
}

// On the cluster port a request goes where its command's keys are.
func TestOnceIsRedirected(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 3)
	c := connect(t, nodes[0].address())
	moved, crossed := 0, 0
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		plain, once := c.do("INCR", key), c.do("KATA", "ONCE", "id", "INCR", key)
		if strings.HasPrefix(plain, "-MOVED") {
			moved++
			if plain != once {
				t.Errorf("%s: got %s, want %s", key, once, plain)
			}
		} else if once != ":2" {
			t.Errorf("%s: got %s, want :2", key, once)
		}
		if strings.HasPrefix(c.do("KATA", "ONCE", "id", "DEL", key, key+"x"), "-CROSSSLOT") {
			crossed++
		}
	}
	if moved == 0 || moved == 6 || crossed == 0 {
		t.Errorf("%d of 6 keys were elsewhere, %d crossed slots", moved, crossed)
	}
}

package server_test

import (
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/router"
)

// words splits a line; a dot within a word stands for a space, and "-" alone for the empty word.
func words(line string) []string {
	args := strings.Fields(line)
	for i, arg := range args {
		if args[i] = strings.ReplaceAll(arg, ".", " "); arg == "-" {
			args[i] = ""
		}
	}
	return args
}

func TestWithHoldsForOneCommand(t *testing.T) {
	address, backend := startFake(t, router.Forward)
	c := connect(t, address)
	c.do("KATA", "CONSISTENCY", "EVENTUAL")
	before := c.do("KATA", "SESSION")
	for _, tt := range []struct {
		line, want string
		asked      katakv.Level
	}{
		{"KATA WITH default - SET k v", `[+OK [["shard" :4 "index" :1 "node" :1 "level" "eventual" "age-ms" :0]] :3]`, katakv.LevelEventual},
		{"KATA WITH session - GET k", `["v" [["shard" :4 "index" :2 "node" :1 "level" "session" "age-ms" :0]] :3]`, katakv.LevelSession},
		{"KATA WITH strong - GET k", `["v" [["shard" :4 "index" :3 "node" :1 "level" "strong" "age-ms" :0]] :3]`, katakv.LevelStrong},
		{"KATA WITH bounded.2s - KATA GET k", `[["12-3" "v"] [["shard" :4 "index" :4 "node" :1 "level" "bounded" "age-ms" :0]] :3]`, katakv.LevelBounded},
		{"KATA WITH default - INCR k", "-ERR value is not an integer or out of range", katakv.LevelEventual},
		{"GET k", `"v"`, katakv.LevelEventual},
	} {
		if got := c.do(words(tt.line)...); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
		if asked := backend.asked.Load(); asked.Level != tt.asked {
			t.Errorf("%s: asked for %v, want %v", tt.line, asked, tt.asked)
		}
		if tt.line != "GET k" && c.do("KATA", "SESSION") != before {
			t.Errorf("%s: it is in the connection's own session", tt.line)
		}
	}
	if got := c.do("KATA", "SESSION"); got == before {
		t.Error("the GET of the connection itself is not in its session")
	}
	for line, want := range map[string]string{
		"KATA WITH strong nonsense GET k":             "-ERR the session token",
		"KATA WITH weak - GET k":                      "-ERR KATA WITH: 'weak' is no level",
		"KATA WITH strong - KATA SESSION x":           "-ERR KATA WITH takes a command on keys, not 'KATA'",
		"COMMAND GETKEYS KATA WITH strong - DEL a b":  `["a" "b"]`,
		"COMMAND GETKEYS KATA SET a v":                `["a"]`,
		"KATA WITH strong - KATA ONCE - INCR counter": "-ERR request id of 0 bytes",
	} {
		if got := c.do(words(line)...); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

// A pipeline of commands that say the same is one batch, and answered in order among others.
func TestWithInPipelines(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	c := connect(t, n.address())
	var input strings.Builder
	for _, line := range []string{
		"SET a 1", "KATA WITH session - INCR a", "KATA WITH session - INCR a", "KATA WITH nonsense - GET a",
		"KATA WITH strong - GET a", "GET a", "PING",
	} {
		input.WriteString(encode(words(line)...))
	}
	c.send(input.String())
	for _, want := range []string{"+OK", "[:2 [", "[:3 [", "-ERR KATA WITH: 'nonsense'", `["3" [`, `"3"`, "+PONG"} {
		if got := c.next(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// On the cluster port a node answers what it has a replica of when a command says that any may.
func TestWithOnTheClusterPort(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 3)
	c := connect(t, nodes[0].address())
	moved := 0
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		if !strings.HasPrefix(c.do("KATA", "WITH", "strong", "", "GET", key), "-MOVED") {
			continue
		}
		moved++
		for _, level := range []string{"strong replica", "session", "eventual", "bounded 1s"} {
			if got := c.do("KATA", "WITH", level, "", "GET", key); !strings.HasPrefix(got, "[nil [") {
				t.Errorf("at %s: got %s", level, got)
			}
		}
		for _, line := range []string{"KATA WITH default - GET ", "KATA WITH eventual - INCR ", "GET "} {
			if got := c.do(words(line + key)...); !strings.HasPrefix(got, "-MOVED") {
				t.Errorf("%s%s: got %s", line, key, got)
			}
		}
	}
	if moved == 0 {
		t.Error("no key was elsewhere: the test shows nothing")
	}
}

package server_test

import (
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/router"
)

const fakeSteps = `[["at-us" :0 "node" :1 "role" "router" "step" "received"] ["at-us" :7 "margin-us" :2 "node" :2 "role" "leader" ` +
	`"step" "durable" "shard" :4 "peer" :3 "term" :5 "index" :6]]`

// TestKataJourney: the command is executed as it is alone, at the connection's level and in its session.
func TestKataJourney(t *testing.T) {
	address, backend := startFake(t, router.Forward)
	c := connect(t, address)
	c.do("KATA", "CONSISTENCY", "SESSION")
	for _, tt := range []struct{ line, want string }{
		{"KATA JOURNEY SET k v", `["reply" +OK "steps" ` + fakeSteps + ` "dropped" :0]`},
		{"KATA JOURNEY GET k", `["reply" "v" "steps" ` + fakeSteps + ` "dropped" :0]`},
		{"KATA LAST", `[["shard" :4 "index" :2 "node" :1 "level" "session" "age-ms" :0]]`},
		{"KATA JOURNEY INCR k", `["reply" -ERR value is not an integer or out of range "steps" `},
		{"KATA JOURNEY KATA ONCE id SET n 1", `["reply" +OK "steps" `},
		{"kata journey get", "-ERR wrong number of arguments for 'kata|journey' command"},
		{"KATA JOURNEY GET k k", "-ERR wrong number of arguments for 'get' command"},
		{"KATA JOURNEY FOO k", "-ERR unknown command 'FOO'"},
		{"KATA JOURNEY PING PONG", "-ERR KATA JOURNEY takes a command on keys"},
		{"KATA JOURNEY KATA GET k", `["reply" ["12-3" "v"] "steps" `},
		{"KATA JOURNEY KATA WITH strong - GET k", "-ERR KATA JOURNEY takes a command on keys"},
		{"KATA WITH strong - KATA JOURNEY GET k", "-ERR KATA WITH takes a command on keys"},
		{"KATA ONCE id KATA JOURNEY SET k v", "-ERR KATA ONCE takes a command on keys"},
		{"KATA JOURNEY KATA JOURNEY GET k", "-ERR KATA JOURNEY takes a command on keys"},
		{"COMMAND GETKEYS KATA JOURNEY MGET a b", `["a" "b"]`},
		{"COMMAND GETKEYS KATA JOURNEY KATA ONCE id SET a 1", `["a"]`},
	} {
		if got := c.do(strings.Fields(tt.line)...); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
	}
	if asked := backend.asked.Load(); asked.Level != katakv.LevelSession {
		t.Errorf("asked for %v", asked)
	}
	c.do("HELLO", "3")
	if got := c.do("KATA", "JOURNEY", "GET", "k"); !strings.HasPrefix(got, `{"reply": "v" "steps": [{"at-us": :0 `) {
		t.Errorf("in RESP3: got %s", got)
	}
}

// TestKataJourneyInAPipeline: it is answered in order, and sees what stands before it.
func TestKataJourneyInAPipeline(t *testing.T) {
	address, _ := startFake(t, router.Forward)
	c := connect(t, address)
	c.send(encode("SET", "k", "1") + encode("KATA", "JOURNEY", "INCR", "k") + encode("INCR", "k"))
	for _, want := range []string{"+OK", `["reply" :2 "steps" `, ":3"} {
		if got := c.next(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestKataJourneyIsRedirected: cluster clients follow it as they follow the command alone.
func TestKataJourneyIsRedirected(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 3)
	c := connect(t, nodes[0].address())
	told, moved := 0, 0
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		alone, got := c.do("GET", key), c.do("KATA", "JOURNEY", "GET", key)
		switch {
		case strings.HasPrefix(alone, "-MOVED") && got == alone:
			moved++
		case !strings.HasPrefix(alone, "-") && strings.HasPrefix(got, `["reply" nil "steps" `):
			told++
		default:
			t.Errorf("GET %s: got %s alone and %s as a journey", key, alone, got)
		}
	}
	if told == 0 || moved == 0 {
		t.Errorf("%d keys were here and %d elsewhere: the test shows nothing", told, moved)
	}
}

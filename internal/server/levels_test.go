package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
)

// startFake starts one node and returns its backend.
func startFake(t *testing.T, mode router.Mode) (string, *fakeBackend) {
	t.Helper()
	var backend *fakeBackend
	n := startNode(t, mode, func(_ *server.Config, f *fakeBackend) { backend = f })
	return n.address(), backend
}

func TestKataConsistency(t *testing.T) {
	address, backend := startFake(t, router.Forward)
	c := connect(t, address)
	for _, tt := range []struct {
		words, show string
		want        katakv.Consistency
	}{
		{"session", "session", katakv.Consistency{Level: katakv.LevelSession}},
		{"EVENTUAL", "eventual", katakv.Consistency{Level: katakv.LevelEventual}},
		{"eventual replica", "eventual", katakv.Consistency{Level: katakv.LevelEventual}},
		{"bounded 250", "bounded 250ms", katakv.Consistency{Level: katakv.LevelBounded, Bound: 250 * time.Millisecond}},
		{"Bounded 2s", "bounded 2s", katakv.Consistency{Level: katakv.LevelBounded, Bound: 2 * time.Second}},
		{"strong replica", "strong replica", katakv.Consistency{Replica: true}},
		{"strong", "strong", katakv.Consistency{}},
		{"session", "session", katakv.Consistency{Level: katakv.LevelSession}},
		{"default", "strong", katakv.Consistency{}},
	} {
		words := append([]string{"KATA", "CONSISTENCY"}, strings.Fields(tt.words)...)
		if got := c.do(words...); got != "+OK" {
			t.Errorf("%v: got %s", words, got)
		}
		c.do("GET", "key")
		if got := *backend.asked.Load(); got != tt.want {
			t.Errorf("%v: asked for %+v, want %+v", words, got, tt.want)
		}
		if got := c.do("KATA", "CONSISTENCY"); got != `"`+tt.show+`"` {
			t.Errorf("after %v: got %s", words, got)
		}
	}
}

func TestKataConsistencyRefuses(t *testing.T) {
	address, _ := startFake(t, router.Forward)
	c := connect(t, address)
	for words, want := range map[string]string{
		"weak":                    "is no level",
		"bounded":                 "such as bounded 500ms",
		"bounded 0":               "between 1ms and 1h",
		"bounded -3":              "between 1ms and 1h",
		"bounded 2h":              "between 1ms and 1h",
		"bounded soon":            "between 1ms and 1h",
		"strong leader":           "does not belong there",
		"eventual replica please": "does not belong there",
	} {
		got := c.do(append([]string{"KATA", "CONSISTENCY"}, strings.Fields(words)...)...)
		if !strings.HasPrefix(got, "-ERR ") || !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want an error with %q", words, got, want)
		}
	}
	if got := c.do("KATA", "CONSISTENCY"); got != `"strong"` {
		t.Errorf("refusals changed the level to %s", got)
	}
	if got := c.do("KATA", "HELP"); !strings.Contains(got, "BOUNDED age") {
		t.Errorf("KATA HELP: got %s", got)
	}
}

// Stale answers are something that the caller asked for.
func TestReadOnlyReadsStrongly(t *testing.T) {
	address, backend := startFake(t, router.Redirect)
	c := connect(t, address)
	c.do("READONLY")
	c.do("GET", "key")
	if got := *backend.asked.Load(); got != (katakv.Consistency{Replica: true}) {
		t.Errorf("READONLY asks for %+v", got)
	}
	c.do("KATA", "CONSISTENCY", "EVENTUAL")
	c.do("GET", "key")
	if got := *backend.asked.Load(); got.Level != katakv.LevelEventual {
		t.Errorf("told otherwise, READONLY asks for %+v", got)
	}
	c.do("RESET")
	c.do("GET", "key")
	if got := *backend.asked.Load(); got != (katakv.Consistency{}) {
		t.Errorf("after RESET it asks for %+v", got)
	}
}

func TestConsistencyOfTheCluster(t *testing.T) {
	address, backend := startFake(t, router.Forward)
	topo := *backend.Topology()
	m := *topo.Map
	m.Settings.Consistency = katakv.Consistency{Level: katakv.LevelSession}
	topo.Map = &m
	backend.setTopology(&topo)
	c := connect(t, address)
	c.do("GET", "key")
	if got := *backend.asked.Load(); got != m.Settings.Consistency {
		t.Errorf("asks for %+v; want what the cluster asks for", got)
	}
	c.do("KATA", "CONSISTENCY", "STRONG")
	c.do("GET", "key")
	if got := *backend.asked.Load(); got != (katakv.Consistency{}) {
		t.Errorf("told otherwise, asks for %+v", got)
	}
}

func TestKataSessionMovesBetweenConnections(t *testing.T) {
	address, _ := startFake(t, router.Forward)
	a, b := connect(t, address), connect(t, address)
	empty := a.do("KATA", "SESSION")
	a.do("SET", "key", "value")
	token := a.do("KATA", "SESSION")
	if token == empty {
		t.Fatal("a write left no trace in the session")
	}
	if got := b.do("KATA", "SESSION", strings.Trim(token, `"`)); got != "+OK" {
		t.Fatalf("got %s", got)
	}
	if got := b.do("KATA", "SESSION"); got != token {
		t.Errorf("got %s, want %s", got, token)
	}
	if got := b.do("KATA", "SESSION", "nonsense"); !strings.HasPrefix(got, "-ERR the session token") {
		t.Errorf("got %s", got)
	}
	if got := b.do("KATA", "SESSION"); got != token {
		t.Errorf("a refused token changed the session to %s", got)
	}
	b.do("RESET")
	if got := b.do("KATA", "SESSION"); got != empty {
		t.Errorf("after RESET: got %s, want %s", got, empty)
	}
}

func TestKataLast(t *testing.T) {
	address, _ := startFake(t, router.Forward)
	c := connect(t, address)
	if got := c.do("KATA", "LAST"); got != "[]" {
		t.Errorf("before any command: got %s", got)
	}
	c.do("HELLO", "3")
	c.do("SET", "key", "value")
	if got := c.do("KATA", "LAST"); !strings.Contains(got, `"index": :1 "node": :1 "level": "strong" "age-ms": :0`) {
		t.Errorf("got %s", got)
	}
	c.do("PING")
	if got := c.do("KATA", "LAST"); !strings.Contains(got, `"index": :1`) {
		t.Errorf("a command about the connection changed it to %s", got)
	}
	c.do("INCR", "key")
	if got := c.do("KATA", "LAST"); got != "[]" {
		t.Errorf("after an error: got %s", got)
	}
}

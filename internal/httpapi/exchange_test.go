package httpapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/httpapi"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/session"
)

// wantHeaders checks headers, names and values in turn.
func (a answer) wantHeaders(t *testing.T, what string, want ...string) {
	t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got := a.header.Get(want[i]); got != want[i+1] {
			t.Errorf("%s: %s is %q, want %q", what, want[i], got, want[i+1])
		}
	}
}

func TestLevelsOfReads(t *testing.T) {
	d := open(t, httpapi.Config{})
	d.ask("PUT", "/v1/kv/k", "value", "Kata-Consistency", "eventual").wantHeaders(t, "PUT", "Kata-Level", "strong", "Kata-Age-Ms", "0")
	bounded := katakv.Consistency{Level: katakv.LevelBounded, Bound: 500 * time.Millisecond}
	for _, c := range []struct {
		target, header string
		want           katakv.Consistency
		level, age     string
	}{
		{"", "", katakv.Consistency{}, "strong", "0"},
		{"", "strong", katakv.Consistency{}, "strong", "0"},
		{"?consistency=strong+replica", "", katakv.Consistency{Replica: true}, "strong", "0"},
		{"", "Strong Replica", katakv.Consistency{Replica: true}, "strong", "0"},
		{"", "session", katakv.Consistency{Level: katakv.LevelSession}, "session", "unknown"},
		{"?consistency=bounded%20500ms", "", bounded, "bounded", "2"},
		{"", "bounded 500", bounded, "bounded", "2"},
		{"?consistency=eventual", "", katakv.Consistency{Level: katakv.LevelEventual}, "eventual", "unknown"},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{"Kata-Consistency", c.header}
		}
		what := c.target + c.header
		a := d.ask("GET", "/v1/kv/k"+c.target, "", headers...)
		a.want(t, what, 200, "value")
		a.wantHeaders(t, what, "Kata-Level", c.level, "Kata-Age-Ms", c.age, "Kata-Node", "2", "Kata-Index", "11")
		if got := d.node.lastRead(); got != c.want {
			t.Errorf("%s: asked for %v, want %v", what, got, c.want)
		}
		d.ask("GET", "/v1/kv/none"+c.target, "", headers...).wantHeaders(t, what+" of nothing", "Kata-Level", c.level)
		d.ask("HEAD", "/v1/kv/k"+c.target, "", headers...).wantHeaders(t, "HEAD "+what, "Kata-Level", c.level)
	}
}

// TestUsualLevel: without a word the cluster's setting holds.
func TestUsualLevel(t *testing.T) {
	d := open(t, httpapi.Config{})
	usual := katakv.Consistency{Level: katakv.LevelEventual}
	settled := *d.node.topology.Map
	settled.Settings.Consistency = usual
	d.node.topology = router.NewTopology(1, &settled, func(katakv.ShardID) katakv.NodeID { return 1 })
	d.ask("GET", "/v1/kv/k", "")
	if got := d.node.lastRead(); got != usual {
		t.Errorf("asked for %v, want %v", got, usual)
	}
	d.ask("GET", "/v1/kv/k", "", "Kata-Consistency", "strong")
	if got := d.node.lastRead(); got != (katakv.Consistency{}) {
		t.Errorf("asked for %v, want strong", got)
	}
}

func TestLevelsThatAreRefused(t *testing.T) {
	d := open(t, httpapi.Config{})
	for _, c := range []struct {
		target, words string
		headers       []string
	}{
		{"/k", "no level", []string{"Kata-Consistency", "fresh"}},
		{"/k?consistency=bounded", "greatest age", nil},
		{"/k?consistency=bounded+2h", "no age", nil},
		{"/k?consistency=", "is needed", nil},
		{"/k?consistency=session&consistency=session", "2 times", nil},
		{"/k?consistency=session", "2 times", []string{"Kata-Consistency", "session"}},
		{"/k", "2 times", []string{"Kata-Consistency", "session", "Kata-Consistency", "eventual"}},
		{"/k?consistency=session&ttl=1", "no parameter but", nil},
		{"?consistency=fresh", "no level", nil},
		{"/k", "no level", []string{"Kata-Consistency", strings.Repeat("\xff", 1000)}},
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if method == "GET" || !strings.HasPrefix(c.target, "?") {
				d.ask(method, "/v1/kv"+c.target, "", c.headers...).want(t, method+" "+c.target, 400, c.words)
			}
		}
	}
}

// TestSessionsTravelInHeaders: what an answer gives, the next request brings, and it grows.
func TestSessionsTravelInHeaders(t *testing.T) {
	d := open(t, httpapi.Config{})
	token, shards := "", map[string]katakv.Index{} // the highest index of each
	step := func(method, target string) {
		t.Helper()
		var headers []string
		if token != "" {
			headers = []string{"Kata-Session", token}
		}
		a := d.ask(method, target, "x", headers...)
		token = a.header.Get("Kata-Session")
		index, err := strconv.ParseUint(a.header.Get("Kata-Index"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		shards[a.header.Get("Kata-Shard")] = katakv.Index(index)
		s, refusal := session.Parse([]byte(token), d.node.topology.Map.Cluster)
		if refusal != nil {
			t.Fatalf("%s %s: %v", method, target, refusal)
		}
		for _, shard := range d.node.topology.Map.Shards {
			if shard.Slots == nil {
				continue
			}
			index, known := s.Seen(shard.ID)
			if want := shards[fmt.Sprint(uint64(shard.ID))]; !known || index != want {
				t.Errorf("%s %s: the token holds index %v of %v, want %v", method, target, index, shard.ID, want)
			}
		}
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		step("PUT", "/v1/kv/"+key)
	}
	for range 2 {
		step("GET", "/v1/kv/a")
		step("GET", "/v1/kv/none")
		step("DELETE", "/v1/kv/b") // the second one finds nothing
	}
	failed := d.ask("PUT", "/v1/kv/a", "x", "If-None-Match", "*", "Kata-Session", token)
	failed.want(t, "PUT of what is there", 412, "")
	if failed.header.Get("Kata-Session") == "" || failed.header.Get("Kata-Index") == "" {
		t.Errorf("a condition that failed has been seen, and the headers are %v", failed.header)
	}
	d.node.before = func(*command.Operation) *command.Reply {
		reply := command.ErrorReply(katakv.Errorf(katakv.CodeClusterDown, "no leader"))
		return &reply
	}
	lost := d.ask("GET", "/v1/kv/a", "", "Kata-Session", token)
	lost.want(t, "GET without a leader", 503, "no leader")
	lost.wantHeaders(t, "GET without a leader", "Kata-Session", token, "Kata-Level", "", "Kata-Node", "")
}

func TestTokensThatAreRefused(t *testing.T) {
	d := open(t, httpapi.Config{})
	good := d.ask("PUT", "/v1/kv/k", "kept").header.Get("Kata-Session")
	var foreign session.Session
	forged := []byte(good)
	forged[len(forged)/2] = map[bool]byte{true: 'B', false: 'A'}[forged[len(forged)/2] == 'A']
	for name, c := range map[string]struct {
		words  string
		tokens []string
	}{
		"forged":  {"checksum", []string{string(forged)}},
		"cut":     {"cut", []string{good[:len(good)-3]}},
		"foreign": {"belongs to cluster", []string{foreign.Token(1)}},
		"empty":   {"cut short", []string{""}},
		"long":    {"longer than", []string{strings.Repeat("A", 64<<10)}},
		"two":     {"2 times", []string{good, good}},
	} {
		for _, r := range [][2]string{{"GET", "/k"}, {"PUT", "/k"}, {"DELETE", "/k"}, {"GET", ""}} {
			var headers []string
			for _, token := range c.tokens {
				headers = append(headers, "Kata-Session", token)
			}
			d.ask(r[0], "/v1/kv"+r[1], "changed", headers...).want(t, name+" "+r[0], http.StatusBadRequest, c.words)
		}
	}
	d.ask("GET", "/v1/kv/k", "", "Kata-Session", good).want(t, "the right one", 200, "kept")
}

func TestIdempotencyKeys(t *testing.T) {
	d := open(t, httpapi.Config{})
	first := d.ask("PUT", "/v1/kv/k", "1", "Idempotency-Key", `"order 17"`, "If-None-Match", "*")
	first.want(t, "first", 200, "revision")
	for _, id := range []string{`"order 17"`, "order 17"} {
		again := d.ask("PUT", "/v1/kv/k", "1", "Idempotency-Key", id, "If-None-Match", "*")
		again.want(t, "again with "+id, 200, first.body)
		again.wantHeaders(t, "again with "+id, "ETag", first.header.Get("ETag"))
	}
	d.ask("PUT", "/v1/kv/k", "2", "Idempotency-Key", "order 17").want(t, "another value", 422, `"reused"`)
	d.ask("PUT", "/v1/kv/k", "1", "Idempotency-Key", "order 17").want(t, "without its condition", 422, "nothing was changed")
	d.ask("DELETE", "/v1/kv/k", "", "Idempotency-Key", "order 17").want(t, "another method", 422, `"not-applied"`)
	d.ask("GET", "/v1/kv/k", "", "Idempotency-Key", "order 17").want(t, "GET", 200, "1")
	for range 2 {
		if a := d.ask("DELETE", "/v1/kv/k", "", "Idempotency-Key", `"a \"quoted\" one"`); a.status != 204 {
			t.Errorf("DELETE: got %d %s", a.status, a.body)
		}
		d.ask("PUT", "/v1/kv/k", "back")
	}
	d.ask("GET", "/v1/kv/k", "").want(t, "what was written meanwhile", 200, "back")
	d.ask("PUT", "/v1/kv/k", "2", "If-Match", `"1-0"`, "Idempotency-Key", "fails").want(t, "a condition", 412, "")
	d.ask("PUT", "/v1/kv/k", "2", "If-Match", `"1-0"`, "Idempotency-Key", "fails").want(t, "a condition again", 412, "")
	d.ask("PUT", "/v1/kv/k", "2", "If-Match", `"2-0"`, "Idempotency-Key", "fails").want(t, "another condition", 422, "")
}

func TestIdempotencyKeysThatAreRefused(t *testing.T) {
	d := open(t, httpapi.Config{})
	for _, c := range []struct {
		words string
		keys  []string
	}{
		{"1 to 128", []string{""}},
		{"1 to 128", []string{`""`}},
		{"1 to 128", []string{strings.Repeat("x", 129)}},
		{"no string", []string{`"open`}},
		{"no string", []string{`"a"b"`}},
		{"no string", []string{`"a"; p=1`}},
		{"no string", []string{`"a\b"`}},
		{"no string", []string{"\"\xff\""}},
		{"2 times", []string{"a", "a"}},
	} {
		for _, method := range []string{"PUT", "DELETE"} {
			var headers []string
			for _, key := range c.keys {
				headers = append(headers, "Idempotency-Key", key)
			}
			d.ask(method, "/v1/kv/k", "", headers...).want(t, method+" "+clip(c.keys[0]), 400, c.words)
		}
	}
	d.ask("PUT", "/v1/kv/k", "", "Idempotency-Key", strings.Repeat("x", 128)).want(t, "the longest", 200, "")
	d.ask("PUT", "/v1/kv/k", "", "Idempotency-Key", `"\"\\`+strings.Repeat("x", 126)+`"`).want(t, "the longest, quoted", 200, "")
}

// TestListingTellsItsFreshness: the last line holds the weakest level of all pages, and the session.
func TestListingTellsItsFreshness(t *testing.T) {
	d := open(t, httpapi.Config{})
	for _, key := range []string{"a", "b", "c", "d"} {
		d.ask("PUT", "/v1/kv/"+key, "x")
	}
	strong := d.list("/v1/kv").last
	if strong.Level != "strong" || strong.AgeMs == nil || *strong.AgeMs != 0 {
		t.Errorf("strong: the last line is %+v", strong)
	}
	if s, err := session.Parse([]byte(strong.Session), d.node.topology.Map.Cluster); err != nil {
		t.Error(err)
	} else {
		for _, shard := range d.node.topology.Map.Shards {
			if index, _ := s.Seen(shard.ID); shard.Slots != nil && index < 10 {
				t.Errorf("the token holds index %v of %v", index, shard.ID)
			}
		}
	}
	if bounded := d.list("/v1/kv?consistency=bounded+1s").last; bounded.Level != "bounded" || bounded.AgeMs == nil || *bounded.AgeMs != 2 {
		t.Errorf("bounded: the last line is %+v", bounded)
	}
	eventual := d.list("/v1/kv?consistency=eventual&limit=1").last
	if eventual.Level != "eventual" || eventual.AgeMs != nil || !strings.Contains(eventual.Next, "consistency=eventual") {
		t.Errorf("eventual: the last line is %+v", eventual)
	}
	if next := d.list(eventual.Next).last; next.Level != "eventual" {
		t.Errorf("next: the last line is %+v", next)
	}
}

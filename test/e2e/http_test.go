package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/slot"
)

// httpAnswer is what came back.
type httpAnswer struct {
	status int
	tag    string // the ETag
	header http.Header
	body   []byte
}

// problem returns code and outcome of a failure; empty when there is none.
func (a *httpAnswer) problem() (code, outcome string) {
	var p struct{ Code, Message, Outcome string }
	if json.Unmarshal(a.body, &p) != nil || p.Message == "" {
		return "", ""
	}
	return p.Code, p.Outcome
}

// httpClient follows no redirect: none is ever sent.
var httpClient = &http.Client{
	Timeout:       patience,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 32},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// httpDo sends a request; headers are names and values in turn. It may be called from any goroutine.
func httpDo(method, address, target string, body []byte, headers ...string) (httpAnswer, error) {
	r, err := http.NewRequest(method, "http://"+address+target, bytes.NewReader(body))
	if err != nil {
		return httpAnswer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := httpClient.Do(r)
	if err != nil {
		return httpAnswer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return httpAnswer{status: response.StatusCode, tag: response.Header.Get("ETag"), header: response.Header, body: data}, err
}

// ask is httpDo of what must be answered with status.
func ask(t *testing.T, status int, method, address, target string, body []byte, headers ...string) httpAnswer {
	t.Helper()
	a, err := httpDo(method, address, target, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != status {
		t.Fatalf("%s %s at %s: got %d %q, want %d", method, target, address, a.status, a.body, status)
	}
	return a
}

func keyPath(key string) string { return "/v1/kv/" + url.PathEscape(key) }

// TestHTTPAnyNodeAnswersAnyKey writes through each node and reads through each, over HTTP and as a Redis client.
func TestHTTPAnyNodeAnswersAnyKey(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	keys := []string{"plain", "a/b//c", "../x", "\x00\xff", "é ?#%+", "{tag}1", strings.Repeat("k", katakv.MaxKeyBytes), strings.Repeat("\xff", katakv.MaxKeyBytes)}
	for i := range 24 {
		keys = append(keys, key(i))
	}
	for i, key := range keys {
		value := fmt.Appendf(nil, "value %d \x00\xff\r\n", i)
		writer := c.Nodes[i%len(c.Nodes)]
		put := ask(t, 200, "PUT", writer.HTTP, keyPath(key), value, "If-None-Match", "*")
		ask(t, 412, "PUT", c.Nodes[(i+1)%len(c.Nodes)].HTTP, keyPath(key), nil, "If-None-Match", "*")
		for _, n := range c.Nodes {
			if got := ask(t, 200, "GET", n.HTTP, keyPath(key), nil); !bytes.Equal(got.body, value) || got.tag != put.tag {
				t.Errorf("GET %.20q through node %d: got %q at %s, want %q at %s", key, n.ID, got.body, got.tag, value, put.tag)
			}
			if got := ask(t, 200, "HEAD", n.HTTP, keyPath(key), nil); got.tag != put.tag || len(got.body) > 0 {
				t.Errorf("HEAD %.20q through node %d: got %q at %s", key, n.ID, got.body, got.tag)
			}
			ask(t, 304, "GET", n.HTTP, keyPath(key), nil, "If-None-Match", put.tag)
			wantGet(t, n.Plain, key, string(value))
		}
	}
	// What a Redis client writes has a revision, too.
	do(t, dial(t, c.Nodes[0].Plain), "APPEND", "plain", "!")
	changed := ask(t, 200, "GET", c.Nodes[1].HTTP, keyPath("plain"), nil)
	ask(t, 204, "DELETE", c.Nodes[2].HTTP, keyPath("plain"), nil, "If-Match", changed.tag)
	for _, n := range c.Nodes {
		ask(t, 404, "GET", n.HTTP, keyPath("plain"), nil)
		ask(t, 404, "DELETE", n.HTTP, keyPath("plain"), nil)
		wantGet(t, n.Plain, "plain", "")
	}
	sameChecksums(t, c)
}

// counter is a number that clients raise by compare-and-set over HTTP.
type counter struct {
	path                      string
	applied, failed, unknowns atomic.Int64
}

// raise tries once, through address, and reports whether it was told that it did.
func (n *counter) raise(address string) error {
	got, err := httpDo("GET", address, n.path, nil)
	if err != nil {
		return err
	}
	if got.status != 200 {
		return fmt.Errorf("GET: %d %s", got.status, got.body)
	}
	value, err := strconv.Atoi(string(got.body))
	if err != nil {
		return err
	}
	put, err := httpDo("PUT", address, n.path, []byte(strconv.Itoa(value+1)), "If-Match", got.tag)
	_, outcome := put.problem()
	switch {
	case err == nil && put.status == 200:
		n.applied.Add(1)
	case err == nil && put.status == 412:
		n.failed.Add(1)
	case err == nil && outcome == "not-applied":
	default: // told so, or without an answer
		n.unknowns.Add(1)
	}
	return nil
}

func (n *counter) value(t *testing.T, address string) int64 {
	t.Helper()
	a := ask(t, 200, "GET", address, n.path, nil)
	value, err := strconv.ParseInt(string(a.body), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestHTTPCompareAndSetCountsExactly lets clients at all nodes raise the same counters.
func TestHTTPCompareAndSetCountsExactly(t *testing.T) {
	t.Parallel()
	const clients, each = 4, 40 // of each node, and tries of each client at each counter
	c := start(t, localcluster.Options{})
	counters := []*counter{{path: "/v1/kv/counter/a"}, {path: "/v1/kv/counter/b"}}
	for _, n := range counters {
		ask(t, 200, "PUT", c.Nodes[0].HTTP, n.path, []byte("0"))
	}
	var group sync.WaitGroup
	for _, node := range c.Nodes {
		for range clients {
			group.Go(func() {
				for i := range each * len(counters) {
					if err := counters[i%len(counters)].raise(node.HTTP); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	group.Wait()
	for _, n := range counters {
		applied, failed, unknown := n.applied.Load(), n.failed.Load(), n.unknowns.Load()
		t.Logf("%s: %d applied, %d met somebody else's write, %d of unknown outcome", n.path, applied, failed, unknown)
		if got := n.value(t, c.Nodes[1].HTTP); got < applied || got > applied+unknown {
			t.Errorf("%s is %d after %d writes, and %d of unknown outcome", n.path, got, applied, unknown)
		}
		if unknown > 0 || applied == 0 || failed == 0 {
			t.Errorf("%s: nothing failed, yet %d outcomes are unknown; or nobody met", n.path, unknown)
		}
	}
}

// TestHTTPOutcomesThroughAFailover kills a node while clients of the others count: each success counts once, a failure
// that was surely not applied not at all.
func TestHTTPOutcomesThroughAFailover(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	victim := c.Nodes[1]
	var counters []*counter
	for i := 0; len(counters) < 4; i++ { // on shards that the victim leads
		if key := fmt.Sprintf("count%d", i); leaderOf(t, c.Nodes[0], key) == victim.ID {
			counters = append(counters, &counter{path: "/v1/kv/" + key})
			ask(t, 200, "PUT", c.Nodes[0].HTTP, "/v1/kv/"+key, []byte("0"))
		}
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	for i, n := range counters {
		for _, node := range []*localcluster.Node{c.Nodes[0], c.Nodes[2]} {
			group.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					if err := n.raise(node.HTTP); err != nil && !strings.Contains(err.Error(), "not-applied") {
						t.Errorf("counter %d: %v", i, err)
						return
					}
				}
			})
		}
	}
	time.Sleep(500 * time.Millisecond)
	if err := victim.Kill(); err != nil {
		t.Error(err)
	}
	before := make([]int64, len(counters))
	for i, n := range counters {
		before[i] = n.applied.Load()
	}
	eventually(t, func() error {
		for i, n := range counters {
			if n.applied.Load() < before[i]+20 {
				return fmt.Errorf("counter %d stands still after the loss of its leader", i)
			}
		}
		return nil
	})
	close(done)
	group.Wait()
	unknowns := int64(0)
	for _, n := range counters {
		applied, unknown := n.applied.Load(), n.unknowns.Load()
		unknowns += unknown
		if got := n.value(t, c.Nodes[0].HTTP); got < applied || got > applied+unknown {
			t.Errorf("%s is %d after %d writes, and %d of unknown outcome", n.path, got, applied, unknown)
		}
	}
	t.Logf("%d writes of unknown outcome", unknowns)
}

// TestHTTPThroughAPlannedStop stops a node with SIGTERM while clients count through all of them. Those of the others
// notice nothing, and those of the stopping one are told what became of their last write, or lose the connection.
func TestHTTPThroughAPlannedStop(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	stopping := c.Nodes[1]
	n := &counter{path: "/v1/kv/counter"}
	ask(t, 200, "PUT", c.Nodes[0].HTTP, n.path, []byte("0"))
	done := make(chan struct{})
	var group sync.WaitGroup
	for _, node := range c.Nodes {
		for range 2 {
			group.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					if err := n.raise(node.HTTP); err != nil {
						if node != stopping {
							t.Errorf("through node %d: %v", node.ID, err)
						}
						return
					}
				}
			})
		}
	}
	time.Sleep(300 * time.Millisecond)
	began := time.Now()
	if err := stopping.Terminate(); err != nil {
		t.Error(err)
	}
	t.Logf("stopped in %v", time.Since(began).Round(time.Millisecond))
	before := n.applied.Load()
	eventually(t, func() error {
		if n.applied.Load() < before+20 {
			return errors.New("nothing is counted after the stop")
		}
		return nil
	})
	close(done)
	group.Wait()
	applied, unknown := n.applied.Load(), n.unknowns.Load()
	t.Logf("%d applied, %d of unknown outcome", applied, unknown)
	if got := n.value(t, c.Nodes[2].HTTP); got < applied || got > applied+unknown {
		t.Errorf("the counter is %d after %d writes, and %d of unknown outcome", got, applied, unknown)
	}
	if unknown > 2 { // of the stopping node's two clients, whose connections may break
		t.Errorf("%d outcomes are unknown", unknown)
	}
}

// leaderOf asks a node who leads the shard of a key.
func leaderOf(t *testing.T, node *localcluster.Node, key string) int {
	t.Helper()
	v := view(t, node)
	s := slot.Of([]byte(key))
	for _, shard := range v.Shards {
		if shard.Slots != nil && shard.Slots.Contains(s) {
			return int(shard.Leader)
		}
	}
	t.Fatalf("no shard has slot %d", s)
	return 0
}

// listingLine is any line of a listing.
type listingLine struct {
	Key, Value             *string
	KeyBase64, ValueBase64 []byte
	Revision               string
	End                    *bool
	Next                   string
	Error                  json.RawMessage
}

// readListing reads a listing from target on, piece by piece where it has limits. Every record must come once.
func readListing(t *testing.T, address, target string) (records map[string]string, pieces int) {
	t.Helper()
	records = map[string]string{}
	for target != "" {
		pieces++
		response, err := httpClient.Get("http://" + address + target)
		if err != nil {
			t.Fatal(err)
		}
		lines := json.NewDecoder(response.Body)
		for {
			var l listingLine
			if err := lines.Decode(&l); err != nil {
				t.Fatalf("GET %s: %d, %v", target, response.StatusCode, err)
			}
			if l.End != nil {
				if l.Error != nil || *l.End == (l.Next != "") {
					t.Fatalf("GET %s ends with %+v, %s", target, l, l.Error)
				}
				target = l.Next
				break
			}
			key, value := string(l.KeyBase64), string(l.ValueBase64)
			if l.Key != nil {
				key = *l.Key
			}
			if l.Value != nil {
				value = *l.Value
			}
			if _, twice := records[key]; twice {
				t.Fatalf("%q is listed twice", key)
			}
			records[key] = value + "@" + l.Revision
		}
		_ = response.Body.Close()
	}
	return records, pieces
}

// TestHTTPListing lists what was written, through every node, while other keys come and go.
func TestHTTPListing(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	written := map[string]string{}
	prefixes := []string{"stay:text:", "stay:bin\xff:", "stay:{tag}:", "stay:é\n:"}
	for i := range 600 {
		key := prefixes[i%len(prefixes)] + strconv.Itoa(rng.IntN(1_000_000))
		value := make([]byte, rng.IntN(2000))
		for j := range value {
			value[j] = byte(rng.IntN(256))
		}
		if i%3 == 0 {
			value = []byte("text " + strconv.Itoa(i))
		}
		put := ask(t, 200, "PUT", c.Nodes[i%len(c.Nodes)].HTTP, keyPath(key), value)
		written[key] = string(value) + "@" + strings.Trim(put.tag, `"`)
	}
	for i := range 3 { // each fills pages of its own
		put := ask(t, 200, "PUT", c.Nodes[0].HTTP, keyPath("stay:large"+strconv.Itoa(i)), bytes.Repeat([]byte{byte(i)}, 2<<20))
		written["stay:large"+strconv.Itoa(i)] = strings.Repeat(string(byte(i)), 2<<20) + "@" + strings.Trim(put.tag, `"`)
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			_, _ = httpDo("PUT", c.Nodes[i%3].HTTP, fmt.Sprintf("/v1/kv/come%d", i%500), []byte("x"))
			_, _ = httpDo("DELETE", c.Nodes[i%3].HTTP, fmt.Sprintf("/v1/kv/come%d", (i+250)%500), nil)
		}
	})
	for i, n := range c.Nodes {
		for _, prefix := range append(prefixes, "stay:", "", "nobody", "stay:large") {
			target := "/v1/kv?prefix=" + url.QueryEscape(prefix)
			if i == 1 {
				target += "&limit=61"
			}
			began := time.Now()
			got, pieces := readListing(t, n.HTTP, target)
			t.Logf("prefix %q through node %d: %d records in %v, in %d pieces", prefix, n.ID, len(got), time.Since(began).Round(time.Millisecond), pieces)
			stable := 0
			for key, value := range written {
				if !strings.HasPrefix(key, prefix) {
					continue
				}
				stable++
				if got[key] != value {
					t.Fatalf("prefix %q through node %d: %q is %.60q, want %.60q", prefix, n.ID, key, got[key], value)
				}
			}
			for key := range got {
				if _, known := written[key]; !known && (prefix != "" || !strings.HasPrefix(key, "come")) {
					t.Fatalf("prefix %q through node %d: %q was never written", prefix, n.ID, key)
				}
			}
			if prefix != "" && len(got) != stable {
				t.Errorf("prefix %q through node %d: %d records, want %d", prefix, n.ID, len(got), stable)
			}
		}
	}
	close(done)
	group.Wait()
}

// TestHTTPGarbage sends what no client should. Each answer says what is wrong, and the node lives on.
func TestHTTPGarbage(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	address := c.Nodes[0].HTTP
	large := make([]byte, 9<<20)
	for name, r := range map[string]struct {
		status         int
		method, target string
		code           string
		body           []byte
		headers        []string
	}{
		"no key":                {400, "PUT", "/v1/kv/", "invalid", nil, nil},
		"a key too long":        {413, "GET", "/v1/kv/" + strings.Repeat("%61", katakv.MaxKeyBytes+1), "too-large", nil, nil},
		"parameters of a key":   {400, "PUT", "/v1/kv/k?ttl=5", "invalid", nil, nil},
		"a method":              {405, "POST", "/v1/kv/k", "method", nil, nil},
		"a method of a listing": {405, "DELETE", "/v1/kv", "method", nil, nil},
		"no revision":           {400, "PUT", "/v1/kv/k", "invalid", nil, []string{"If-Match", `"x"`}},
		"two conditions":        {400, "PUT", "/v1/kv/k", "invalid", nil, []string{"If-Match", "*", "If-None-Match", "*"}},
		"a limit":               {400, "GET", "/v1/kv?limit=many", "invalid", nil, nil},
		"a parameter":           {400, "GET", "/v1/kv?page=2", "invalid", nil, nil},
		"compressed":            {501, "PUT", "/v1/kv/k", "unsupported", nil, []string{"Content-Encoding", "gzip"}},
		"nowhere":               {404, "GET", "/v2/kv/k", "not-found", nil, nil},
		"too large a value":     {413, "PUT", "/v1/kv/k", "too-large", large, nil},
	} {
		a, err := httpDo(r.method, address, r.target, r.body, r.headers...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if code, outcome := a.problem(); a.status != r.status || code != r.code || outcome != "not-applied" {
			t.Errorf("%s: got %d %q, want %d and %q", name, a.status, a.body, r.status, r.code)
		}
	}
	for request, want := range map[string]string{
		"GET /v1/kv/%zz HTTP/1.1\r\nHost: x\r\n\r\n":                                                                           "400",
		"PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n":                                                       "400",
		"PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9437184\r\nExpect: 100-continue\r\n\r\n":                          "413",
		"PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n":                                   "400",
		"GET /v1/kv/" + strings.Repeat("x", 600<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n":                                          "431",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 is how TLS begins\r\n\r\n":                                               "400",
		"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n":                                                                            "400",
		"GET http://elsewhere/v1/kv/none HTTP/1.1\r\nHost: elsewhere\r\n\r\n":                                                  "404",
		"DELETE /v1/kv/../../v1/kv/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbody of a DELETE": "404",
	} {
		if got := rawStatus(t, address, request); got != want {
			t.Errorf("%.60q: got status %q, want %s", request, got, want)
		}
	}
	ask(t, 404, "GET", address, "/v1/kv/k", nil)
	ask(t, 200, "GET", address, "/healthz", nil)
}

// rawStatus sends bytes and returns the status of the answer, without waiting for more of it.
func rawStatus(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, request) // it may be refused before its end
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	_, status, _ := strings.Cut(line, " ")
	return status[:min(3, len(status))]
}

// TestHTTPEndlessBody sends a body without an end, and says so by chunks. It is refused at the limit, and the node's
// memory does not grow with it.
func TestHTTPEndlessBody(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	node := c.Nodes[0]
	before := peakMemory(t, node.PID())
	conn, err := net.Dial("tcp", node.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	chunk := append([]byte("100000\r\n"), make([]byte, 1<<20+2)...)
	copy(chunk[len(chunk)-2:], "\r\n")
	sent := 0
	for ; sent < 1<<30; sent += 1 << 20 {
		if _, err := conn.Write(chunk); err != nil {
			break
		}
	}
	if sent > 64<<20 {
		t.Errorf("%d MiB of an endless body were taken", sent>>20)
	}
	grown := peakMemory(t, node.PID()) - before
	t.Logf("%d MiB were taken, and memory grew by %d MiB at most", sent>>20, grown>>20)
	if grown > 64<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	ask(t, 404, "GET", node.HTTP, "/v1/kv/k", nil)
}

// peakMemory returns the most bytes that a process ever had in memory.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

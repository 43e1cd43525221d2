package e2e

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/localcluster"
)

// TestHTTPLevels: what one client wrote, others see through every node at once, by its token or at level strong. Tokens
// of HTTP and of the Redis ports are the same.
func TestHTTPLevels(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	token, elsewhere := "", map[string]bool{}
	for i := range 60 {
		value := fmt.Sprint("value ", i)
		headers := []string{}
		if token != "" {
			headers = append(headers, "Kata-Session", token)
		}
		token = ask(t, 200, "PUT", c.Nodes[i%3].HTTP, keyPath(key(i)), []byte(value), headers...).header.Get("Kata-Session")
		for _, n := range c.Nodes {
			for _, level := range []string{"strong", "strong replica", "session"} {
				target := keyPath(key(i)) + "?consistency=" + url.QueryEscape(level)
				got := ask(t, 200, "GET", n.HTTP, target, nil, "Kata-Session", token)
				if string(got.body) != value {
					t.Fatalf("node %d at %s: GET %s is %q, want %q", n.ID, level, key(i), got.body, value)
				}
				if got.header.Get("Kata-Node") == strconv.Itoa(n.ID) {
					elsewhere[level+" at "+got.header.Get("Kata-Level")] = true
				}
			}
			// Listings too.
			target := "/v1/kv?consistency=session&limit=1&prefix=" + url.QueryEscape(key(i))
			got := ask(t, 200, "GET", n.HTTP, target, nil, "Kata-Session", token)
			if !strings.Contains(string(got.body), value) || !strings.Contains(string(got.body), `"session":"`) {
				t.Fatalf("node %d: a listing at level session holds %s, want %q", n.ID, got.body, value)
			}
		}
	}
	if !elsewhere["session at session"] || !elsewhere["strong replica at strong"] {
		t.Errorf("replicas answered themselves only so: %v", elsewhere)
	}
	conn := dialAt(t, c.Nodes[2].Plain, token, "SESSION")
	for i := range 60 {
		if got := do(t, conn, "GET", key(i)).Text(); got != fmt.Sprint("value ", i) {
			t.Errorf("by a token of HTTP over the Redis port: GET %s is %q", key(i), got)
		}
	}
	do(t, conn, "SET", key(0), "by Redis")
	token = do(t, conn, "KATA", "SESSION").Text()
	for _, n := range c.Nodes {
		got := ask(t, 200, "GET", n.HTTP, keyPath(key(0)), nil, "Kata-Session", token, "Kata-Consistency", "session")
		if string(got.body) != "by Redis" {
			t.Errorf("by a token of the Redis port at node %d: got %q", n.ID, got.body)
		}
	}
}

// TestHTTPRetriesThroughKilledNodes retries every write with its id until it is answered, while nodes are killed. Each
// creates its key, so a write that happened twice would be refused the second time.
func TestHTTPRetriesThroughKilledNodes(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 3 {
			victim := c.Nodes[i]
			time.Sleep(time.Second)
			if err := victim.Kill(); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			if err := errors.Join(victim.Start(), victim.WaitReady(t.Context())); err != nil {
				t.Error(err)
			}
		}
	}()
	attempts, requests := 0, 0
	for killing := true; killing; requests++ {
		select {
		case <-done:
			killing = false
		default:
		}
		path, id := keyPath(fmt.Sprint("once:", requests)), fmt.Sprint("id ", requests)
		eventually(t, func() error {
			attempts++
			a, err := httpDo("PUT", c.Nodes[attempts%3].HTTP, path, []byte(id), "Idempotency-Key", id, "If-None-Match", "*")
			switch {
			case err != nil:
				return err
			case a.status == 503 || a.status == 504:
				return fmt.Errorf("PUT: %d %s", a.status, a.body)
			case a.status != 200:
				t.Errorf("PUT %s: got %d %s", path, a.status, a.body)
			}
			return nil
		})
	}
	t.Logf("%d requests took %d attempts", requests, attempts)
	for i := range requests {
		if got := ask(t, 200, "GET", c.Nodes[i%3].HTTP, keyPath(fmt.Sprint("once:", i)), nil); string(got.body) != fmt.Sprint("id ", i) {
			t.Errorf("request %d wrote %q", i, got.body)
		}
	}
	a := ask(t, 422, "PUT", c.Nodes[0].HTTP, keyPath("once:0"), []byte("other"), "Idempotency-Key", "id 0")
	if code, outcome := a.problem(); code != "reused" || outcome != "not-applied" {
		t.Errorf("another value under an id: got %s", a.body)
	}
}

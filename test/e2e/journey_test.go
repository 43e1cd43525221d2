package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/localcluster"
)

// TestJourney follows commands through every node of a real cluster, on the command line and over HTTP.
func TestJourney(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	trace := filepath.Join(t.TempDir(), "trace.json")
	writer := dial(t, c.Nodes[0].Plain)
	do(t, writer, "SET", "k", "v")
	forwarded := 0
	for _, n := range c.Nodes {
		put := runKatakv(t, "put", "k", "v", "--addr", n.Plain, "--journey", "--otlp", trace)
		wantTold(t, "put", put.stderr, "received from the client", "proposed as entry", " disk", " disk", "quorum: entry", "applied", "answered")
		if put.code != 0 || put.stdout != "OK\n" {
			t.Errorf("put: got %d, %q", put.code, put.stdout)
		}
		if strings.Contains(put.stderr, "forwarded to") {
			forwarded++
			wantTold(t, "put", put.stderr, "received the forward", "has the answer of", "~ told by another node")
		}
		wantTrace(t, trace, "SET")
		token := "--session=" + do(t, writer, "KATA", "SESSION").Text()
		for _, level := range []string{"--consistency=strong", "--consistency=strong replica", token} {
			get := runKatakv(t, "get", "k", "--addr", n.Plain, "--journey", level)
			if get.code != 0 || get.stdout != "v" {
				t.Errorf("get %s: got %d, %q", level, get.code, get.stdout)
			}
			wantTold(t, level, get.stderr, "received from the client", "read from the state", "answered")
		}
		for _, level := range []string{"--consistency=eventual", "--consistency=bounded 1h"} { // it may not know of k yet
			get := runKatakv(t, "get", "k", "--addr", n.Plain, "--journey", level)
			wantTold(t, level, get.stderr, "received from the client", "read from the state", "answered")
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+n.HTTP+"/v1/kv/k", strings.NewReader("v"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Kata-Journey", "1")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		wantTold(t, "PUT", strings.Join(answer.Header.Values("Kata-Journey"), "\n"), "received;at-us=0;", "durable;", "quorum;", "answered;")
	}
	if forwarded != len(c.Nodes)-1 {
		t.Errorf("%d of %d nodes forwarded", forwarded, len(c.Nodes))
	}
	wrong := runKatakv(t, "incr", "k", "--addr", c.Nodes[0].Plain, "--journey")
	wantTold(t, "incr of a text", wrong.stderr, "applied", "not an integer")
	if wrong.code == 0 {
		t.Error("incr of a text succeeded")
	}
}

func wantTold(t *testing.T, what, told string, words ...string) {
	t.Helper()
	at := 0
	for _, w := range words {
		next := strings.Index(told[at:], w)
		if next < 0 {
			t.Errorf("%s: no %q, in this order, in\n%s", what, w, told)
			return
		}
		at += next
	}
}

// wantTrace checks that a file holds a trace whose first span has a name.
func wantTrace(t *testing.T, path, name string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var trace struct {
		ResourceSpans []struct {
			ScopeSpans []struct{ Spans []struct{ Name string } }
		}
	}
	if err := json.Unmarshal(data, &trace); err != nil || len(trace.ResourceSpans) == 0 || trace.ResourceSpans[0].ScopeSpans[0].Spans[0].Name != name {
		t.Errorf("%v: got %s", err, data)
	}
}

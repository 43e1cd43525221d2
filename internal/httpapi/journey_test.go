package httpapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/httpapi"
	"github.com/katakv/katakv/internal/journey"
)

func TestJourney(t *testing.T) {
	d := open(t, httpapi.Config{})
	d.node.steps = append(d.node.steps, journey.Step{
		Kind: journey.Durable, Role: journey.Leader, At: 7 * time.Microsecond, Margin: 1100 * time.Nanosecond, Node: 2, Shard: 4, Peer: 3,
	})
	want := []string{"received;at-us=0;node=1;role=router", "durable;at-us=7;margin-us=2;node=2;role=leader;shard=4;peer=3"}
	for _, method := range []string{"PUT", "GET", "HEAD", "DELETE"} {
		a := d.ask(method, "/v1/kv/k", "v", "Kata-Journey", "1")
		if got := a.header.Values("Kata-Journey"); a.status >= 300 || !slices.Equal(got, want) {
			t.Errorf("%s: got %d, %q, want %q", method, a.status, got, want)
		}
		if got := d.ask(method, "/v1/kv/k", "v").header.Values("Kata-Journey"); len(got) > 0 {
			t.Errorf("%s: nobody asked for %q", method, got)
		}
	}
}

// TestJourneyIsBounded: a client's parser of headers is not to choke on a long story.
func TestJourneyIsBounded(t *testing.T) {
	d := open(t, httpapi.Config{})
	d.node.steps = slices.Repeat([]journey.Step{{Kind: journey.Proposed, Node: 1 << 62, Peer: 1 << 62, Term: 1 << 62, Index: 1 << 62}}, 200)
	lines := d.ask("GET", "/v1/kv/k", "", "Kata-Journey", "1").header.Values("Kata-Journey")
	last := lines[len(lines)-1]
	if size := len(strings.Join(lines, "")); size > 4<<10+30 || !strings.HasPrefix(last, "dropped;steps=") || len(lines) < 20 {
		t.Errorf("%d lines of %d bytes, at the end %q", len(lines), size, last)
	}
}

func TestJourneysThatAreRefused(t *testing.T) {
	d := open(t, httpapi.Config{})
	for target, headers := range map[string][]string{
		"/v1/kv/a": {"Kata-Journey", "yes"},
		"/v1/kv/b": {"Kata-Journey", "1", "Kata-Journey", "1"},
		"/v1/kv/c": {"Kata-Journey", ""},
		"/v1/kv":   {"Kata-Journey", "1"},
	} {
		d.ask("GET", target, "", headers...).want(t, target, 400, "Kata-Journey")
	}
}

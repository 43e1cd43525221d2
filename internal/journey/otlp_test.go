package journey_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/journey"
)

// The schema of OTLP in JSON, as https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and the .proto files of
// opentelemetry-proto 1.x say it: field names in lowerCamelCase, ids in hex, numbers of 64 bits as text, enumerations as
// numbers. Unknown fields are refused here, though receivers ignore them.
type (
	schemaRequest struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []schemaAttribute }
			ScopeSpans []struct {
				Scope struct{ Name, Version string }
				Spans []schemaSpan
			}
		}
	}
	schemaSpan struct {
		TraceID           string `json:"traceId"`
		SpanID            string `json:"spanId"`
		ParentSpanID      string `json:"parentSpanId"`
		Name              string
		Kind              int
		StartTimeUnixNano string
		EndTimeUnixNano   string
		Attributes        []schemaAttribute
		Events            []struct {
			TimeUnixNano string
			Name         string
			Attributes   []schemaAttribute
		}
	}
	schemaAttribute struct {
		Key   string
		Value map[string]any
	}
)

// nodeSpan is a span with the node that it is of.
type nodeSpan struct {
	schemaSpan
	node string
}

// parseTrace reads a trace as a collector would, and refuses what the schema does not have.
func parseTrace(t *testing.T, encoded []byte) []nodeSpan {
	t.Helper()
	for _, name := range regexp.MustCompile(`"(\w+)":`).FindAllSubmatch(encoded, -1) {
		if c := name[1][0]; c < 'a' || c > 'z' {
			t.Errorf("field %q is not in lowerCamelCase", name[1])
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	var request schemaRequest
	if err := decoder.Decode(&request); err != nil {
		t.Fatal(err)
	}
	var spans []nodeSpan
	for _, r := range request.ResourceSpans {
		about := map[string]any{}
		for _, a := range r.Resource.Attributes {
			about[a.Key] = a.Value["stringValue"]
		}
		if about["service.name"] != "katakv" || len(r.ScopeSpans) != 1 || r.ScopeSpans[0].Scope.Name == "" {
			t.Errorf("resource %v, %d scopes", about, len(r.ScopeSpans))
		}
		for _, s := range r.ScopeSpans[0].Spans {
			checkSpan(t, &s)
			spans = append(spans, nodeSpan{s, fmt.Sprint(about["service.instance.id"])})
		}
	}
	return spans
}

func checkSpan(t *testing.T, s *schemaSpan) {
	t.Helper()
	hexID := regexp.MustCompile(`^[0-9a-f]+$`)
	if len(s.TraceID) != 32 || len(s.SpanID) != 16 || !hexID.MatchString(s.TraceID+s.SpanID) || strings.Trim(s.SpanID, "0") == "" ||
		s.Name == "" || s.Kind < 1 || s.Kind > 5 || unixNano(t, s.StartTimeUnixNano) > unixNano(t, s.EndTimeUnixNano) {
		t.Errorf("span %+v", s)
	}
	attributes := slices.Clone(s.Attributes)
	for _, e := range s.Events {
		if at := unixNano(t, e.TimeUnixNano); e.Name == "" || at < unixNano(t, s.StartTimeUnixNano) {
			t.Errorf("event %+v", e)
		}
		attributes = append(attributes, e.Attributes...)
	}
	for _, a := range attributes {
		_, text := a.Value["stringValue"].(string)
		number, isNumber := a.Value["intValue"].(string)
		_, truth := a.Value["boolValue"].(bool)
		if a.Key == "" || len(a.Value) != 1 || !text && !isNumber && !truth || isNumber && unixNano(t, number) < 0 {
			t.Errorf("attribute %+v", a)
		}
	}
}

// unixNano reads a number of 64 bits.
func unixNano(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Error(err)
	}
	return n
}

// write is a write through n1 on a shard that n2 leads. Nobody waited for n1's replica.
func write() journey.Report {
	us := time.Microsecond
	steps := []journey.Step{
		{Kind: journey.Received, Node: 1},
		{Kind: journey.Routed, At: 4 * us, Node: 1, Shard: 40, Peer: 2},
		{Kind: journey.Forwarded, At: 9 * us, Node: 1, Shard: 40, Peer: 2},
		{Kind: journey.Received, At: 100 * us, Node: 2, Shard: 40, Peer: 1},
		{Kind: journey.Queued, At: 101 * us, Node: 2, Shard: 40},
		{Kind: journey.Taken, At: 120 * us, Node: 2},
		{Kind: journey.Proposed, At: 120 * us, Node: 2, Term: 3, Index: 17},
		{Kind: journey.Sent, At: 120 * us, Node: 2, Peer: 1},
		{Kind: journey.Sent, At: 120 * us, Node: 2, Peer: 3},
		{Kind: journey.Durable, At: 900 * us, Node: 2, Peer: 2},
		{Kind: journey.Durable, At: 1000 * us, Node: 2, Peer: 3},
		{Kind: journey.Quorum, At: 1000 * us, Node: 2, Index: 17},
		{Kind: journey.Applied, At: 1000 * us, Node: 2, Index: 17},
		{Kind: journey.Answered, At: 1100 * us, Node: 2, Shard: 40, Peer: 1},
		{Kind: journey.Heard, At: 1200 * us, Node: 1, Shard: 40, Peer: 2},
		{Kind: journey.Answered, At: 1210 * us, Node: 1},
	}
	for i := range steps {
		if steps[i].Node == 2 {
			steps[i].Shard, steps[i].Margin, steps[i].Role = 40, 50*us, journey.Leader
		}
	}
	return journey.Report{Steps: steps}
}

const traceStart = 1_700_000_000_000_000_000

func traceOf(r journey.Report) []byte {
	id := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	return journey.OTLP(journey.Trace{ID: id, Start: traceStart, Name: "SET", Version: "v1"}, r)
}

func TestSpansOfAWrite(t *testing.T) {
	spans := parseTrace(t, traceOf(write()))
	name := map[string]string{"": "-"}
	for _, s := range spans {
		if name[s.SpanID] != "" {
			t.Errorf("two spans have the id %s", s.SpanID)
		}
		name[s.SpanID] = s.Name
	}
	var got []string
	for _, s := range spans {
		start, end := unixNano(t, s.StartTimeUnixNano)-traceStart, unixNano(t, s.EndTimeUnixNano)-traceStart
		got = append(got, fmt.Sprintf("%s %s<%s %d-%d %d", s.node, s.Name, name[s.ParentSpanID], start/1000, end/1000, len(s.Events)))
	}
	want := []string{
		"n1 SET<- 0-1210 5",
		"n1 forward<SET 9-1200 0",
		"n2 serve<forward 100-1100 11",
		"n2 wait for the core<serve 101-120 0",
		"n2 replicate<serve 120-1000 0",
		"n2 sync the log<serve 120-900 0",
		"n2 append<serve 120-1100 0", // to n1, until the answer
		"n2 append<serve 120-1000 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	unfinished := 0
	for _, s := range spans {
		for _, a := range s.Attributes {
			if a.Key == "katakv.unfinished" {
				unfinished++
			}
		}
	}
	if unfinished != 1 {
		t.Errorf("%d spans are unfinished", unfinished)
	}
}

// TestSpansOfEverything: whatever the steps are, and in whatever order, the trace is one of the schema: one root, and every
// span within its parent.
func TestSpansOfEverything(t *testing.T) {
	for seed := range 300 {
		r := journey.Report{}
		for i := range 40 {
			s := journey.Step{
				Kind: journey.Kind(1 + (seed*7+i*i*5+i)%45), At: time.Duration(i) * time.Microsecond,
				Node: 1, Shard: 3, Peer: 2, Index: 1 << 62,
			}
			if s.Kind.Valid() {
				r.Steps = append(r.Steps, s)
			}
		}
		first, last := journey.Step{Kind: journey.Received, Node: 1}, journey.Step{Kind: journey.Answered, Node: 1, At: time.Second}
		r.Steps = append([]journey.Step{first}, append(r.Steps, last)...)
		spans := parseTrace(t, traceOf(r))
		byID := map[string]nodeSpan{}
		for _, s := range spans {
			byID[s.SpanID] = s
		}
		for i, s := range spans {
			p, ok := byID[s.ParentSpanID]
			if ok != (i > 0) || i > 0 && (s.StartTimeUnixNano < p.StartTimeUnixNano || s.EndTimeUnixNano > p.EndTimeUnixNano) {
				t.Fatalf("seed %d: span %d %s of %s in %s", seed, i, s.Name, s.StartTimeUnixNano, p.Name)
			}
		}
	}
	if got := string(traceOf(journey.Report{})); got != `{"resourceSpans":[]}` {
		t.Errorf("of nothing: %s", got)
	}
}

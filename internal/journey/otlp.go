package journey

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// Trace names a journey for a tracing system.
type Trace struct {
	// ID is random and not zero.
	ID [16]byte
	// Start is when the request was received, by the wall clock of who asks, in nanoseconds since 1970.
	Start int64
	// Name is that of the whole: the command.
	Name string
	// Version is KataKV's own.
	Version string
}

// scopeName is who made the spans.
const scopeName = "github.com/katakv/katakv/internal/journey"

// OTLP encodes a report as a trace: an ExportTraceServiceRequest of OTLP in its JSON form, which collectors take over
// HTTP at /v1/traces and from files. Each node is a resource; what has a beginning and an end is a span, and all steps are
// events of the span of their node.
//
// See https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are in hex, times and other numbers of 64 bits
// are text, kinds are numbers.
func OTLP(t Trace, r Report) []byte {
	spans := spansOf(r)
	request := otlpRequest{ResourceSpans: []otlpResourceSpans{}}
	for _, node := range nodesOf(spans) {
		scope := otlpScopeSpans{Scope: otlpScope{Name: scopeName, Version: t.Version}}
		for i := range spans {
			if spans[i].node == node {
				scope.Spans = append(scope.Spans, t.span(spans, i))
			}
		}
		request.ResourceSpans = append(request.ResourceSpans, otlpResourceSpans{
			Resource: otlpResource{Attributes: []otlpAttribute{
				textAttribute("service.name", "katakv"), textAttribute("service.instance.id", node.String()),
			}},
			ScopeSpans: []otlpScopeSpans{scope},
		})
	}
	encoded, err := json.Marshal(request)
	invariant.NoError(err, "encode a trace") // plain text and numbers
	return encoded
}

func nodesOf(spans []span) []katakv.NodeID {
	var nodes []katakv.NodeID
	for i := range spans {
		if !slices.Contains(nodes, spans[i].node) {
			nodes = append(nodes, spans[i].node)
		}
	}
	return nodes
}

func (t *Trace) span(spans []span, i int) otlpSpan {
	sp := &spans[i]
	out := otlpSpan{
		TraceID: hex.EncodeToString(t.ID[:]), SpanID: t.spanID(i), Name: sp.name, Kind: sp.kind,
		Start: t.time(sp.start), End: t.time(sp.end), Attributes: attributesOf(sp.first),
	}
	if sp.parent >= 0 {
		out.ParentSpanID = t.spanID(sp.parent)
	} else {
		out.Name = t.Name
	}
	if sp.unfinished {
		out.Attributes = append(out.Attributes, otlpAttribute{Key: "katakv.unfinished", Value: otlpValue{Bool: true}})
	}
	for _, s := range sp.events {
		out.Events = append(out.Events, otlpEvent{Time: t.time(s.At), Name: s.Kind.String(), Attributes: attributesOf(s)})
	}
	return out
}

// spanID counts from the trace's own number on, so that no two of a trace are the same; it is never zero.
func (t *Trace) spanID(i int) string {
	n := binary.BigEndian.Uint64(t.ID[8:])>>16<<16 | uint64(i+1)
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, n))
}

func (t *Trace) time(at time.Duration) string { return strconv.FormatInt(t.Start+int64(at), 10) }

// attributesOf returns what a step says, but for its time and its kind.
func attributesOf(s *Step) []otlpAttribute {
	var out []otlpAttribute
	for _, f := range s.Fields(nil) {
		switch {
		case f.Name == fieldAt, f.Name == FieldStep:
		case f.Word != "":
			out = append(out, textAttribute("katakv."+f.Name, f.Word))
		default:
			out = append(out, otlpAttribute{Key: "katakv." + f.Name, Value: otlpValue{Int: strconv.FormatInt(f.Number, 10)}})
		}
	}
	return out
}

func textAttribute(key, text string) otlpAttribute {
	return otlpAttribute{Key: key, Value: otlpValue{String: text}}
}

// The messages of OTLP, as far as they are used.
type (
	otlpRequest struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeSpans struct {
		Scope otlpScope  `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpScope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	otlpSpan struct {
		TraceID      string          `json:"traceId"`
		SpanID       string          `json:"spanId"`
		ParentSpanID string          `json:"parentSpanId,omitempty"`
		Name         string          `json:"name"`
		Kind         spanKind        `json:"kind"`
		Start        string          `json:"startTimeUnixNano"`
		End          string          `json:"endTimeUnixNano"`
		Attributes   []otlpAttribute `json:"attributes,omitempty"`
		Events       []otlpEvent     `json:"events,omitempty"`
	}
	otlpEvent struct {
		Time       string          `json:"timeUnixNano"`
		Name       string          `json:"name"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	// otlpValue has one field set.
	otlpValue struct {
		String string `json:"stringValue,omitempty"`
		Int    string `json:"intValue,omitempty"`
		Bool   bool   `json:"boolValue,omitempty"`
	}
)

package journey

import (
	"slices"
	"time"

	"github.com/katakv/katakv"
)

// span is a stretch of a journey: from a step that begins something to the one that ends it.
type span struct {
	name       string
	kind       spanKind
	node       katakv.NodeID
	parent     int // its position, or -1 for the whole journey
	first      *Step
	start, end time.Duration
	// unfinished is set when nothing ended it before the answer, as with a replica that nobody waited for.
	unfinished bool
	// events are the steps of its node, for spans that stand for a whole node's part.
	events []*Step
}

// spanKind is OpenTelemetry's number for it.
type spanKind int

const (
	spanInternal spanKind = 1
	spanServer   spanKind = 2
	spanClient   spanKind = 3
)

// stretch says which step begins a span and which of the same node and shard end it.
type stretch struct {
	name  string
	kind  spanKind
	begin Kind
	end   []Kind
	// samePeer: both steps are about the same other node. own: and that is the node itself.
	samePeer, own bool
}

// stretches are all kinds of span; a step may begin several.
var stretches = []stretch{
	{name: "serve", kind: spanServer, begin: Received, end: []Kind{Answered}, samePeer: true},
	{name: "forward", kind: spanClient, begin: Forwarded, end: []Kind{Heard, Refused, Expired}},
	{name: "wait for a leader", kind: spanInternal, begin: Waiting, end: []Kind{Queued, Forwarded, Expired}},
	{name: "wait for the core", kind: spanInternal, begin: Queued, end: []Kind{Taken, Refused, Expired}},
	{name: "replicate", kind: spanInternal, begin: Proposed, end: []Kind{Quorum, Refused, Expired}},
	{name: "sync the log", kind: spanInternal, begin: Proposed, end: []Kind{Durable, Refused, Expired}, own: true},
	{name: "append", kind: spanClient, begin: Sent, end: []Kind{Durable}, samePeer: true},
	{name: "confirm the leadership", kind: spanInternal, begin: QuorumAsked, end: []Kind{Confirmed, Refused, Expired}},
	{name: "ask the leader", kind: spanClient, begin: LeaderAsked, end: []Kind{Told, TooSlow, Refused, Expired}},
	{name: "wait until applied", kind: spanInternal, begin: Behind, end: []Kind{Read, TooSlow, Refused, Expired}},
}

// spansOf divides a report into spans. The first is the whole journey, and each lies within its parent.
func spansOf(r Report) []span {
	var spans []span
	for i := range r.Steps {
		s := &r.Steps[i]
		for k := range stretches {
			if st := &stretches[k]; st.begin == s.Kind {
				spans = append(spans, st.open(r.Steps, i, spans))
			}
		}
		if at := holder(spans, s); at >= 0 {
			spans[at].events = append(spans[at].events, s)
		}
	}
	return spans
}

// open makes the span that step i begins.
func (st *stretch) open(steps []Step, i int, before []span) span {
	s := &steps[i]
	sp := span{
		name: st.name, kind: st.kind, node: s.Node, parent: holder(before, s), first: s, unfinished: true,
		start: s.At, end: steps[len(steps)-1].At,
	}
	if forward := forwardOf(before, s); s.Kind == Received && forward >= 0 {
		sp.parent = forward
	}
	for j := i + 1; j < len(steps); j++ {
		if st.endsWith(s, &steps[j]) {
			sp.end, sp.unfinished = steps[j].At, false
			break
		}
	}
	if sp.parent >= 0 {
		sp.end = min(sp.end, before[sp.parent].end)
	}
	return sp
}

// endsWith reports whether a later step ends the span that first begins.
func (st *stretch) endsWith(first, later *Step) bool {
	if later.Node != first.Node || later.Shard != first.Shard || !slices.Contains(st.end, later.Kind) {
		return false
	}
	switch {
	case st.own && later.Kind == Durable:
		return later.Peer == later.Node
	case st.samePeer:
		return later.Peer == first.Peer
	}
	return true
}

// holder returns the span that stands for the part of a step's node: the last one that is served there, for its shard or
// for all; else the whole journey. -1: that has not begun.
func holder(spans []span, s *Step) int {
	for i := len(spans) - 1; i >= 0; i-- {
		sp := &spans[i]
		if sp.kind == spanServer && sp.node == s.Node && (sp.first.Shard == s.Shard || sp.first.Shard == 0) && s.At <= sp.end {
			return i
		}
	}
	return min(0, len(spans)-1)
}

// forwardOf returns the forward with which a request came to another node; -1 if none did.
func forwardOf(spans []span, s *Step) int {
	for i := len(spans) - 1; i >= 0; i-- {
		sp := &spans[i]
		if sp.first.Kind == Forwarded && sp.first.Peer == s.Node && sp.first.Shard == s.Shard && s.At <= sp.end {
			return i
		}
	}
	return -1
}

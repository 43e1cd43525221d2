package journey_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv/internal/journey"
)

func TestTimeline(t *testing.T) {
	us := time.Microsecond
	got := journey.Timeline(journey.Report{Dropped: 2, Steps: []journey.Step{
		{Kind: journey.Received, Node: 1},
		{Kind: journey.Routed, At: 4 * us, Node: 1, Shard: 40, Peer: 2},
		{Kind: journey.Forwarded, At: 9 * us, Node: 1, Shard: 40, Peer: 2},
		{Kind: journey.Received, At: 150 * us, Margin: 81 * us, Node: 2, Shard: 40, Peer: 1},
		{Kind: journey.Proposed, Role: journey.Leader, At: 200 * us, Margin: 81 * us, Node: 2, Shard: 40, Term: 3, Index: 17},
		{Kind: journey.Sent, Role: journey.Leader, At: 200 * us, Margin: 81 * us, Node: 2, Shard: 40, Peer: 1},
		{Kind: journey.Sent, Role: journey.Leader, At: 200 * us, Margin: 81 * us, Node: 2, Shard: 40, Peer: 13},
		{Kind: journey.Durable, Role: journey.Leader, At: 1200 * us, Margin: 81 * us, Node: 2, Shard: 40, Peer: 13},
		{Kind: journey.Durable, Role: journey.Leader, At: 1200 * us, Margin: 81 * us, Node: 2, Shard: 40, Peer: 2},
		{Kind: journey.Heard, At: 12345 * us, Node: 1, Shard: 40, Peer: 13},
		{Kind: journey.Answered, At: 12345 * us, Node: 1},
	}})
	want := `     at ms       +ms   n1   n2   n13
     0.000             ●    │    │    router    received from the client
     0.004     0.004   ●    │    │    router    shard s40, led by n2
     0.009     0.005   ●───▶│    │    router    forwarded to n2
~    0.150     0.141   │    ●    │    router    received the forward
~    0.200     0.050   │    ●    │    leader    proposed as entry 17 of term 3
~    0.200             │◀───●    │    leader    sent to n1
~    0.200             │    ●───▶│    leader    sent to n13
~    1.200     1.000   │    ●◀───│    leader    on the disk of n13
~    1.200             │    ●    │    leader    on its own disk
    12.345    11.145   ●◀────────│    router    has the answer of n13
    12.345             ●    │    │    router    answered
~ told by another node, whose clock is not compared: right to within 0.081 ms
2 more steps are left out
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := journey.Timeline(journey.Report{}); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

package sim

import (
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/router"
)

func TestJourneysAreJudged(t *testing.T) {
	voters := map[katakv.ShardID][]katakv.ReplicaID{1: {7, 8, 9}}
	step := func(k journey.Kind, peer katakv.NodeID) journey.Step {
		return journey.Step{Kind: k, Shard: 1, Peer: peer, Index: 4, Term: 2}
	}
	begin, end := journey.Step{Kind: journey.Received}, journey.Step{Kind: journey.Answered}
	late := step(journey.Taken, 0)
	late.At = 5
	other := step(journey.Applied, 0)
	other.Index = 5
	proposed, own, peer := step(journey.Proposed, 0), step(journey.Durable, 1), step(journey.Durable, 2)
	quorum, applied := step(journey.Quorum, 0), step(journey.Applied, 0)
	for _, c := range []struct {
		name  string
		right bool
		steps []journey.Step
	}{
		{"a whole one", true, []journey.Step{begin, proposed, own, peer, quorum, applied, end}},
		{"without end", false, []journey.Step{begin, proposed, own, peer, quorum, applied}},
		{"back in time", false, []journey.Step{begin, late, proposed, own, peer, quorum, applied, end}},
		{"a quorum of one", false, []journey.Step{begin, proposed, own, own, quorum, applied, end}},
		{"a quorum of two attempts", false, []journey.Step{begin, proposed, own, proposed, peer, quorum, applied, end}},
		{"another entry", false, []journey.Step{begin, proposed, own, peer, other, end}},
		{"without cause", false, []journey.Step{begin, proposed, own, peer, end}},
	} {
		calls := []router.Call{{Reply: command.OKReply(), Served: katakv.Served{Shard: 1, Index: 4}}}
		if err := judgeJourney(journey.Report{Steps: c.steps}, voters, calls); (err == nil) != c.right {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

package journey_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/journey"
)

func steps(r journey.Report) (kinds []journey.Kind, at []time.Duration) {
	for _, s := range r.Steps {
		kinds, at = append(kinds, s.Kind), append(at, s.At)
	}
	return kinds, at
}

func wantReport(t *testing.T, r journey.Report, kinds []journey.Kind, at []time.Duration) {
	t.Helper()
	if k, a := steps(r); !reflect.DeepEqual(k, kinds) || !reflect.DeepEqual(a, at) {
		t.Errorf("got %v at %v; want %v at %v", k, a, kinds, at)
	}
}

// The core's clock counts from elsewhere, and the core knows the time after what happened.
func TestLegOfACore(t *testing.T) {
	j := journey.New()
	j.Begin(1000)
	j.Begin(1500) // too late
	j.NoteBeginning(journey.Step{Kind: journey.Received})
	j.Note(1010, journey.Step{Kind: journey.Queued})
	leg := j.Leg(1010)
	leg.Begin(77_000)
	leg.Note(journey.Step{Kind: journey.Taken})
	leg.Stamp(77_005)
	leg.Note(journey.Step{Kind: journey.Durable, Replica: 8})
	leg.Note(journey.Step{Kind: journey.Quorum})
	leg.Stamp(77_030)
	leg.Note(journey.Step{Kind: journey.Applied}) // never stamped
	leg.Join(1050, func(s *journey.Step) { s.Node, s.Peer = 3, katakv.NodeID(s.Replica)+1 })
	j.Note(1051, journey.Step{Kind: journey.Answered})
	r := j.Report()
	wantReport(t, r,
		[]journey.Kind{journey.Received, journey.Queued, journey.Taken, journey.Durable, journey.Quorum, journey.Applied, journey.Answered},
		[]time.Duration{0, 10, 15, 40, 40, 40, 51})
	if r.Steps[3].Node != 3 || r.Steps[3].Peer != 9 || r.Steps[3].Margin != 0 {
		t.Errorf("got %+v", r.Steps[3])
	}
}

// A core that says more time has passed than the router saw is not believed: a machine may have been suspended.
func TestLegEndsWhenItIsJoined(t *testing.T) {
	j := journey.New()
	j.Begin(100)
	leg := j.Leg(110)
	leg.Note(journey.Step{Kind: journey.Taken})
	leg.Stamp(5000) // where it begins, unless somebody said so
	leg.Note(journey.Step{Kind: journey.Read})
	leg.Stamp(9000)
	leg.Join(130, func(*journey.Step) {})
	wantReport(t, j.Report(), []journey.Kind{journey.Taken, journey.Read}, []time.Duration{10, 30})
}

func TestReportOfAnotherNodeIsPlacedInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		name   string
		took   time.Duration
		at     []time.Duration
		margin time.Duration
	}{
		{"half of the rest for each way", 40, []time.Duration{40, 60, 80}, 30},
		{"nothing was left for the network", 100, []time.Duration{10, 60, 110}, 0},
		{"its clock says that it took longer", 300, []time.Duration{10, 110, 110}, 100},
	} {
		j := journey.New()
		j.Begin(5000)
		leg := j.Leg(5010)
		leg.JoinReport(5110, journey.Report{Dropped: 2, Steps: []journey.Step{
			{Kind: journey.Received}, {Kind: journey.Taken, At: c.took / 2}, {Kind: journey.Answered, At: c.took},
		}})
		r := j.Report()
		if _, at := steps(r); !reflect.DeepEqual(at, c.at) || r.Steps[1].Margin != c.margin || r.Dropped != 2 {
			t.Errorf("%s: got %v ±%v, dropped %d; want %v ±%v", c.name, at, r.Steps[1].Margin, r.Dropped, c.at, c.margin)
		}
	}
}

// TestJourneyIsBounded: the end of the story is kept, and what is left out is counted.
func TestJourneyIsBounded(t *testing.T) {
	j := journey.New()
	for range 2 * journey.MaxSteps {
		j.Note(1, journey.Step{Kind: journey.Waiting})
	}
	leg := j.Leg(2)
	for range 2 * journey.MaxSteps {
		leg.Note(journey.Step{Kind: journey.Taken})
	}
	leg.Stamp(3)
	leg.Join(4, func(*journey.Step) {})
	j.Note(5, journey.Step{Kind: journey.Answered})
	r := j.Report()
	if n := len(r.Steps); n != journey.MaxSteps || r.Steps[n-1].Kind != journey.Answered || r.Dropped != 3*journey.MaxSteps+1 {
		t.Errorf("got %d steps and %d dropped", n, r.Dropped)
	}
}

func TestNobodyAsked(t *testing.T) {
	var j *journey.Journey
	leg := j.Leg(1)
	leg.Begin(1)
	leg.Note(journey.Step{Kind: journey.Taken})
	leg.Stamp(2)
	leg.Join(3, nil)
	leg.JoinReport(3, journey.Report{Steps: make([]journey.Step, 1)})
	j.Begin(1)
	j.Note(2, journey.Step{})
	j.NoteBeginning(journey.Step{})
	if leg != nil || leg.Journey() != nil || leg.Has(journey.Taken, 0) || leg.Last().Kind != 0 || j.Last().Kind != 0 || j.Report().Steps != nil {
		t.Error("something came of nothing")
	}
}

// TestFieldsSayEverything: whoever reads them has the step again, to the microsecond.
func TestFieldsSayEverything(t *testing.T) {
	for _, want := range []journey.Step{
		{Kind: journey.Received, Node: 1},
		{
			Kind: journey.Refused, Role: journey.Follower, At: 1200 * time.Microsecond, Margin: 9 * time.Microsecond, Node: 1, Shard: 2, Peer: 3,
			Term: 4, Index: 5, Code: katakv.CodeTryAgain,
		},
	} {
		var got journey.Step
		for _, f := range want.Fields(nil) {
			got.Set(f)
		}
		got.Set(journey.Field{Name: "weather", Word: "fair"})
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	margin := journey.Step{Margin: 1}
	if f := margin.Fields(nil)[1]; f.Name != "margin-us" || f.Number != 1 {
		t.Errorf("got %+v", f)
	}
}

// TestKinds: each has a name of its own, and words for people.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for k := journey.Kind(0); k < 255; k++ {
		if !k.Valid() {
			continue
		}
		s := journey.Step{Kind: k, Node: 1, Peer: 2, Index: 3}
		if name := k.String(); seen[name] || journey.ParseKind(name) != k || s.Text() == "" {
			t.Errorf("kind %d: name %q, text %q", k, name, s.Text())
		}
		seen[k.String()] = true
	}
	if len(seen) != 23 || journey.ParseKind("") != 0 || journey.ParseKind("nonsense") != 0 {
		t.Errorf("%d kinds", len(seen))
	}
	for r := journey.Router; r.Valid(); r++ {
		if journey.ParseRole(r.String()) != r {
			t.Errorf("role %v", r)
		}
	}
}

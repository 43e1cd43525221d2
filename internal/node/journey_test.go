package node_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/router"
)

// TestJourneys lets callers follow writes and reads through every node at once: cores tell of requests that routers give
// back to their callers at the same time.
func TestJourneys(t *testing.T) {
	c := newCluster(t)
	c.bootstrap()
	var all sync.WaitGroup
	for caller := range 6 {
		all.Go(func() {
			for i := range 40 {
				key := fmt.Sprintf("caller %d key %d", caller, i%5)
				op, read := set(key, "v"), katakv.Consistency{}
				if i%2 == 1 {
					op, read = get(key), katakv.Consistency{Level: katakv.LevelStrong, Replica: i%4 == 1}
				}
				story := journey.New()
				batch := router.Batch{Calls: []router.Call{{Operation: op}}, Read: read, Journey: story}
				c.nodes[(caller+i)%3].Run(context.Background(), batch)
				if err := batch.Calls[0].Reply.Err; err != nil {
					t.Error(err)
					return
				}
				wantWhole(t, op.Kind, story.Report().Steps)
			}
		})
	}
	all.Wait()
}

// wantWhole checks that a story has its beginning, its middle and its end, in order of time.
func wantWhole(t *testing.T, kind command.Kind, steps []journey.Step) {
	t.Helper()
	must := []journey.Kind{journey.Routed, journey.Queued, journey.Taken, journey.Read}
	if kind.Writes() {
		must = []journey.Kind{journey.Routed, journey.Queued, journey.Taken, journey.Proposed, journey.Durable, journey.Quorum, journey.Applied}
	}
	for _, k := range must {
		if !slices.ContainsFunc(steps, func(s journey.Step) bool { return s.Kind == k }) {
			t.Errorf("kind %d: no step %v in %+v", kind, k, steps)
		}
	}
	ordered := slices.IsSortedFunc(steps, func(a, b journey.Step) int { return int(a.At - b.At) })
	if first, last := steps[0], steps[len(steps)-1]; !ordered || first.Kind != journey.Received || last.Kind != journey.Answered {
		t.Errorf("the story has no beginning or no end: %+v", steps)
	}
	for _, s := range steps {
		if s.Node == 0 || s.Kind == journey.Durable && s.Peer == 0 {
			t.Errorf("nobody did %+v", s)
		}
	}
}

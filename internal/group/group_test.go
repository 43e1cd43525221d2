package group_test

import (
	"sync/atomic"
	"testing"

	"github.com/katakv/katakv/internal/group"
)

func TestStopWaitsForAll(t *testing.T) {
	g := group.New()
	var running, ended atomic.Int32
	for range 8 {
		started := g.Start(func() {
			running.Add(1)
			<-g.Stopped()
			ended.Add(1)
		})
		if !started {
			t.Fatal("a new group does not start goroutines")
		}
	}
	g.Stop()
	if running.Load() != 8 || ended.Load() != 8 {
		t.Errorf("%d ran and %d had ended when Stop returned, want 8 and 8", running.Load(), ended.Load())
	}
	g.Stop() // again
	if g.Start(func() { t.Error("ran in a group that had stopped") }) {
		t.Error("Start reports true after Stop")
	}
	g.Wait()
}

func TestSignalDoesNotWait(t *testing.T) {
	g := group.New()
	release := make(chan struct{})
	g.Start(func() { <-release })
	g.Signal()
	g.Signal() // again
	select {
	case <-g.Stopped():
	default:
		t.Error("Stopped is open after Signal")
	}
	if g.Start(func() { t.Error("ran in a group that was stopping") }) {
		t.Error("Start reports true after Signal")
	}
	close(release)
	g.Wait()
}

// TestStartRacesWithStop lets goroutines start others while the group stops: each of them either ran to its
// end before Stop returned, or was refused.
func TestStartRacesWithStop(t *testing.T) {
	for range 200 {
		g := group.New()
		var accepted, ended atomic.Int32
		for range 4 {
			g.Start(func() {
				for g.Start(func() { ended.Add(1) }) {
					accepted.Add(1)
				}
			})
		}
		g.Stop()
		if accepted.Load() != ended.Load() {
			t.Fatalf("%d were started, %d had ended when Stop returned", accepted.Load(), ended.Load())
		}
	}
}

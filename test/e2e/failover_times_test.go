package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/localcluster"
)

// TestFailoverTimes measures how long the shards that a node leads take no writes when it is killed, when it stands
// still, and when it is stopped in order and started again. What is asserted is what never depends on how fast the
// machine is: nothing acknowledged is lost, and a planned restart makes no write through the other nodes fail.
func TestFailoverTimes(t *testing.T) {
	c := startFaulty(t, localcluster.Options{})
	trials := sized(1, 20)
	for _, fault := range []struct {
		name    string
		strike  func(*localcluster.Node) error
		mend    func(*localcluster.Node) error
		planned bool
	}{
		{"killed", (*localcluster.Node).Kill, (*localcluster.Node).Start, false},
		{"paused", (*localcluster.Node).Pause, (*localcluster.Node).Resume, false},
		{"restarted", (*localcluster.Node).Terminate, (*localcluster.Node).Start, true},
	} {
		var worst []time.Duration // of the shards in a trial
		for trial := range trials {
			victim := c.Nodes[trial%len(c.Nodes)]
			eventually(t, func() error {
				if leads(t, c.Nodes[(trial+1)%len(c.Nodes)], victim.ID) == 0 {
					return fmt.Errorf("node %d leads nothing", victim.ID)
				}
				return nil
			})
			ws := newWriters(view(t, c.Nodes[0]), fmt.Sprint(fault.name, trial))
			ws.avoid(victim.Plain)
			ws.start()
			ws.waitProgress(t, 20)
			leaders := view(t, victim).Shards
			ws.takeGaps()
			if err := fault.strike(victim); err != nil {
				t.Fatal(err)
			}
			ws.waitProgress(t, 20)
			gaps, longest := ws.takeGaps(), time.Duration(0)
			for _, s := range leaders {
				if s.Leader == katakv.NodeID(victim.ID) {
					longest = max(longest, gaps[s.ID])
				}
			}
			worst = append(worst, longest)
			if err := fault.mend(victim); err != nil {
				t.Fatal(err)
			}
			waitReady(t, c)
			ws.halt()
			if fault.planned && ws.failures() > 0 {
				t.Errorf("%d writes through other nodes failed when node %d was stopped in order", ws.failures(), victim.ID)
			}
			ws.check(t)
		}
		slices.Sort(worst)
		figure(t, "no writes when the leading node is "+fault.name+", median", float64(worst[len(worst)/2].Milliseconds()), "ms")
		figure(t, "no writes when the leading node is "+fault.name+", max", float64(worst[len(worst)-1].Milliseconds()), "ms")
	}
	sameChecksums(t, c)
}

package chaos

import (
	"bytes"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/chaos"
	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/require"
)

// sample is what a plain run takes: processes, network, disks. Each line names a scenario, and one in its place for
// machines that cannot run it.
var sample = [][2]string{{"kill-leaders", ""}, {"isolate", "pause"}, {"power-all", "kill-all"}}

const (
	sampleDuration = 30 * time.Second
	fullDuration   = 2 * time.Minute
)

// TestScenarios runs scenarios, all of them when figures are measured, and wants no violation in any.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	scenarios, duration := chaos.Scenarios(), fullDuration
	if !require.Full() {
		scenarios, duration = sampled(t), sampleDuration
	}
	var all []*chaos.Result
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			if r := run(t, s, duration); r != nil {
				all = append(all, r)
			}
		})
	}
	sum, longest, recovery := chaos.Summarize(all), time.Duration(0), time.Duration(0)
	for _, r := range all {
		longest, recovery = max(longest, r.LongestGap), max(recovery, r.Recovery)
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"scenarios", sum.Scenarios},
		{"kills", sum.Kills},
		{"power cuts", sum.PowerCuts},
		{"checked operations", sum.Checked},
		{"violations", sum.Violations},
	} {
		t.Log(figures.Line(f.name, float64(f.value), ""))
	}
	t.Log(figures.Line("longest time without a write to a shard", seconds(longest), "s"))
	t.Log(figures.Line("slowest recovery after healing", seconds(recovery), "s"))
	if require.Full() {
		wantAtLeast(t, "scenarios", sum.Scenarios, 12)
		wantAtLeast(t, "kills", sum.Kills, 60)
		wantAtLeast(t, "power cuts", sum.PowerCuts, 30)
		wantAtLeast(t, "checked operations", sum.Checked, 200_000)
	}
}

// sampled returns the scenarios of a plain run.
func sampled(t *testing.T) []*chaos.Scenario {
	t.Helper()
	var names []string
	for _, pair := range sample {
		name := pair[0]
		if found, err := chaos.Find(name); err != nil {
			t.Fatal(err)
		} else if missing := found[0].Missing(t.Context()); missing != nil && os.Getenv(require.StrictEnv) != "1" {
			t.Logf("%s instead of %s: %v", pair[1], name, missing)
			name = pair[1]
		}
		names = append(names, name)
	}
	scenarios, err := chaos.Find(names...)
	if err != nil {
		t.Fatal(err)
	}
	return scenarios
}

// run runs one scenario. The result is nil when it cannot run here.
func run(t *testing.T, s *chaos.Scenario, duration time.Duration) *chaos.Result {
	t.Helper()
	dir, err := os.MkdirTemp("", "katakv-test-chaos-") //nolint:usetesting // kept when the scenario fails
	if err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	seed := require.Seed(t)
	results, err := chaos.Run(t.Context(), []*chaos.Scenario{s}, chaos.Options{
		Binary: executable, Dir: dir, Duration: duration, Seed: seed, Progress: &progress,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	t.Logf("%d operations checked, %d unknown, %d faults, %v without a write to a shard, %v until all took writes, errors %v",
		r.Checked, r.Unknown, len(r.Faults), r.LongestGap.Round(time.Millisecond), r.Recovery.Round(time.Millisecond), r.Errors)
	if r.Skipped != "" {
		_ = os.RemoveAll(dir)
		require.Available(t, errors.New(r.Skipped))
	}
	if !r.OK() {
		if err := chaos.WriteReport(dir, results); err != nil {
			t.Error(err)
		}
		t.Errorf("seed %d; what is left is in %s\n%s%v\n%q", seed, dir, progress.String(), r.Trouble, r.Violations)
		return r
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
	return r
}

func wantAtLeast(t *testing.T, what string, got, want int) {
	t.Helper()
	if got < want {
		t.Errorf("got %d %s, want at least %d", got, what, want)
	}
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }

package bench

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/require"
)

// TestSpeedAgainstRedis reports the figures of the bar for processor time per write. It fails when either system
// refuses an operation; the bar itself is held by internal/figures, over a measurement of full size.
func TestSpeedAgainstRedis(t *testing.T) { compareWithRedis(t, Writes()) }

// TestReadSpeedAgainstRedis is the same for reads.
func TestReadSpeedAgainstRedis(t *testing.T) { compareWithRedis(t, Reads()) }

func compareWithRedis(t *testing.T, workloads []Workload) {
	t.Helper()
	if testing.Short() {
		t.Skip("measures for a while")
	}
	require.Tool(t, "redis-server")
	require.Tool(t, "redis-cli")
	binary := filepath.Join(t.TempDir(), "katakv")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "../cmd/katakv")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build katakv: %v\n%s", err, out)
	}
	options := Options{
		Binary: binary, Rounds: 1, Warmup: 500 * time.Millisecond, Duration: time.Second, Dir: t.TempDir(),
		Workloads: workloads, Progress: t.Output(),
	}
	if require.Full() {
		options.Rounds, options.Warmup, options.Duration = 5, 2*time.Second, 5*time.Second
	}
	report, err := Compare(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range report.Figures() {
		t.Log(line)
	}
}

func TestWithoutRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Compare(t.Context(), Options{Dir: t.TempDir()}); !errors.Is(err, ErrNoRedis) {
		t.Errorf("got %v", err)
	}
}

func TestRange(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   Range
	}{
		{[]float64{2}, Range{2, 2, 2}},
		{[]float64{3, 1, 2}, Range{2, 1, 3}},
		{[]float64{4, 1, 2, 3}, Range{2.5, 1, 4}},
	} {
		if got := newRange(test.values); *got != test.want {
			t.Errorf("%v: got %v, want %v", test.values, *got, test.want)
		}
	}
	if newRange(nil) != nil {
		t.Error("no values have no range")
	}
}

func TestFiguresHaveTheNamesOfTheBounds(t *testing.T) {
	report := &Report{Workloads: []WorkloadReport{
		{Workload: Workload{Depth: 1}, Ratio: &Range{Median: 0.93}, KataKV: &Range{}},
		{Workload: Workload{Depth: 16}, Ratio: &Range{Median: 1.4}, KataKV: &Range{}},
		{Workload: Workload{Depth: 1, Reads: true}, Ratio: &Range{Median: 1.9}, KataKV: &Range{}},
	}}
	var measured []figures.Figure
	for _, line := range report.Figures() {
		figure, ok := figures.ParseLine(line)
		if !ok {
			t.Errorf("not a figure: %q", line)
		}
		measured = append(measured, figure)
	}
	bounds := []figures.Bound{{Figure: "CPU ratio depth 1", Max: 1.3}, {Figure: "CPU ratio depth 16", Max: 1.3}, {Figure: "CPU ratio of GET depth 1", Max: 2}}
	if broken := figures.Broken(bounds, measured); len(broken) != 1 || !strings.Contains(broken[0], "1.4") {
		t.Errorf("got %v", broken)
	}
}

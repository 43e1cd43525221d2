package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/require"
)

// TestMain lets the test binary be the worker that its tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "run" && os.Args[2] == "--worker" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// What the simulation must show at its full size.
const (
	fullSeeds     = 2000
	fullRepeats   = 20
	memorySpeed   = 100 // times real time, on a core
	pebbleSpeed   = 30
	caughtPercent = 90
)

func newSearch(t *testing.T, seeds int) *search {
	t.Helper()
	s := &search{from: require.Seed(t), seeds: seeds, workers: runtime.NumCPU()}
	s.severed = true
	return s
}

// TestSeeds goes through seeds in several processes.
func TestSeeds(t *testing.T) {
	seeds := 8
	if require.Full() {
		seeds = fullSeeds
	}
	var sum tally
	err := newSearch(t, seeds).each(t.Context(), os.Stderr, func(r *record) bool {
		sum.add(r)
		if r.Error != "" {
			t.Errorf("seed %d: %s\n%s", r.Seed, r.Error, r.Plan)
		}
		return true
	})
	if err != nil || sum.passed+sum.failed != seeds {
		t.Fatalf("%d seeds passed, %d failed, of %d: %v", sum.passed, sum.failed, seeds, err)
	}
	rate := float64(sum.acknowledged) / sum.simulated().Seconds()
	memory, pebble := sum.memory.speed(), sum.pebble.speed()
	t.Log(figures.Line("seeds passed", float64(sum.passed), ""))
	t.Log(figures.Line("seeds failed", float64(sum.failed), ""))
	t.Log(figures.Line("simulated time", rounded(sum.simulated().Hours()), "h"))
	t.Log(figures.Line("operations acknowledged in a simulated second", rounded(rate), ""))
	t.Log(figures.Line("faults", float64(sum.strikes), ""))
	t.Log(figures.Line("snapshots installed", float64(sum.installs), ""))
	t.Log(figures.Line("times real time on a core, memory", rounded(memory), ""))
	t.Log(figures.Line("times real time on a core, Pebble", rounded(pebble), ""))
	if require.Full() && (rate < minOperations || memory < memorySpeed || pebble < pebbleSpeed) {
		t.Errorf("too slow: %.1f operations a second, %.0f times real time in memory, %.0f with Pebble", rate, memory, pebble)
	}
}

func rounded(v float64) float64 { return float64(int(v*10+0.5)) / 10 }

// TestRepeatsInAnotherProcess carries seeds out in two processes with different numbers of processors.
func TestRepeatsInAnotherProcess(t *testing.T) {
	seeds := 3
	if require.Full() {
		seeds = fullRepeats
	}
	s := newSearch(t, seeds)
	first, err := s.traces(t.Context(), 1, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.traces(t.Context(), otherProcessors, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != seeds {
		t.Fatalf("%d of %d seeds were answered for", len(first), seeds)
	}
	for seed := range first {
		if !repeats(first, second, seed) {
			t.Errorf("seed %d: traces %016x and %016x", seed, first[seed], second[seed])
		}
	}
	t.Log(figures.Line("seeds with equal traces", float64(seeds), ""))
}

// TestMutants plants bugs and wants them found: two quick ones, or all when figures are measured, whose table goes to
// docs/testing.md.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs: left out by -short")
	}
	root, all, err := readMutants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !require.Full() {
		all = slices.DeleteFunc(all, func(m mutant) bool { return m.name != "vote-not-persisted" && m.name != "entry-blind-to-itself" })
	}
	h := hunt{from: require.Seed(t), cpu: time.Minute, workers: runtime.NumCPU()}
	found, slowest, table := 0, time.Duration(0), tableHead
	dir := t.TempDir()
	for _, m := range all {
		f, err := h.look(t.Context(), m, root, dir, os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		table += f.row()
		t.Logf("%s: found %v, %d seeds, %v of processor time: %s", f.name, f.found, f.seeds, f.cpu, f.by)
		if f.found {
			found++
			slowest = max(slowest, f.cpu)
		}
	}
	if require.Full() {
		writeTable(t, filepath.Join(root, "docs", "testing.md"), table)
	}
	t.Log(figures.Line("mutants planted", float64(len(all)), ""))
	t.Log(figures.Line("mutants found", float64(found), ""))
	t.Log(figures.Line("longest processor time to find one", rounded(slowest.Seconds()), "s"))
	if 100*found < caughtPercent*len(all) {
		t.Errorf("%d of %d mutants were found, want %d %%", found, len(all), caughtPercent)
	}
}

// writeTable puts the table of mutants between its marks on a page.
func writeTable(t *testing.T, path, table string) {
	t.Helper()
	const begin, end = "<!-- mutants -->\n", "<!-- /mutants -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table: want %q and %q", path, begin, end)
	}
	if err := os.WriteFile(path, []byte(before+begin+table+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

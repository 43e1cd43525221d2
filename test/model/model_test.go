package model

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/require"
)

const (
	// source is the model, seen from this directory.
	source = "../../docs/models/liveness.pml"

	// patience bounds one run of the checker on a plain run, fullPatience where figures are measured.
	patience     = 4 * time.Minute
	fullPatience = 10 * time.Minute

	// refuteDepth bounds the length of the histories among which a counterexample is looked for.
	refuteDepth = "-m400"
	// verifyDepth is longer than any history without a repetition; a run that reaches it fails.
	verifyDepth = "-m1000000"
)

var (
	errorsFound  = regexp.MustCompile(`errors: (\d+)`)
	statesStored = regexp.MustCompile(`(?m)^\s*(\d+(?:\.\d+e\+\d+)?) states, stored`)
)

// bound is one size at which the model is verified.
type bound struct {
	name    string
	defines []string
	compile []string // options of the compiler that builds the checker
	full    bool     // only where figures are measured
	partial bool     // hashed and bounded in time: a search for counterexamples, no verification
}

var bounds = []bound{
	{name: "two terms, clocks that drift", defines: []string{"TERMS=2", "CRASHES=0"}},
	{name: "joint configuration that shrinks", defines: []string{"TERMS=2", "CRASHES=0", "SAME_RATE", "JOINT=1"}},
	{name: "joint configuration that grows", defines: []string{"TERMS=2", "CRASHES=0", "SAME_RATE", "JOINT=2"}},
	{
		name: "late answers", full: true,
		defines: []string{"TERMS=2", "CRASHES=0", "SAME_RATE", "LATE_ANSWERS"}, compile: []string{"-DCOLLAPSE"},
	},
	{
		name: "a voter of the leader crashes", full: true,
		defines: []string{"TERMS=2", "CRASHES=1", "SAME_RATE", "MORTAL_NODE=1"},
	},
	{
		name: "another follower crashes", full: true,
		defines: []string{"TERMS=2", "CRASHES=1", "SAME_RATE", "MORTAL_NODE=2"},
	},
	{
		name: "three terms, a crash, everything late, hashed", full: true, partial: true,
		defines: []string{"TERMS=3", "CRASHES=1", "LATE_ANSWERS", "LATE_PROBES"}, compile: []string{"-DBITSTATE"},
	},
}

// rules are the rules of the protocol by the definition that leaves each out, with the smallest bounds in which that
// goes wrong.
var rules = []struct {
	name    string
	defines []string
}{
	{"NO_APPEND_CONDITION", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_SESSION_MATCH", []string{"TERMS=2", "CRASHES=0", "SESSIONS=2", "SAME_RATE"}},
	{"NO_EARLY_STAMP", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_SEND_TIME", []string{"TERMS=2", "CRASHES=0", "LATE_ANSWERS", "SAME_RATE"}},
	{"NO_DRIFT_ALLOWANCE", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_WITHHOLDING", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_CORE", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_PATIENCE", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_WAIT", []string{"TERMS=2", "CRASHES=1", "SAME_RATE"}},
	{"NO_GIVING_UP", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_STOP_BEFORE_REVOKING", []string{"TERMS=2", "CRASHES=0"}},
	{"NO_OWN_ENTRY", []string{"TERMS=3", "CRASHES=0", "SAME_RATE"}},
	{"NO_BOTH_HALVES", []string{"TERMS=2", "CRASHES=0", "SAME_RATE", "JOINT=1"}},
	{"NO_BOTH_HALVES", []string{"TERMS=2", "CRASHES=0", "SAME_RATE", "JOINT=2"}},
}

// TestRightModelHolds verifies the model as it is.
func TestRightModelHolds(t *testing.T) {
	spin, compiler := tools(t)
	for _, b := range bounds {
		t.Run(b.name, func(t *testing.T) {
			if b.full && !require.Full() {
				t.Skipf("takes long: %s=1 runs it", require.FullEnv)
			}
			options := append([]string{"-O2"}, b.compile...)
			args := []string{verifyDepth, "-w23"}
			if b.partial {
				args = []string{"-m20000", "-w30", "-Q3"} // minutes
			}
			report := check(t, build(t, spin, compiler, b.defines, options), args)
			if n := found(t, report); n != 0 {
				t.Fatalf("%d counterexamples, want none:\n%s", n, report)
			}
			if !b.partial && strings.Contains(report, "max search depth too small") {
				t.Fatalf("the search is not exhaustive:\n%s", report)
			}
			t.Logf("%.0f states", stored(t, report))
		})
	}
}

// TestEachRuleIsNeeded leaves out one rule after the other and wants a counterexample each time.
func TestEachRuleIsNeeded(t *testing.T) {
	spin, compiler := tools(t)
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		t.Run(r.name+" "+strings.Join(r.defines, " "), func(t *testing.T) {
			checker := build(t, spin, compiler, append([]string{r.name}, r.defines...), []string{"-O0"})
			if report := check(t, checker, []string{refuteDepth, "-w20"}); found(t, report) == 0 {
				t.Fatalf("%s goes unpunished:\n%s", r.name, report)
			}
		})
	}
	for _, name := range regexp.MustCompile(`\bNO_[A-Z_]*[A-Z]\b`).FindAllString(string(text), -1) {
		if !tested(name) {
			t.Errorf("%s can be left out of the model, and no test leaves it out", name)
		}
	}
}

// tested reports whether a rule is among those that are left out.
func tested(name string) bool {
	for _, r := range rules {
		if r.name == name {
			return true
		}
	}
	return false
}

// tools returns the paths of spin and of the compiler that it needs.
func tools(t *testing.T) (spin, compiler string) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	spin, err := exec.LookPath("spin")
	require.Available(t, err)
	compiler, err = exec.LookPath("gcc")
	require.Available(t, err)
	return spin, compiler
}

// build makes a checker of the model with some definitions and returns its path.
func build(t *testing.T, spin, compiler string, defines, options []string) string {
	t.Helper()
	dir := t.TempDir()
	model, err := filepath.Abs(source)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-a"}
	for _, d := range defines {
		args = append(args, "-D"+d)
	}
	run(t, dir, spin, append(args, model)...)
	options = append(options, "-w", "-DSAFETY", "-DMEMLIM=3500", "-o", "pan", "pan.c")
	run(t, dir, compiler, options...)
	return filepath.Join(dir, "pan")
}

// check runs a checker and returns its report. It fails the test when the search ended early.
func check(t *testing.T, checker string, args []string) string {
	t.Helper()
	report := run(t, filepath.Dir(checker), checker, args...)
	if strings.Contains(report, "reached -DMEMLIM") {
		t.Fatalf("the search ran out of memory:\n%s", report)
	}
	return report
}

// run calls a tool in dir and returns what it said.
func run(t *testing.T, dir, tool string, args ...string) string {
	t.Helper()
	limit := patience
	if require.Full() {
		limit = fullPatience
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, tool, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(tool), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// found returns how many counterexamples a report tells of.
func found(t *testing.T, report string) int {
	t.Helper()
	m := errorsFound.FindStringSubmatch(report)
	if m == nil {
		t.Fatalf("the report has no count of errors:\n%s", report)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// stored returns how many states a report says were visited.
func stored(t *testing.T, report string) float64 {
	t.Helper()
	m := statesStored.FindStringSubmatch(report)
	if m == nil {
		t.Fatalf("the report has no count of states:\n%s", report)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

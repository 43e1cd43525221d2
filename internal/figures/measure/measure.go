package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/require"
)

// checkTimeout bounds one test: the longest ones load a million keys several times on a small machine, or hurt a
// cluster in sixteen ways for two minutes each.
const checkTimeout = "60m"

// measure runs a requirement's checks, in order, and judges them. Progress goes to log.
func measure(requirement figures.Requirement, log io.Writer) figures.Record {
	record := requirement.Blank("no test yet")
	record.Commit, record.Date = commit(), time.Now().UTC().Format(time.DateOnly)
	if !requirement.Complete() {
		record.Commit, record.Date = "", ""
		return record
	}

	var measured []figures.Figure
	var notes []string
	verdict := figures.Pass
	for _, check := range requirement.Checks {
		fmt.Fprintf(log, "figures: %s: %s\n", requirement.ID, check.Command())
		outcome := runCheck(check, log)
		measured = append(measured, outcome.figures...)
		if outcome.verdict != figures.Pass {
			notes = append(notes, check.Test+": "+outcome.note)
			verdict = worse(verdict, outcome.verdict)
		}
	}
	if verdict == figures.Pass {
		if broken := figures.Broken(requirement.Bounds, measured); len(broken) > 0 {
			notes = append(notes, broken...)
			verdict = figures.Fail
		}
	}
	parts := make([]string, 0, len(measured)+len(notes))
	for _, figure := range measured {
		parts = append(parts, figure.String())
	}
	record.Figures, record.Verdict = strings.Join(append(parts, notes...), "; "), verdict
	return record
}

// worse returns the verdict to report for two checks: a failure outweighs a test that was not run.
func worse(a, b figures.Verdict) figures.Verdict {
	if a == figures.Fail || b == figures.Fail {
		return figures.Fail
	}
	if a == figures.NotRun || b == figures.NotRun {
		return figures.NotRun
	}
	return figures.Pass
}

// outcome is what one test gave.
type outcome struct {
	verdict figures.Verdict
	note    string // why it is not Pass
	figures []figures.Figure
}

// runCheck runs one test from inside its own directory, which may belong to a nested module.
func runCheck(check figures.Check, log io.Writer) outcome {
	cmd := exec.Command("go", "test", "-json", "-count=1", "-timeout="+checkTimeout, "-run", "^"+check.Test+"$", ".")
	cmd.Dir = check.Dir
	cmd.Env = append(os.Environ(), require.FullEnv+"=1")
	cmd.Stderr = log
	output, err := cmd.Output()
	got := judge(check.Test, output)
	if err != nil && got.verdict != figures.Fail {
		got.verdict, got.note = figures.Fail, err.Error()
	}
	return got
}

// judge reads the output of `go test -json` for one test.
func judge(test string, output []byte) outcome {
	got := outcome{verdict: figures.Fail, note: "did not end"}
	var lastLine string
	skippedPart := false
	for line := range bytes.Lines(output) {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(line, &event) != nil {
			continue // build errors are plain text
		}
		if event.Test != test && !strings.HasPrefix(event.Test, test+"/") {
			continue
		}
		switch {
		case event.Action == "output":
			if figure, ok := figures.ParseLine(event.Output); ok {
				got.figures = append(got.figures, figure)
			} else if text := strings.TrimSpace(event.Output); text != "" && !strings.HasPrefix(text, "--- ") {
				lastLine = text
			}
		case event.Test != test:
			// A subtest's end is part of its parent's, save that Go calls a test passed whose parts were skipped.
			skippedPart = skippedPart || event.Action == "skip"
		case event.Action == "pass" && skippedPart:
			got.verdict, got.note = figures.NotRun, "a part was skipped: "+lastLine
		case event.Action == "pass":
			got.verdict, got.note = figures.Pass, ""
		case event.Action == "skip":
			got.verdict, got.note = figures.NotRun, "skipped: "+lastLine
		case event.Action == "fail":
			got.verdict, got.note = figures.Fail, lastLine
		}
	}
	return got
}

// commit returns the short hash of the measured tree, marked if it has changes other than the page itself.
func commit() string {
	hash, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(hash))
	status, err := exec.Command("git", "status", "--porcelain", "--", ".", ":!"+pagePath).Output()
	if err != nil || len(bytes.TrimSpace(status)) > 0 {
		name += "-dirty"
	}
	return name
}

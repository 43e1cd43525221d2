// Command measure runs the tests that internal/figures names and writes docs/evidence.md. Run it from the
// repository's root, as `make figures` does:
//
//	go run ./internal/figures/measure              measure everything
//	go run ./internal/figures/measure -only 2.speed,2.repeats
//	go run ./internal/figures/measure -only none   rewrite the page, measure nothing
//
// It exits with 1 if a measured requirement did not hold.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/katakv/katakv/internal/figures"
)

// pagePath is where the evidence is kept.
const pagePath = "docs/evidence.md"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "comma-separated ids to measure, or \"none\"; the other rows are kept")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	requirements := figures.All()
	selected, err := choose(requirements, *only)
	if err != nil {
		fmt.Fprintln(stderr, "figures:", err)
		return 2
	}
	kept, err := readPage()
	if err != nil {
		fmt.Fprintln(stderr, "figures:", err)
		return 1
	}

	failed := false
	measured := map[string]figures.Record{}
	for _, requirement := range selected {
		record := measure(requirement, stderr)
		measured[requirement.ID] = record
		failed = failed || record.Verdict == figures.Fail
		fmt.Fprintf(stdout, "%-8s %s: %s\n", record.Verdict, record.ID, record.Figures)
		// Written after each one, so that an interrupted run keeps what it measured.
		page := figures.Render(figures.Merge(requirements, kept, measured))
		if err := writePage(page); err != nil {
			fmt.Fprintln(stderr, "figures:", err)
			return 1
		}
	}
	if err := writePage(figures.Render(figures.Merge(requirements, kept, measured))); err != nil {
		fmt.Fprintln(stderr, "figures:", err)
		return 1
	}
	if failed {
		return 1
	}
	return 0
}

// choose returns the requirements that -only names; all without it.
func choose(requirements []figures.Requirement, only string) ([]figures.Requirement, error) {
	switch only {
	case "":
		return requirements, nil
	case "none":
		return nil, nil
	}
	var selected []figures.Requirement
	for id := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(requirements, func(r figures.Requirement) bool { return r.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("no requirement %q; see internal/figures", id)
		}
		selected = append(selected, requirements[i])
	}
	return selected, nil
}

// readPage returns the records of the page; none if there is no page yet. A page that was edited by hand is an
// error: its rows would be kept as if they had been measured.
func readPage() ([]figures.Record, error) {
	page, err := os.ReadFile(pagePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	records, err := figures.Parse(string(page))
	if err != nil {
		return nil, fmt.Errorf("%s: %w (restore it, or remove it to start anew)", pagePath, err)
	}
	return records, nil
}

// writePage replaces the page.
func writePage(page string) error {
	if err := os.MkdirAll("docs", 0o755); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if err := os.WriteFile(pagePath, []byte(page), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// hunt says how mutants are looked for.
type hunt struct {
	from     uint64
	cpu      time.Duration
	workers  int
	sample   int
	markdown bool
}

// finding is what came of one mutant.
type finding struct {
	mutant
	found bool
	by    string // the first line of the violation
	seeds int
	cpu   time.Duration
}

// mutants plants bugs one by one and reports which are found.
func mutants(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	var h hunt
	flags.Uint64Var(&h.from, "from", 1, "the first seed, and the seed of --sample")
	flags.DurationVar(&h.cpu, "cpu", time.Minute, "processor time for each mutant")
	flags.IntVar(&h.workers, "workers", runtime.NumCPU(), "how many processes work at a time")
	flags.IntVar(&h.sample, "sample", 0, "take this many by chance of those that are found soon; 0 takes all")
	flags.BoolVar(&h.markdown, "markdown", false, "print the table in Markdown")
	only := flags.String("only", "", "names of mutants, separated by commas")
	if _, err := parse(flags, args, stdout); err != nil {
		return err
	}
	root, all, err := readMutants(ctx)
	if err != nil {
		return err
	}
	chosen, err := h.choose(all, *only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "katasim-mutants-")
	if err != nil {
		return fmt.Errorf("make room for mutants: %w", err)
	}
	defer os.RemoveAll(dir)
	var findings []finding
	for i := range chosen {
		f, err := h.look(ctx, chosen[i], root, dir, stderr)
		if err != nil {
			return err
		}
		findings = append(findings, f)
		h.print(stdout, &f, i == 0)
	}
	return conclude(stdout, findings)
}

// choose returns the named mutants, or a sample, or all.
func (h *hunt) choose(all []mutant, only string) ([]mutant, error) {
	if only == "" {
		if h.sample > 0 {
			all = slices.DeleteFunc(all, func(m mutant) bool { return m.rare })
		}
		if h.sample > 0 && h.sample < len(all) {
			rng := rand.New(rand.NewPCG(h.from, 0))
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			all = all[:h.sample]
		}
		return all, nil
	}
	var chosen []mutant
	for _, name := range strings.Split(only, ",") {
		at := slices.IndexFunc(all, func(m mutant) bool { return m.name == name })
		if at < 0 {
			return nil, usagef("no mutant is named %q; %s holds them", name, mutantDir)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// look goes through seeds with a mutant until one fails or the processor time is used up.
func (h *hunt) look(ctx context.Context, m mutant, root, dir string, stderr io.Writer) (finding, error) {
	f := finding{mutant: m}
	exe, err := m.build(ctx, root, dir)
	if err != nil {
		return f, err
	}
	defer os.Remove(exe)
	s := search{from: h.from, seeds: math.MaxInt, workers: h.workers, exe: exe}
	s.severed = true
	err = s.each(ctx, stderr, func(r *record) bool {
		f.seeds++
		f.cpu += r.CPU
		if r.Error != "" {
			f.found = true
			f.by, _, _ = strings.Cut(r.Error, "\n")
		}
		return !f.found && f.cpu < h.cpu
	})
	return f, err
}

// longestReason keeps a table readable.
const longestReason = 160

func (h *hunt) print(w io.Writer, f *finding, first bool) {
	if !h.markdown {
		fmt.Fprintf(w, "%-28s %-6s %5d seeds %7.2f s  %s\n", f.name, f.verdict(), f.seeds, f.cpu.Seconds(), f.reason())
		return
	}
	if first {
		fmt.Fprint(w, tableHead)
	}
	fmt.Fprint(w, f.row())
}

func (f *finding) verdict() string {
	if f.found {
		return "found"
	}
	return "MISSED"
}

func (f *finding) reason() string {
	if len(f.by) > longestReason {
		return f.by[:longestReason] + "..."
	}
	return f.by
}

const tableHead = "| mutant | what it does | | seeds | CPU s | by |\n| --- | --- | --- | --- | --- | --- |\n"

// row returns the finding as a line of a table in Markdown.
func (f *finding) row() string {
	return fmt.Sprintf("| %s | %s | %s | %d | %.2f | %s |\n", f.name, f.about, f.verdict(), f.seeds, f.cpu.Seconds(),
		strings.ReplaceAll(f.reason(), "|", "\\|"))
}

// conclude counts; the last line has the form of a test runner's.
func conclude(w io.Writer, findings []finding) error {
	missed := 0
	for i := range findings {
		if !findings[i].found {
			missed++
		}
	}
	fmt.Fprintf(w, "\n%d passed, %d failed\n", len(findings)-missed, missed)
	if missed > 0 {
		return errFailed
	}
	return nil
}

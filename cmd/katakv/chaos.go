package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/internal/chaos"
)

type chaosFlags struct {
	options   chaos.Options
	scenarios []string
	report    string
	list      bool
	asJSON    bool
}

func newChaosCommand() *cobra.Command {
	var f chaosFlags
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Hurt a throw-away cluster and judge what its clients saw",
		Long: `Hurt a throw-away cluster of this very program while clients use it, and judge what they saw: every scenario starts
real processes on this machine, breaks things by a seeded schedule, heals everything, reads all keys through every
node and searches the whole history for an order in which it is right (linearizability).

Scenarios with cut networks and disks that lose power need the superuser's rights and some tools; those that cannot
run here are named and left out. The exit code is 1 when something was violated.`,
		Example: `  katakv chaos --scenario kill-leaders --duration 30s
  katakv chaos --report /tmp/chaos         # everything, with a report to read
  katakv chaos --list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.scenarios, "scenario", []string{"all"}, "which scenarios, NAME,... or all")
	flags.DurationVar(&f.options.Duration, "duration", chaos.DefaultDuration, "how long each scenario hurts its cluster")
	flags.IntVar(&f.options.Nodes, "nodes", chaos.DefaultNodes, "nodes of a cluster; scenarios that need more have more")
	flags.Uint64Var(&f.options.Seed, "seed", 1, "of the faults' schedule and the clients' work")
	flags.IntVar(&f.options.Clients, "clients", chaos.DefaultClients, "clients at once")
	flags.IntVar(&f.options.Rate, "rate", chaos.DefaultRate, "operations a second that all clients aim at together")
	flags.StringVar(&f.report, "report", "", "directory for index.html and what is left of scenarios that failed")
	flags.BoolVar(&f.list, "list", false, "list the scenarios and whether they can run here")
	addJSONFlag(cmd, &f.asJSON)
	return cmd
}

func (f *chaosFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	scenarios, err := chaos.Find(f.scenarios...)
	if err != nil {
		return &usageError{err}
	}
	if f.list {
		return f.writeList(ctx, stdout, scenarios)
	}
	o := &f.options
	if o.Clients < 1 || o.Rate < 1 || o.Duration <= 0 {
		return usagef("clients, rate and duration are positive")
	}
	if o.Nodes < chaos.DefaultNodes || o.Nodes > chaos.MaxNodes {
		return usagef("%d nodes: a cluster that survives the loss of one has %d, and this machine takes %d at most", o.Nodes,
			chaos.DefaultNodes, chaos.MaxNodes)
	}
	return f.play(ctx, scenarios, stdout, stderr)
}

// play runs the scenarios and tells what came of them.
func (f *chaosFlags) play(ctx context.Context, scenarios []*chaos.Scenario, stdout, stderr io.Writer) (err error) {
	o := &f.options
	if o.Binary, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if o.Dir, err = os.MkdirTemp("", "katakv-chaos-"); err != nil {
		return fmt.Errorf("make a directory for the clusters: %w", err)
	}
	o.Progress = stderr
	var reporting error
	if f.report != "" {
		o.Done = func(results []*chaos.Result) { reporting = chaos.WriteReport(f.report, results) }
	}
	began := time.Now()
	results, err := chaos.Run(ctx, scenarios, *o)
	if err != nil {
		err = fmt.Errorf("stopped before the end: %w", err)
	}
	err = errors.Join(err, reporting)
	failed := slices.ContainsFunc(results, func(r *chaos.Result) bool { return !r.OK() && r.Skipped == "" })
	if failed && f.report == "" {
		_, _ = fmt.Fprintf(stderr, "What is left of the scenarios that failed is kept in %s\n", o.Dir)
	} else {
		err = errors.Join(err, os.RemoveAll(o.Dir))
	}
	if f.asJSON {
		err = errors.Join(err, writeJSON(stdout, results))
	} else {
		err = errors.Join(err, writeChaos(stdout, results, time.Since(began)))
	}
	if err == nil && failed {
		return errSilent
	}
	return err
}

// chaosRow is one scenario of `katakv chaos --list --json`.
type chaosRow struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Missing string `json:"missing,omitempty"` // why it cannot run here
}

func (f *chaosFlags) writeList(ctx context.Context, w io.Writer, scenarios []*chaos.Scenario) error {
	var rows []chaosRow
	for _, s := range scenarios {
		row := chaosRow{Name: s.Name, Title: s.Title}
		if err := s.Missing(ctx); err != nil {
			row.Missing = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		rows = append(rows, row)
	}
	if f.asJSON {
		return writeJSON(w, rows)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintf(t, "%s\t%s\n", row.Name, row.Title)
		if row.Missing != "" {
			_, _ = fmt.Fprintf(t, "\tcannot run here: %s\n", row.Missing)
		}
	}
	return t.Flush()
}

// writeChaos shows the results to a person.
func writeChaos(w io.Writer, results []*chaos.Result, took time.Duration) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "scenario\tchecked\tunknown\trefused\tkills\tpower cuts\tother faults\tlongest gap\trecovery\tverdict")
	for _, r := range results {
		if r.Skipped != "" {
			_, _ = fmt.Fprintf(t, "%s\t\t\t\t\t\t\t\t\t%s\n", r.Scenario, r.Verdict())
			continue
		}
		kills, cuts := r.Count(chaos.FaultKill), r.Count(chaos.FaultPowerCut)
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f s\t%.1f s\t%s\n", r.Scenario, r.Checked, r.Unknown, r.Refused,
			kills, cuts, len(r.Faults)-kills-cuts, r.LongestGap.Seconds(), r.Recovery.Seconds(), r.Verdict())
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	sum := chaos.Summarize(results)
	_, _ = fmt.Fprintf(w, "\n%d scenarios in %v: %d operations checked, %d kills, %d power cuts, %d violations\n",
		sum.Scenarios, took.Round(time.Second), sum.Checked, sum.Kills, sum.PowerCuts, sum.Violations)
	for _, r := range results {
		if r.Skipped != "" {
			_, _ = fmt.Fprintf(w, "%s was left out: %s\n", r.Scenario, r.Skipped)
		}
		if r.Trouble != "" {
			_, _ = fmt.Fprintf(w, "%s has no verdict: %s\n", r.Scenario, r.Trouble)
		}
		for _, v := range r.Violations {
			_, _ = fmt.Fprintf(w, "%s: %s\n", r.Scenario, v)
		}
	}
	return nil
}

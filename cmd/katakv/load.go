package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/internal/load"
)

// plainProgressInterval is the time between two lines of progress where no terminal redraws one.
const plainProgressInterval = 5 * time.Second

type loadFlags struct {
	config    load.Config
	statePath string
	restart   bool
	verify    bool
	asJSON    bool
}

func newLoadCommand() *cobra.Command {
	var f loadFlags
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Load records in bulk from NDJSON, or verify them",
		Long: `Write each line of FILE, a JSON object, under the key that one of its fields names ("-" reads standard input). The
value is the line, byte for byte.

A load that was interrupted goes on where it was acknowledged when it is started again with the same FILE: how far
it came is kept in FILE.load-state, or in the file that --resume names, and removed at the end. Standard input needs
--resume for that, and the same input from its beginning.

Nodes may die and return meanwhile: writes that failed are sent again through the next address, which is safe since
they are the same. Each record should have a key of its own; of several the last line wins.

With --verify nothing is written: every record is read back through every address and compared byte for byte. The
exit code is 1 when any differs.`,
		Example: `  katakv load packages.ndjson --key name --prefix pkg: --addr 127.0.0.1:7300,127.0.0.1:7310
  katakv load packages.ndjson --key name --prefix pkg: --addr 127.0.0.1:7300,127.0.0.1:7310 --verify
  zcat users.gz | katakv load - --key id`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), args[0], cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.config.Addrs, "addr", []string{defaultPlainAddr}, "plain ports of nodes, HOST:PORT,...")
	flags.StringVar(&f.config.Key, "key", "", "field that names the key (required)")
	flags.StringVar(&f.config.Prefix, "prefix", "", "put before each key")
	flags.IntVar(&f.config.Connections, "connections", load.DefaultConnections, "connections at once")
	flags.IntVar(&f.config.Pipeline, "pipeline", load.DefaultPipeline, "records that each connection has in flight")
	flags.BoolVar(&f.config.SkipBad, "skip-bad", false, "count lines that are no records, and go on")
	flags.StringVar(&f.statePath, "resume", "", "file that tells how far the load came (default FILE.load-state)")
	flags.BoolVar(&f.restart, "restart", false, "begin at the first line, whatever an earlier load has done")
	flags.BoolVar(&f.verify, "verify", false, "read every record back through every address instead")
	flags.DurationVar(&f.config.Timeout, "timeout", 10*time.Second, "how long to wait for one answer")
	flags.DurationVar(&f.config.Patience, "give-up-after", load.DefaultPatience, "how long to try without any success")
	addJSONFlag(cmd, &f.asJSON)
	return cmd
}

func (f *loadFlags) run(ctx context.Context, name string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch {
	case f.config.Key == "":
		return usagef("name the field that holds the key with --key")
	case f.verify && (f.statePath != "" || f.restart):
		return usagef("--verify reads everything: it does not go with --resume or --restart")
	}
	in, size := stdin, int64(-1)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		defer func() { _ = file.Close() }()
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		in = file
		if f.statePath == "" {
			f.statePath = name + ".load-state"
		}
	}
	display := newLoadDisplay(stderr, size)
	f.config.ProgressInterval = plainProgressInterval
	if display.terminal {
		f.config.ProgressInterval = 200 * time.Millisecond
	}
	if f.verify {
		return f.runVerify(ctx, in, display, stdout)
	}
	return f.runWrite(ctx, in, display, stdout)
}

// loadAnswer is the answer of `katakv load --json`.
type loadAnswer struct {
	load.Progress
	ResumedAtLine int64   `json:"resumedAtLine,omitempty"`
	Seconds       float64 `json:"seconds"`
	Error         string  `json:"error,omitempty"`
}

func (f *loadFlags) runWrite(ctx context.Context, in io.Reader, display *loadDisplay, stdout io.Writer) error {
	state := loadState{path: f.statePath, config: &f.config}
	buffered := bufio.NewReaderSize(in, stateHeadBytes)
	if state.path != "" {
		if err := state.begin(buffered, f.restart); err != nil {
			return err
		}
	}
	if f.config.From.Lines > 0 {
		display.say("Going on behind line %d, as %s says (--restart begins anew).", f.config.From.Lines, state.path)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.config.OnProgress = func(p load.Progress) {
		display.show(p)
		if err := state.save(p); err != nil {
			cancel(err) // a load that cannot go on later should say so now
		}
	}
	began := time.Now()
	progress, err := load.Write(ctx, buffered, f.config)
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	display.end()
	took := time.Since(began)
	if err == nil {
		err = state.remove()
	}
	if f.asJSON {
		answer := loadAnswer{Progress: progress, ResumedAtLine: f.config.From.Lines, Seconds: took.Seconds()}
		if err != nil {
			answer.Error = err.Error()
		}
		if err := writeJSON(stdout, answer); err != nil {
			return err
		}
	}
	switch {
	case err != nil && state.path != "" && progress.Lines > 0:
		return fmt.Errorf("load: %w (everything up to line %d is there; start it again to go on)", err, progress.Lines)
	case err != nil:
		return fmt.Errorf("load: %w", err)
	case f.asJSON:
		return nil
	}
	_, err = fmt.Fprintf(stdout, "%d records written in %.1f s, %.0f records/s; %d bad lines skipped, %d records sent again\n",
		progress.Records, took.Seconds(), float64(progress.Records)/max(took.Seconds(), 1e-9), progress.Bad, progress.Retries)
	return err
}

func (f *loadFlags) runVerify(ctx context.Context, in io.Reader, display *loadDisplay, stdout io.Writer) error {
	f.config.OnProgress = display.show
	began := time.Now()
	report, err := load.Verify(ctx, in, f.config)
	display.end()
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	differ := report.Missing+report.Different > 0
	if f.asJSON {
		if err := writeJSON(stdout, report); err != nil {
			return err
		}
	} else {
		for _, d := range report.Differences {
			_, _ = fmt.Fprintf(stdout, "line %d, key %q at %s: %s\n", d.Line, d.Key, d.Addr, d.Problem)
		}
		if _, err := fmt.Fprintf(stdout, "%d records compared through %d addresses in %.1f s: %d missing, %d different; %d bad lines skipped\n",
			report.Records, len(f.config.Addrs), time.Since(began).Seconds(), report.Missing, report.Different, report.Bad); err != nil {
			return err
		}
	}
	if differ {
		if f.asJSON {
			return errSilent
		}
		return errors.New("what is stored is not what the file says")
	}
	return nil
}

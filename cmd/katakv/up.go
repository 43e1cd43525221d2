package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/internal/localcluster"
)

const (
	// upTimeout bounds how long a local cluster may take to start and to elect its leaders.
	upTimeout = 2 * time.Minute

	defaultUpDir = "./katakv-data"
)

type upFlags struct {
	options   localcluster.Options
	maxValue  string
	serveArgs string
	asJSON    bool
}

func newUpCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a real cluster on this machine",
		Long: `Run a real cluster on this machine, each node a process of its own. The first run creates it in DIR; later runs
resume it, with its data and its ports. Ctrl-C stops all nodes; DIR keeps everything.

Kill a node (the command prints their process ids) and watch the others take over. It stays down unless --restart
was given; "args" of --json is how to start it again by hand.`,
		Example: `  katakv up
  katakv up --nodes 5 --data /tmp/five
  katakv up --serve-args "--memory 1GiB --cores 2"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Standard output carries one line for a script, or everything for a person.
			progress := cmd.OutOrStdout()
			if f.asJSON {
				progress = cmd.ErrOrStderr()
			}
			return f.run(cmd.Context(), cmd.OutOrStdout(), progress)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&f.options.Nodes, "nodes", 0, "number of nodes (default 3)")
	flags.IntVar(&f.options.Shards, "shards", 0, "shards that hold data (default 48)")
	flags.IntVar(&f.options.Replicas, "replicas", 0, "copies of each shard (default 3, or as many as there are nodes)")
	flags.StringVar(&f.maxValue, "max-value-bytes", "", "largest value that clients may store, up to 64MiB (default 8MiB)")
	flags.StringVar(&f.options.Dir, "data", defaultUpDir, "directory that holds the whole cluster")
	addStrongReadsFlag(flags, &f.options.StrongReads)
	flags.BoolVar(&f.options.Restart, "restart", false, "start nodes again that die")
	flags.StringVar(&f.serveArgs, "serve-args", "", "more arguments for each node's 'katakv serve', separated by blanks")
	flags.BoolVar(&f.asJSON, "json", false, "print one line of JSON when every shard has a leader")
	return cmd
}

func (f *upFlags) run(ctx context.Context, stdout, progress io.Writer) error {
	var err error
	if f.options.MaxValueBytes, err = parseMaxValue(f.maxValue); err != nil {
		return err
	}
	if f.options.Nodes < 0 || f.options.Shards < 0 || f.options.Replicas < 0 {
		return usagef("nodes, shards and replicas are positive numbers")
	}
	if f.options.Binary, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	f.options.ServeArgs = strings.Fields(f.serveArgs)
	events := make(chan localcluster.Event, 64)
	f.options.OnEvent = func(e localcluster.Event) {
		select {
		case events <- e:
		default: // the stream of lines is for people: nobody can read so many
		}
	}
	starting, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	_, _ = fmt.Fprintf(progress, "Starting a cluster in %s ...\n", f.options.Dir)
	began := time.Now()
	c, err := localcluster.Start(starting, f.options)
	if err != nil {
		return stoppedOr(ctx, progress, err)
	}
	defer func() {
		_, _ = fmt.Fprintln(progress, "Stopping ...")
		c.Stop()
		_, _ = fmt.Fprintln(progress, "All nodes have stopped. The data is kept.")
	}()
	if err := c.WaitReady(starting); err != nil {
		return stoppedOr(ctx, progress, err)
	}
	if f.asJSON {
		err = writeJSON(stdout, newReadyLine(c))
	} else {
		err = writeReady(stdout, c, time.Since(began))
	}
	if err != nil {
		return err
	}
	watch(ctx, progress, c, events)
	return nil
}

// stoppedOr turns the error of a start that was stopped by its user into success.
func stoppedOr(ctx context.Context, progress io.Writer, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(progress, "Stopped before the cluster was ready.")
		return nil
	}
	return err
}

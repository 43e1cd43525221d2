package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/bootstrap"
	"github.com/katakv/katakv/internal/config"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/transport"
)

// createTimeout bounds a creation: a few small files are written on each node.
const createTimeout = time.Minute

type createFlags struct {
	options  bootstrap.Options
	maxValue string
	yes      bool
	asJSON   bool
}

func newClusterCreateCommand() *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use:   "create --peers HOST:PORT,...",
		Short: "Make one cluster of nodes that belong to none",
		Long: `Make one cluster of nodes that were started with empty data directories. Give the peer address of every
node; they are numbered in that order. Repeating the command is harmless, and finishes what was cut off.

The number of shards and replicas, the largest value, how fresh reads are, how strong ones are made and how long requests
are remembered hold for the whole cluster.`,
		Example: `  katakv cluster create --peers 10.0.0.1:7100,10.0.0.2:7100,10.0.0.3:7100
  katakv cluster create --peers a:7100,b:7100,c:7100 --shards 96 --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.options.Peers, "peers", nil, "peer addresses of all nodes, in the order of their numbers")
	flags.IntVar(&f.options.Shards, "shards", 0, "shards that hold data (default 48, four a node in larger clusters)")
	flags.IntVar(&f.options.Replicas, "replicas", 0, "copies of each shard (default 3, or as many as there are nodes)")
	flags.StringVar(&f.maxValue, "max-value-bytes", "", "largest value that clients may store, up to 64MiB (default 8MiB)")
	flags.TextVar(&f.options.Consistency, "consistency", katakv.Consistency{},
		`what reads ask for that do not say it: strong, "strong replica", session, "bounded AGE" or eventual`)
	flags.DurationVar(&f.options.RequestRetention, "request-retention", 0, "how long requests with an id are remembered, 1s to 24h (default 10m)")
	addStrongReadsFlag(flags, &f.options.StrongReads)
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	addJSONFlag(cmd, &f.asJSON)
	return cmd
}

// addStrongReadsFlag adds the flag that says how leaders make sure that they lead.
func addStrongReadsFlag(flags *pflag.FlagSet, to *placement.StrongReads) {
	flags.TextVar(to, "strong-reads", placement.StrongReads(""),
		"how strong reads are made: lease, which is fast and needs clocks that go alike, or read-index, which asks a quorum each time (default lease)")
}

func (f *createFlags) run(cmd *cobra.Command) error {
	if len(f.options.Peers) == 0 {
		return usagef("name the nodes: --peers HOST:PORT,...")
	}
	var err error
	if f.options.MaxValueBytes, err = parseMaxValue(f.maxValue); err != nil {
		return err
	}
	if f.options.Shards < 0 || f.options.Replicas < 0 {
		return usagef("shards and replicas are positive numbers")
	}
	if kept := f.options.RequestRetention; kept != 0 && (kept < katakv.MinRequestRetention || kept > katakv.MaxRequestRetention ||
		kept%time.Millisecond != 0) {
		return usagef("request-retention: %v is not between %v and %v in whole milliseconds", kept, katakv.MinRequestRetention, katakv.MaxRequestRetention)
	}
	if !f.yes && !f.asJSON && isTerminal(cmd.InOrStdin()) && !confirm(cmd, len(f.options.Peers)) {
		return usagef("nothing was done")
	}
	f.options.Cluster = localcluster.NewClusterID()
	ctx, cancel := context.WithTimeout(cmd.Context(), createTimeout)
	defer cancel()
	result, err := bootstrap.Create(ctx, transport.Ask, f.options)
	if err != nil {
		return err
	}
	m := result.Map
	if f.asJSON {
		return writeJSON(cmd.OutOrStdout(), map[string]any{
			"cluster": m.Cluster.String(), "epoch": m.Epoch, "nodes": len(m.Nodes), "shards": len(m.Shards) - 1,
			"replicas": m.Settings.Replicas, "existed": result.Existed, "resumed": result.Resumed,
		})
	}
	what := "created"
	switch {
	case result.Existed:
		what = "was there already; nothing was done"
	case result.Resumed:
		what = "created: an earlier attempt was finished"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Cluster %v %s: %d nodes, %d shards, %d replicas each.\nTry: katakv cluster status --addr %s\n",
		m.Cluster, what, len(m.Nodes), len(m.Shards)-1, m.Settings.Replicas, m.Nodes[0].Addresses.HTTP)
	return err
}

// parseMaxValue reads a value limit; an empty one means the default.
func parseMaxValue(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := config.ParseBytes(text)
	if err != nil {
		return 0, usagef("max-value-bytes: %w", err)
	}
	if n < 1 || n > katakv.MaxValueBytes {
		return 0, usagef("max-value-bytes: %s is not between 1B and %s", text, config.FormatBytes(katakv.MaxValueBytes))
	}
	return int(n), nil
}

// confirm asks on the terminal.
func confirm(cmd *cobra.Command, nodes int) bool {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Make one cluster of %d nodes? [y/N] ", nodes)
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 100)).ReadString('\n')
	if err != nil {
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

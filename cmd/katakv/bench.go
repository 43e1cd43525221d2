package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/internal/bench"
)

type benchFlags struct {
	config bench.Config
	fill   bool
	asJSON bool
}

func newBenchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Load a cluster and measure it",
		Long: `Load a cluster in a closed loop and measure throughput, latencies and, with --server-pids, the processor time that
the servers spend on an operation. It writes keys "key:000000000000" and on: use it on a cluster of its own.

With --cluster each connection is cluster-aware (give cluster ports); without, each goes to one of the plain ports.
Failed operations do not end the run; they are counted. Redis can be measured in the same way, with --wait for
writes that wait for replicas.`,
		Example: `  katakv bench --addrs 127.0.0.1:7300,127.0.0.1:7310
  katakv bench --addrs 127.0.0.1:7200 --cluster --fill --pipeline 16 --server-pids 4711,4712,4713 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.config.Addrs, "addrs", []string{defaultPlainAddr}, "addresses of nodes, HOST:PORT,...")
	flags.BoolVar(&f.config.Cluster, "cluster", false, "be aware of the cluster: send each key to the node that leads it")
	flags.IntVar(&f.config.Connections, "connections", 64, "clients at once")
	flags.IntVar(&f.config.Pipeline, "pipeline", 1, "operations that each client has in flight")
	flags.IntVar(&f.config.ValueBytes, "value-bytes", 128, "size of a value")
	flags.Int64Var(&f.config.Keys, "keys", 100_000, "number of keys, chosen uniformly")
	flags.IntVar(&f.config.ReadPercent, "reads", 0, "percentage of GET; the rest is SET")
	flags.BoolVar(&f.fill, "fill", false, "write every key once before measuring")
	flags.DurationVar(&f.config.Duration, "duration", 5*time.Second, "measured time")
	flags.Int64Var(&f.config.Operations, "operations", 0, "end after so many operations instead")
	flags.DurationVar(&f.config.Warmup, "warmup", 2*time.Second, "time before anything is counted")
	flags.IntVar(&f.config.WaitReplicas, "wait", 0, "follow each node's writes of a round by WAIT N 0 (Redis)")
	flags.DurationVar(&f.config.Timeout, "timeout", 10*time.Second, "how long to wait for an answer")
	flags.Uint64Var(&f.config.Seed, "seed", 1, "of keys and values")
	flags.IntSliceVar(&f.config.ServerPIDs, "server-pids", nil, "processes on this machine whose processor time is counted")
	addJSONFlag(cmd, &f.asJSON)
	return cmd
}

// benchReport is the answer of `katakv bench --json`.
type benchReport struct {
	Workload benchWorkload `json:"workload"`
	*bench.Result
}

type benchWorkload struct {
	Cluster     bool   `json:"cluster"`
	Connections int    `json:"connections"`
	Pipeline    int    `json:"pipeline"`
	ValueBytes  int    `json:"valueBytes"`
	Keys        int64  `json:"keys"`
	ReadPercent int    `json:"readPercent"`
	Wait        int    `json:"wait"`
	Seed        uint64 `json:"seed"`
}

func (f *benchFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := f.config.Validate(); err != nil {
		return &usageError{err}
	}
	f.config.Proc = os.DirFS("/proc")
	if f.fill {
		if !f.asJSON {
			_, _ = fmt.Fprintf(stderr, "Writing %d keys ...\n", f.config.Keys)
		}
		if err := bench.Fill(ctx, f.config); err != nil {
			return err
		}
	}
	if !f.asJSON {
		_, _ = fmt.Fprintf(stderr, "Measuring ...\n")
	}
	result, err := bench.Run(ctx, f.config)
	if err != nil {
		return err
	}
	if f.asJSON {
		c := f.config
		return writeJSON(stdout, benchReport{
			Workload: benchWorkload{
				Cluster: c.Cluster, Connections: c.Connections, Pipeline: c.Pipeline, ValueBytes: c.ValueBytes, Keys: c.Keys,
				ReadPercent: c.ReadPercent, Wait: c.WaitReplicas, Seed: c.Seed,
			},
			Result: result,
		})
	}
	return writeBench(stdout, result)
}

// writeBench shows a result to a person.
func writeBench(w io.Writer, r *bench.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "%.0f operations/s (%d in %.1f s)\n\n", r.OperationsPerSecond, r.Operations, r.Seconds)
	_, _ = fmt.Fprintln(t, "ms\tmean\tp50\tp95\tp99\tp99.9\tmax\t")
	for _, kind := range []struct {
		name    string
		latency *bench.Latency
	}{{"GET", r.Reads}, {"SET", r.Writes}} {
		if l := kind.latency; l != nil {
			_, _ = fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", kind.name, l.MeanMicros/1000, l.P50Micros/1000,
				l.P95Micros/1000, l.P99Micros/1000, l.P999Micros/1000, l.MaxMicros/1000)
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	_, _ = fmt.Fprintln(w)
	if r.Misses > 0 {
		_, _ = fmt.Fprintf(w, "%d reads found no value: write the keys first with --fill\n", r.Misses)
	}
	if r.Redirects > 0 {
		_, _ = fmt.Fprintf(w, "%d redirects were followed\n", r.Redirects)
	}
	kinds := make([]string, 0, len(r.Errors))
	for kind := range r.Errors {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		_, _ = fmt.Fprintf(w, "%d errors %s, such as: %s\n", r.Errors[kind], kind, r.FirstErrors[kind])
	}
	if len(r.Servers) > 0 {
		_, _ = fmt.Fprintf(w, "servers: %.1f us of processor time per operation, %.2f cores, %d MiB resident in all\n",
			r.ServerMicrosPerOperation, r.ServerCores, r.ServerRSSBytes>>20)
	}
	_, err := fmt.Fprintf(w, "this client: %.2f cores; everything else on the machine: %.2f cores\n", r.ClientCores, r.OtherCores)
	return err
}

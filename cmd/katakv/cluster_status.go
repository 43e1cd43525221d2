package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/internal/admin"
)

// defaultHTTPAddr is the default of serve's --http-listen.
const defaultHTTPAddr = "127.0.0.1:7400"

func newClusterStatusCommand() *cobra.Command {
	var addr string
	var timeout time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show nodes, shards and leaders as one node knows them",
		Long: `Show the cluster as one node knows it: its nodes, and every shard with its slots, replicas and leader. The exit
code is 1 while some shard has no leader.`,
		Example: `  katakv cluster status --addr 127.0.0.1:7400
  katakv cluster status --json | jq .ready`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			var view admin.ClusterView
			if err := admin.Fetch(ctx, strings.TrimPrefix(addr, "http://"), "/v1/cluster", &view); err != nil {
				return err
			}
			var err error
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), view)
			} else {
				err = writeStatus(cmd.OutOrStdout(), &view)
			}
			if err == nil && !view.Ready {
				err = errSilent
			}
			return err
		},
	}
	cmd.Flags().StringVar(&addr, "addr", defaultHTTPAddr, "HTTP address of a node")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the answer")
	addJSONFlag(cmd, &asJSON)
	return cmd
}

// writeStatus writes tables for a person.
func writeStatus(w io.Writer, view *admin.ClusterView) error {
	state := "ready"
	if !view.Ready {
		state = "not ready: " + view.Problem
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "Cluster %s, epoch %d, %d replicas a shard: %s\n\n", view.Cluster, view.Epoch, view.Settings.Replicas, state)
	_, _ = fmt.Fprintln(t, "NODE\tZONE\tREPLICAS\tLEADS\tPEER\tCLUSTER\tPLAIN\tHTTP")
	for _, n := range view.Nodes {
		_, _ = fmt.Fprintf(t, "%v\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", n.ID, n.Zone, n.Replicas, n.Leads,
			n.Addresses.Peer, n.Addresses.Cluster, n.Addresses.Plain, n.Addresses.HTTP)
	}
	_, _ = fmt.Fprintln(t, "\nSHARD\tSLOTS\tLEADER\tREPLICAS")
	for _, s := range view.Shards {
		slots := "(cluster map)"
		if s.Slots != nil {
			slots = s.Slots.String()
		}
		replicas := make([]string, len(s.Replicas))
		for i, r := range s.Replicas {
			replicas[i] = r.Node.String()
			if r.Learner {
				replicas[i] += " (learner)"
			}
		}
		_, _ = fmt.Fprintf(t, "%v\t%s\t%v\t%s\n", s.ID, slots, s.Leader, strings.Join(replicas, " "))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	return nil
}

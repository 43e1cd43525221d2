package main

import "github.com/spf13/cobra"

func newClusterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Create a cluster, or look at one",
		RunE:  group,
	}
	cmd.AddCommand(newClusterCreateCommand(), newClusterStatusCommand())
	return cmd
}

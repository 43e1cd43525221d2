package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/katakv/katakv/internal/config"
)

// newRootCommand builds the whole tree of commands. *began becomes true when a command line was understood and
// its command runs.
func newRootCommand() (root *cobra.Command, began *bool) {
	began = new(bool)
	root = &cobra.Command{
		Use:   "katakv",
		Short: "A sharded, replicated, durable key-value store that speaks the Redis protocol",
		Long: `KataKV keeps keys and values on several machines: sharded, so that they need not fit on one, and
replicated, so that none of them is missed. Every Redis client is a KataKV client.`,
		Example: `  katakv up                       # a cluster of three nodes on this machine
  katakv put user:101 Alice       # through the plain port of a node
  katakv get user:101
  katakv cluster status`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRun: func(*cobra.Command, []string) {
			*began = true
		},
	}
	root.SetFlagErrorFunc(suggestFlag)
	root.AddCommand(
		newUpCommand(),
		newServeCommand(),
		newClusterCommand(),
		newGetCommand(),
		newPutCommand(),
		newDelCommand(),
		newIncrCommand(),
		newLoadCommand(),
		newBenchCommand(),
		newChaosCommand(),
		newVersionCommand(),
	)
	return root, began
}

// group returns the RunE of a command that only has subcommands.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near := config.Nearest(args[0], names); near != "" {
		return usagef("there is no command %q: did you mean %s?", args[0], near)
	}
	return usagef("there is no command %q; there are: %s", args[0], strings.Join(names, ", "))
}

// suggestFlag names the flag that was meant.
func suggestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return &usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := config.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		err = fmt.Errorf("%w: did you mean --%s?", err, near)
	}
	return &usageError{err}
}

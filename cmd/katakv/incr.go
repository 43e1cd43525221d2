package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func newIncrCommand() *cobra.Command {
	var f dataFlags
	cmd := &cobra.Command{
		Use:   "incr KEY [BY]",
		Short: "Add to the number at a key, and print the sum",
		Example: `  katakv incr visits
  katakv incr stock -- -3`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			by := int64(1)
			if len(args) == 2 {
				var err error
				if by, err = strconv.ParseInt(args[1], 10, 64); err != nil {
					return usagef("%q is not a whole number of 64 bits", args[1])
				}
			}
			reply, err := f.write(cmd.Context(), "INCRBY", args[0], by)
			if err != nil {
				return err
			}
			if f.asJSON {
				return writeJSON(cmd.OutOrStdout(), f.tell(map[string]any{"key": args[0], "value": reply.Int}))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), reply.Int)
			return err
		},
	}
	f.register(cmd)
	return cmd
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newDelCommand() *cobra.Command {
	var f dataFlags
	cmd := &cobra.Command{
		Use:     "del KEY...",
		Short:   "Delete keys, and print how many there were",
		Example: "  katakv del user:101 user:102",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			command := []any{"DEL"}
			for _, key := range args {
				command = append(command, key)
			}
			reply, err := f.write(cmd.Context(), command...)
			if err != nil {
				return err
			}
			if f.asJSON {
				return writeJSON(cmd.OutOrStdout(), f.tell(map[string]any{"deleted": reply.Int}))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), reply.Int)
			return err
		},
	}
	f.register(cmd)
	return cmd
}

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv"
)

func newPutCommand() *cobra.Command {
	var f dataFlags
	cmd := &cobra.Command{
		Use:   "put KEY VALUE|-",
		Short: "Set a key to a value",
		Long: `Set a key to a value. With "-" as the value it is read from standard input. The command succeeds once a majority
of the shard's replicas have the value on disk; an error says whether it may have been applied all the same.`,
		Example: `  katakv put user:101 '{"name":"Alice"}'
  katakv put photo:7 - < photo.jpg
  katakv put user:101 Bob --journey --otlp trace.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			value := []byte(args[1])
			if args[1] == "-" {
				var err error
				if value, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), katakv.MaxValueBytes+1)); err != nil {
					return fmt.Errorf("read the value: %w", err)
				}
				if len(value) > katakv.MaxValueBytes {
					return fmt.Errorf("the value is larger than any value may be (%d MiB)", katakv.MaxValueBytes>>20)
				}
			}
			reply, err := f.write(cmd.Context(), "SET", args[0], value)
			if err != nil {
				return err
			}
			if f.asJSON {
				return writeJSON(cmd.OutOrStdout(), f.tell(map[string]any{"key": args[0], "applied": true}))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), reply.Text())
			return err
		},
	}
	f.register(cmd)
	return cmd
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newGetCommand() *cobra.Command {
	var f dataFlags
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `Print the value of a key, byte for byte, and a line feed when the output is a terminal. The exit code is 1 when
there is no such key.`,
		Example: `  katakv get user:101
  katakv get photo:7 > photo.jpg
  katakv get user:101 --json
  katakv get user:101 --consistency "bounded 2s" --journey`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := f.do(cmd.Context(), "GET", args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case f.asJSON:
				answer := map[string]any{"key": args[0], "found": !value.IsNull()}
				if !value.IsNull() {
					jsonBytes(answer, "value", value.Bytes)
				}
				if err := writeJSON(out, f.tell(answer)); err != nil {
					return err
				}
				if value.IsNull() {
					return errSilent
				}
				return nil
			case value.IsNull():
				return fmt.Errorf("there is no key %q", args[0])
			}
			data := value.Bytes
			if isTerminal(out) {
				data = append(data, '\n')
			}
			_, err = out.Write(data)
			return err
		},
	}
	f.register(cmd)
	f.reading.register(cmd)
	return cmd
}

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/client"
)

// reading is how fresh a read must be; the zero value is as the cluster has it.
type reading struct {
	consistency string // in the words of KATA CONSISTENCY
	session     string // a token
}

func (r *reading) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.consistency, "consistency", "",
		`how fresh the value must be: "strong", "strong replica", "session", "bounded AGE" or "eventual" (default the cluster's)`)
	cmd.Flags().StringVar(&r.session, "session", "",
		`token of a session (KATA SESSION, Kata-Session), whose writes must be seen; the level is "session" then, unless another is given`)
}

// choose tells a connection how it is to read.
func (r *reading) choose(ctx context.Context, conn *client.Conn) error {
	level := strings.Fields(r.consistency)
	if r.session != "" {
		if _, err := conn.Do(ctx, "KATA", "SESSION", r.session); err != nil {
			return err
		}
		if len(level) == 0 {
			level = []string{"session"}
		}
	}
	if len(level) == 0 {
		return nil
	}
	command := []any{"KATA", "CONSISTENCY"}
	for _, word := range level {
		command = append(command, word)
	}
	_, err := conn.Do(ctx, command...)
	return err
}

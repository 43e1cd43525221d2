package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandExplainsItself walks the tree of commands.
func TestEveryCommandExplainsItself(t *testing.T) {
	root, _ := newRootCommand()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: the short text is %q", cmd.CommandPath(), cmd.Short)
		}
		if cmd.RunE != nil && !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		code  int
		words string // in standard error, or in standard output where the code is 0
	}{
		{"no arguments", nil, exitOK, "Usage:"},
		{"help", []string{"serve", "--help"}, exitOK, "KATAKV_PEER_LISTEN"},
		{"group", []string{"cluster"}, exitOK, "create"},
		{"version", []string{"version"}, exitOK, "katakv dev"},
		{"unknown command", []string{"sevre"}, exitUsage, "Did you mean this?"},
		{"unknown flag", []string{"get", "k", "--adr", "x"}, exitUsage, "did you mean --addr?"},
		{"unknown short flag", []string{"get", "k", "-x"}, exitUsage, "unknown shorthand flag"},
		{"flag without value", []string{"get", "k", "--addr"}, exitUsage, "needs an argument"},
		{"bad value", []string{"get", "k", "--timeout", "soon"}, exitUsage, "invalid"},
		{"bad setting", []string{"serve", "--cores", "x"}, exitUsage, "not a whole number"},
		{"too few arguments", []string{"put", "k"}, exitUsage, "katakv put --help"},
		{"not there", []string{"get", "k", "--addr", "127.0.0.1:1"}, exitFailure, "refused"},
		{"write not applied", []string{"put", "k", "v", "--addr", "127.0.0.1:1"}, exitFailure, "was not applied"},
		{"list of scenarios", []string{"chaos", "--list"}, exitOK, "kill -9 of all nodes at once"},
		{"unknown scenario", []string{"chaos", "--scenario", "thunder"}, exitUsage, "there are: kill, kill-leaders"},
		{"no clients", []string{"chaos", "--clients", "0"}, exitUsage, "positive"},
		{"too few nodes", []string{"chaos", "--nodes", "2"}, exitUsage, "survives the loss of one"},
		{"negative", []string{"up", "--nodes", "-1", "--data", "/nowhere/x"}, exitUsage, "positive"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), test.args, strings.NewReader(""), &stdout, &stderr)
			told := &stderr
			if test.code == exitOK {
				told = &stdout
			}
			if code != test.code || !strings.Contains(told.String(), test.words) {
				t.Errorf("got exit code %d, %q and %q, want %d and %q", code, stdout.String(), stderr.String(), test.code, test.words)
			}
		})
	}
}

// Command katakv is KataKV: a node, a local cluster, and the tools to use and look after either.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2   // the command line or configuration is wrong; nothing was done
	exitAborted = 130 // a second signal came while the first was being obeyed
)

func main() {
	ctx := onSignal(func() { os.Exit(exitAborted) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// onSignal returns a context that the first SIGINT or SIGTERM ends; the second calls abort.
func onSignal(abort func()) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		abort()
	}()
	return ctx
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root, began := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailure
	case *began && !errors.As(err, &usage):
		fmt.Fprintf(stderr, "katakv: %v\n", err)
		return exitFailure
	default: // the command line did not get as far as the command, or the command finds fault with it
		fmt.Fprintf(stderr, "katakv: %v\nSee '%s --help'.\n", err, cmd.CommandPath())
		return exitUsage
	}
}

// usageError is a fault of the command line, environment or configuration file.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// errSilent is a failure that the command has told about itself.
var errSilent = errors.New("failed")

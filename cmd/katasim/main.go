// Command katasim searches the histories of a simulated KataKV cluster for violations, tells one of them as a story,
// makes a failing one small, and measures what its checkers find of bugs planted on purpose. See docs/testing.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // a violation was found, or a mutant was not
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command is one subcommand.
type command struct {
	name, use, about string
	run              func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

var commands = []command{
	{"run", "[flags]", "go through many seeds; the last line counts those that passed and failed", runSeeds},
	{"replay", "SEED [flags]", "carry one seed out again and tell what happens", replay},
	{"minimize", "SEED [flags]", "find a smaller plan that fails like a seed's", minimize},
	{"repeat", "[flags]", "carry seeds out in two processes of different settings and compare their traces", repeat},
	{"mutants", "[flags]", "plant known bugs one by one and report which are found, and how soon", mutants},
	{"faults", "", "list the kinds of fault", listFaults},
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(stdout, usage())
		return exitOK
	}
	for _, c := range commands {
		if c.name == args[0] {
			return exitCode(c.run(ctx, args[1:], stdout, stderr), c.name, stderr)
		}
	}
	fmt.Fprintf(stderr, "katasim: there is no command %q\n%s", args[0], usage())
	return exitUsage
}

// errFailed is a failure that the command has told about itself.
var errFailed = errors.New("failed")

// usageError is a fault of the command line; nothing was done.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func exitCode(err error, name string, stderr io.Writer) int {
	var use usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailure
	case errors.As(err, &use):
		fmt.Fprintf(stderr, "katasim %s: %v\nSee 'katasim %s --help'.\n", name, err, name)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "katasim %s: %v\n", name, err)
		return exitFailure
	}
}

func usage() string {
	var b strings.Builder
	b.WriteString("katasim runs a whole cluster in one goroutine over simulated time, network and disks.\n\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  katasim %-28s %s\n", strings.TrimSpace(c.name+" "+c.use), c.about)
	}
	b.WriteString("\nEach command tells its flags with --help. Exit codes: 0 all held, 1 something was found, 2 usage.\n")
	return b.String()
}

package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/katakv/katakv/internal/sim"
)

// replay carries one seed out again.
func replay(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	var c changes
	c.register(flags)
	quiet := flags.Bool("quiet", false, "tell the outcome only")
	messages := flags.Bool("messages", false, "tell every Raft message and log update as well")
	grep := flags.String("about", "", "tell only lines that hold this text, such as a key or \"n2\"")
	seed, err := parseWithSeed(flags, args, stdout)
	if err != nil {
		return err
	}
	p, err := c.plan(seed)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	defer out.Flush()
	if !*quiet {
		p.Options.Story = &filter{to: out, text: *grep}
	}
	p.Options.Messages = *messages
	r := sim.Run(p)
	fmt.Fprintf(out, "seed %d: %v\n", seed, p)
	fmt.Fprintf(out, "seed %d: %s\n", seed, summary(&r))
	if r.Err != nil {
		fmt.Fprintf(out, "seed %d: FAILED: %v\n", seed, r.Err)
		return errFailed
	}
	return nil
}

// summary tells what a run was, in one line.
func summary(r *sim.Result) string {
	return fmt.Sprintf("trace %016x, %.1f s, %d events; %d acknowledged, %d refused, %d unknown; %d snapshots; strikes %v",
		r.Trace, r.Simulated.Seconds(), r.Events, r.Acknowledged, r.NotApplied, r.Unknown, r.Installs, r.Strikes)
}

// filter passes on whole lines that hold a text.
type filter struct {
	to   io.Writer
	text string
}

// Write takes one line.
func (f *filter) Write(line []byte) (int, error) {
	if f.text == "" || strings.Contains(string(line), f.text) {
		return f.to.Write(line)
	}
	return len(line), nil
}

func listFaults(_ context.Context, _ []string, stdout, _ io.Writer) error {
	for _, name := range sim.FaultNames() {
		fmt.Fprintln(stdout, name)
	}
	return nil
}

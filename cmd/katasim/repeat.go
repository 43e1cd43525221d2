package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"
)

// repeat carries seeds out in two processes of different settings and compares the hashes of all that happened.
func repeat(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("repeat", flag.ContinueOnError)
	var s search
	s.register(flags)
	flags.Uint64Var(&s.from, "from", 1, "the first seed")
	flags.IntVar(&s.seeds, "seeds", 20, "how many seeds")
	if _, err := parse(flags, args, stdout); err != nil {
		return err
	}
	if s.seeds <= 0 {
		return usagef("--seeds is positive")
	}
	s.workers = 1
	traces := make(map[uint64]uint64)
	s.processors = 1
	err := s.each(ctx, stderr, func(r *record) bool {
		traces[r.Seed] = r.Trace
		return true
	})
	if err != nil {
		return err
	}
	s.processors = max(4, runtime.NumCPU())
	var t tally
	err = s.each(ctx, stderr, func(r *record) bool {
		verdict := "the same"
		if first, ran := traces[r.Seed]; !ran || first != r.Trace || r.Trace == 0 {
			verdict = fmt.Sprintf("FAILED: %016x in the process before", first)
			t.failed++
		} else {
			t.passed++
		}
		fmt.Fprintf(stdout, "seed %d: trace %016x, %s\n", r.Seed, r.Trace, verdict)
		return true
	})
	if err != nil {
		return err
	}
	t.failed += s.seeds - t.passed - t.failed // seeds that no process answered for
	fmt.Fprintf(stdout, "%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		return errFailed
	}
	return nil
}

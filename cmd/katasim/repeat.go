package main

import (
	"context"
	"flag"
	"fmt"
	"io"
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
	first, err := s.traces(ctx, 1, stderr)
	if err != nil {
		return err
	}
	second, err := s.traces(ctx, otherProcessors, stderr)
	if err != nil {
		return err
	}
	var t tally
	for seed := s.from; seed < s.from+uint64(s.seeds); seed++ {
		verdict := "the same"
		if repeats(first, second, seed) {
			t.passed++
		} else {
			verdict = fmt.Sprintf("FAILED: %016x in the process before", first[seed])
			t.failed++
		}
		fmt.Fprintf(stdout, "seed %d: trace %016x, %s\n", seed, second[seed], verdict)
	}
	fmt.Fprintf(stdout, "%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		return errFailed
	}
	return nil
}

// otherProcessors is how many the second process uses: enough for Pebble's goroutines to run beside the simulation.
const otherProcessors = 4

// traces carries the seeds out in one process with so many processors, and returns the hash of each that it answered for.
func (s *search) traces(ctx context.Context, processors int, stderr io.Writer) (map[uint64]uint64, error) {
	in := *s
	in.workers, in.processors = 1, processors
	traces := make(map[uint64]uint64)
	err := in.each(ctx, stderr, func(r *record) bool {
		traces[r.Seed] = r.Trace
		return true
	})
	return traces, err
}

// repeats reports whether two processes answered for a seed, and alike.
func repeats(first, second map[uint64]uint64, seed uint64) bool {
	return first[seed] != 0 && first[seed] == second[seed]
}

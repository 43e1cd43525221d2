package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"
)

// search says which seeds to go through.
type search struct {
	changes
	from    uint64
	seeds   int
	fresh   bool
	last    time.Duration
	workers int
	quiet   bool
	first   bool   // stop at the first failure
	exe     string // whose workers; empty: this program's
	// processors is how many each worker uses; zero means one.
	processors int
	ledger     string
	commit     string
}

// freshBits keep drawn seeds short enough to type.
const freshBits = 48

// runSeeds goes through many seeds, in several processes: a process runs one cluster at a time.
func runSeeds(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	var s search
	s.register(flags)
	flags.Uint64Var(&s.from, "from", 1, "the first seed")
	flags.IntVar(&s.seeds, "seeds", 100, "how many seeds")
	flags.BoolVar(&s.fresh, "fresh", false, "begin at a seed drawn at random")
	flags.DurationVar(&s.last, "for", 0, "go on with further seeds for this long, in real time, instead of --seeds")
	flags.IntVar(&s.workers, "workers", runtime.NumCPU(), "how many processes work at a time")
	flags.BoolVar(&s.quiet, "quiet", false, "print failures and the summary only")
	flags.BoolVar(&s.first, "first", false, "stop at the first failure")
	flags.StringVar(&s.ledger, "ledger", "", "append a line to this file: what was simulated of which commit")
	flags.StringVar(&s.commit, "commit", "", "the commit, for the ledger")
	worker := flags.Bool("worker", false, "take seeds from standard input: how 'run' starts its processes")
	if _, err := parse(flags, args, stdout); err != nil {
		return err
	}
	if *worker {
		return work(&s.changes, stdout)
	}
	if s.seeds <= 0 || s.workers <= 0 || s.last < 0 {
		return usagef("--seeds and --workers are positive, --for is not negative")
	}
	if s.last > 0 {
		s.seeds = math.MaxInt
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.last)
		defer cancel()
	}
	if s.fresh {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		s.from = binary.LittleEndian.Uint64(b[:]) >> (64 - freshBits)
	}
	return s.report(ctx, stdout, stderr)
}

// report goes through the seeds and tells about each.
func (s *search) report(ctx context.Context, stdout, stderr io.Writer) error {
	var t tally
	began := time.Now()
	err := s.each(ctx, stderr, func(r *record) bool {
		t.add(r)
		switch {
		case r.Error != "":
			fmt.Fprintf(stdout, "seed %d: FAILED: %s\n  %s\n  repeat it with: katasim replay %d%s\n", r.Seed, r.Error, r.Plan, r.Seed, s.flags())
		case !s.quiet:
			fmt.Fprintf(stdout, "seed %d: ok, %s\n", r.Seed, r.Summary)
		}
		return r.Error == "" || !s.first
	})
	t.report(stdout, time.Since(began))
	if err == nil && s.ledger != "" {
		err = t.enter(s.ledger, s.commit)
	}
	fmt.Fprintf(stdout, "%d passed, %d failed\n", t.passed, t.failed)
	if err != nil {
		return err
	}
	if t.failed > 0 {
		return errFailed
	}
	return nil
}

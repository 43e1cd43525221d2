package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// minOperations is how many operations a second a seed must acknowledge for its time to count in the ledger: time in
// which nothing happens proves nothing.
const minOperations = 20

// tally adds up records.
type tally struct {
	passed, failed int
	memory, pebble share
	counted        time.Duration // simulated by seeds that were busy enough
	acknowledged   int
	strikes        int
	installs       int
}

// share is what seeds of one kind took.
type share struct {
	seeds          int
	simulated, cpu time.Duration
}

func (t *tally) add(r *record) {
	if r.Error != "" {
		t.failed++
		return
	}
	t.passed++
	s := &t.memory
	if r.Pebble {
		s = &t.pebble
	}
	s.seeds++
	s.simulated += r.Simulated
	s.cpu += r.CPU
	t.acknowledged += r.Acknowledged
	t.strikes += r.Strikes
	t.installs += r.Installs
	if float64(r.Acknowledged) >= minOperations*r.Simulated.Seconds() {
		t.counted += r.Simulated
	}
}

func (t *tally) simulated() time.Duration { return t.memory.simulated + t.pebble.simulated }

func (t *tally) report(w io.Writer, took time.Duration) {
	total := t.simulated()
	if total == 0 {
		return
	}
	fmt.Fprintf(w, "simulated %.2f h in %v; %.1f operations acknowledged a second, %d faults, %d snapshots installed; %.0f %% of the time with at least %d operations a second\n",
		total.Hours(), took.Round(time.Second), float64(t.acknowledged)/total.Seconds(), t.strikes, t.installs,
		100*t.counted.Seconds()/total.Seconds(), minOperations)
	t.memory.report(w, "memory")
	t.pebble.report(w, "pebble")
}

// speed returns how many times faster than real time the seeds were, on a core.
func (s *share) speed() float64 {
	if s.cpu == 0 {
		return 0
	}
	return s.simulated.Seconds() / s.cpu.Seconds()
}

func (s *share) report(w io.Writer, name string) {
	if s.seeds > 0 {
		fmt.Fprintf(w, "%s: %d seeds, %.0f times real time on a core, %.0f ms of processor time a seed\n",
			name, s.seeds, s.speed(), 1000*s.cpu.Seconds()/float64(s.seeds))
	}
}

// enter appends a line to the ledger of simulated time.
func (t *tally) enter(path, commit string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		fmt.Fprintf(f, "date\tcommit\tpassed\tfailed\tsimulated hours\tof them with %d operations a second\n", minOperations)
	}
	_, err = fmt.Fprintf(f, "%s\t%s\t%d\t%d\t%.3f\t%.3f\n", time.Now().UTC().Format(time.DateOnly), commit,
		t.passed, t.failed, t.simulated().Hours(), t.counted.Hours())
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

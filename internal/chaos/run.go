package chaos

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/faultfs"
	"github.com/katakv/katakv/internal/faultnet"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/powercut"
)

// MaxNodes is the largest cluster: more processes than that tell nothing more on one machine.
const MaxNodes = 9

// Defaults of Options.
const (
	DefaultNodes    = 3 // the least, too
	DefaultClients  = 24
	DefaultRate     = 1000
	DefaultDuration = 2 * time.Minute
)

const (
	// openTimeout bounds how long a cluster may take to be ready.
	openTimeout = 2 * time.Minute

	// calm is how long clients go on before the first fault and after the last.
	calm = 2 * time.Second

	// finalTimeout bounds reading everything through one node.
	finalTimeout = time.Minute

	// progressInterval is between two lines of progress.
	progressInterval = 5 * time.Second
)

// Options say how to run scenarios.
type Options struct {
	// Binary is the katakv executable.
	Binary string
	// Dir is where clusters live while they run; what failed stays there. It is created when absent.
	Dir string
	// Nodes is the size of a cluster; scenarios that need more have more.
	Nodes int
	// Clients work at once and aim at Rate operations a second together.
	Clients, Rate int
	// Duration is how long each scenario hurts its cluster.
	Duration time.Duration
	// Seed fixes schedules and work.
	Seed uint64
	// Progress gets lines for a person.
	Progress io.Writer
	// Done, if not nil, is called after each scenario with all results so far.
	Done func(results []*Result)
}

func (o *Options) fill() {
	if o.Nodes == 0 {
		o.Nodes = DefaultNodes
	}
	if o.Clients == 0 {
		o.Clients = DefaultClients
	}
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	if o.Duration == 0 {
		o.Duration = DefaultDuration
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
}

// Run runs scenarios one after the other. Those that cannot run here are skipped, and say why. It returns early,
// with what there is, when ctx ends: then the error is ctx's.
func Run(ctx context.Context, scenarios []*Scenario, o Options) ([]*Result, error) {
	o.fill()
	if err := sweep(ctx, filepath.Dir(o.Dir)); err != nil {
		_, _ = fmt.Fprintf(o.Progress, "what a run left that was killed could not be removed: %v\n", err)
	}
	var results []*Result
	for _, s := range scenarios {
		if err := s.Missing(ctx); err != nil {
			_, _ = fmt.Fprintf(o.Progress, "== %s: skipped: %v\n", s.Name, err)
			results = append(results, &Result{Scenario: s.Name, Title: s.Title, Seed: o.Seed, Skipped: err.Error()})
			continue
		}
		r := s.run(ctx, &o)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		results = append(results, r)
		if o.Done != nil {
			o.Done(results)
		}
	}
	return results, nil
}

// sweep removes the networks and mounts that runs left which were killed. Their directories stay.
func sweep(ctx context.Context, dir string) error {
	var errs []error
	if faultnet.Available(ctx) == nil {
		errs = append(errs, faultnet.SweepStale(ctx))
	}
	if powercut.Available() == nil {
		errs = append(errs, powercut.SweepStale(dir))
	}
	if faultfs.Available() == nil {
		errs = append(errs, faultfs.SweepStale(dir))
	}
	return errors.Join(errs...)
}

// run runs one scenario from an empty directory to a verdict.
func (s *Scenario) run(ctx context.Context, o *Options) *Result {
	r := &Result{
		Scenario: s.Name, Title: s.Title, Seed: o.Seed, Nodes: max(o.Nodes, s.nodes), Clients: o.Clients,
		dir: filepath.Join(o.Dir, s.Name),
	}
	t := newTally()
	log := &faultLog{progress: o.Progress}
	_, _ = fmt.Fprintf(o.Progress, "== %s: %s\n", s.Name, s.Title)
	if err := s.play(ctx, o, r, log, t); err != nil {
		r.Trouble = err.Error()
	}
	r.Violations = t.violations()
	r.Applied, r.Refused, r.Unknown = t.outcome(katakv.OutcomeApplied), t.outcome(katakv.OutcomeNotApplied), t.outcome(katakv.OutcomeUnknown)
	r.Errors, r.Examples = t.failures()
	r.Faults = log.all()
	for _, v := range r.Violations {
		_, _ = fmt.Fprintf(o.Progress, "VIOLATION: %s\n", v)
	}
	_, _ = fmt.Fprintf(o.Progress, "== %s: %s, %d operations checked in %.1f s\n\n", s.Name, r.Verdict(), r.Checked, r.Judging.Seconds())
	if r.OK() || ctx.Err() != nil {
		_ = os.RemoveAll(r.dir)
		r.history, r.verdict = nil, nil
	}
	return r
}

// play builds the stage, hurts it, heals it and judges. Violations go to the tally; the error is the harness's.
func (s *Scenario) play(ctx context.Context, o *Options, r *Result, log *faultLog, t *tally) (err error) {
	if err := os.RemoveAll(r.dir); err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	st, err := openStage(opening, s, o, r.dir, log, t)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, st.close())
		st.searchLogs()
	}()
	shards, err := st.shards(ctx)
	if err != nil {
		return err
	}
	h, streams, err := st.storm(ctx, o, r, shards)
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	finals := st.finish(ctx, &h, streams)
	r.history = h
	if ctx.Err() == nil {
		judge(r, h, streams, finals, t)
	}
	return ctx.Err()
}

// storm lets clients work while the nemesis rages, then heals and waits for life. It returns what clients saw.
func (st *stage) storm(ctx context.Context, o *Options, r *Result, shards []shardSlots) (check.History, []*stream, error) {
	var doors []placement.Addresses
	for _, n := range st.cluster.Nodes {
		doors = append(doors, n.Addresses)
	}
	seed := o.Seed ^ hash(st.scenario.Name)
	w := newWorkload(&workloadConfig{
		doors: doors, shards: shards, clients: o.Clients, rate: o.Rate, seed: seed, tally: st.tally,
	})
	st.faults.start()
	began := clock.Monotonic()
	w.start()
	defer w.halt()
	stop := st.report(w)
	defer stop()
	w.wait(calm)
	raging, cancel := context.WithTimeout(ctx, o.Duration)
	err := st.scenario.nemesis(raging, st.newHand(seed, 0))
	if err == nil {
		<-raging.Done() // a nemesis may have nothing more to do
	}
	cancel()
	err = errors.Join(err, st.heal())
	if err == nil && ctx.Err() == nil {
		st.faults.say("everything is healed")
		r.Recovery = st.awaitLife(ctx, shards)
		st.faults.say("every shard takes writes through every node, %.1f s after healing", r.Recovery.Seconds())
		w.wait(calm)
	}
	w.halt()
	ended := clock.Monotonic()
	h := w.history()
	r.Duration = ended - began
	r.Throughput = secondsOf(h, began)
	r.LongestGap = longestGap(h, shards, began, ended)
	return h, w.streams, err
}

// report tells of progress until stop is called.
func (st *stage) report(w *workload) (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := clock.NewTicker(progressInterval)
		defer ticker.Stop()
		before := 0
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			applied := w.tally.outcome(katakv.OutcomeApplied)
			st.faults.say("%5.0f ops/s, %d applied, %d refused, %d unknown", float64(applied-before)/progressInterval.Seconds(),
				applied, w.tally.outcome(katakv.OutcomeNotApplied), w.tally.outcome(katakv.OutcomeUnknown))
			before = applied
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// hash makes a number of a name.
func hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}

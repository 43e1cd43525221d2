package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/clock"
)

const (
	// grace is how long the operations in flight may take after the measured time, before they are given up.
	grace = 2 * time.Second

	// fillPatience is how long Fill goes on without any success.
	fillPatience = 30 * time.Second
)

// run is what the workers share.
type run struct {
	config   Config
	options  client.Options
	topology *topology

	fill  bool
	begin time.Time // of the measured time
	end   time.Time // of the measured time; zero when operations are counted instead
	left  atomic.Int64

	mu struct {
		sync.Mutex
		failed error
	}
}

func newRun(ctx context.Context, config Config) (*run, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	options := client.Options{Timeout: config.Timeout}
	topology, err := newTopology(ctx, &config, options)
	if err != nil {
		return nil, err
	}
	return &run{config: config, options: options, topology: topology}, nil
}

// Run loads the servers as config says and returns what it measured. Failed operations are part of the result;
// the error is for a run that could not be measured: no cluster, a server process that is not there, the end of
// ctx.
func Run(ctx context.Context, config Config) (*Result, error) {
	r, err := newRun(ctx, config)
	if err != nil {
		return nil, err
	}
	r.begin = clock.Wall().Add(config.Warmup)
	stop := context.CancelFunc(nil)
	if config.Operations > 0 {
		r.left.Store(config.Operations)
		ctx, stop = context.WithCancel(ctx)
	} else {
		r.end = r.begin.Add(config.Duration)
		ctx, stop = context.WithDeadline(ctx, r.end.Add(grace))
	}
	tallies, wait := r.start(ctx)
	defer wait()
	defer stop() // first: it is what the workers wait for after an error

	m := meter{proc: config.Proc, pids: config.ServerPIDs}
	if !pause(ctx, config.Warmup) {
		return nil, fmt.Errorf("warm-up: %w", context.Cause(ctx))
	}
	began := clock.Wall()
	before, err := m.read()
	if err != nil {
		return nil, err
	}
	if r.end.IsZero() {
		wait()
	} else {
		pause(ctx, r.end.Sub(clock.Wall()))
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	metered := clock.Wall().Sub(began)
	after, err := m.read()
	if err != nil {
		return nil, err
	}
	wait()
	measured := metered
	if !r.end.IsZero() {
		measured = config.Duration
	}
	result := newResult(tallies, measured)
	return result, result.spent(before, after, metered)
}

// Fill writes each of config's keys once, and again until it succeeds: config's shares, times and counts do not
// matter. It fails when nothing has succeeded for half a minute.
func Fill(ctx context.Context, config Config) error {
	config.ReadPercent, config.WaitReplicas, config.Operations = 0, 0, config.Keys
	r, err := newRun(ctx, config)
	if err != nil {
		return err
	}
	r.fill, r.begin = true, clock.Wall()
	r.left.Store(config.Keys)
	_, wait := r.start(ctx)
	wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.failed == nil {
		return context.Cause(ctx)
	}
	return r.mu.failed
}

// start starts the workers; wait returns once they have ended.
func (r *run) start(ctx context.Context) (tallies []*tally, wait func()) {
	var group sync.WaitGroup
	for i := range r.config.Connections {
		w := newWorker(r, i)
		tallies = append(tallies, w.tally)
		group.Go(func() { w.loop(ctx) })
	}
	return tallies, group.Wait
}

// draw returns how many fresh operations the worker may begin, to fill its pipeline; 0 ends it.
func (r *run) draw(w *worker) int {
	want := int64(max(r.config.Pipeline-len(w.retry), 0))
	now := clock.Wall()
	switch {
	case !r.end.IsZero() && now.Before(r.end), now.Before(r.begin):
		return int(want)
	case !r.end.IsZero():
		w.retry = nil
		return 0
	}
	w.counted = true
	for {
		left := r.left.Load()
		n := min(want, left)
		if n == 0 {
			return 0
		}
		if r.fill {
			w.sequence = left - n
		}
		if r.left.CompareAndSwap(left, left-n) {
			return int(n)
		}
	}
}

// next returns the worker's next operation.
func (r *run) next(w *worker) operation {
	if r.fill {
		w.sequence++
		return operation{key: w.sequence - 1}
	}
	return operation{
		key:  w.random.Int64N(r.config.Keys),
		read: r.config.ReadPercent > 0 && w.random.IntN(100) < r.config.ReadPercent,
	}
}

// measuring reports whether something that ends now is counted.
func (r *run) measuring(now time.Time) bool {
	return !now.Before(r.begin) && !r.end.IsZero() && now.Before(r.end)
}

// rest pauses a worker after a round without success. It returns false to end it.
func (r *run) rest(ctx context.Context, w *worker) bool {
	if r.fill && clock.Wall().Sub(w.lastSuccess) > fillPatience {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.mu.failed == nil {
			r.mu.failed = fmt.Errorf("fill: no key written for %v: %s", fillPatience, w.lastError)
		}
		return false
	}
	return pause(ctx, errorPause)
}

// pause waits for d; it returns false as soon as ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

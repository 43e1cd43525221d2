package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"sync"
	"time"

	"github.com/katakv/katakv/internal/clock"
)

// batch is a worker's next records.
type batch []record

// flow moves a stream through workers.
type flow struct {
	config  Config
	tracker *tracker
	queues  []chan batch
	open    []batch // being filled, one for each worker
	bytes   []int   // of each open batch
	cancel  context.CancelCauseFunc
}

// runFlow reads in and hands its records to workers. Each is made by newWorker and works off its batches, in
// order. The first error ends everything. OnProgress has been called for the last time when it returns.
func runFlow(
	ctx context.Context, in io.Reader, config Config, newWorker func(f *flow, index int) worker,
) (Progress, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := &flow{
		config: config, tracker: newTracker(config.Connections, config.From), cancel: cancel,
		open: make([]batch, config.Connections), bytes: make([]int, config.Connections),
	}
	var workers, reporter sync.WaitGroup
	for i := range config.Connections {
		queue := make(chan batch, 2)
		f.queues = append(f.queues, queue)
		workers.Go(func() { f.work(ctx, newWorker(f, i), i, queue) })
	}
	ended := make(chan struct{})
	if config.OnProgress != nil {
		reporter.Go(func() { f.report(ended) })
	}
	err := f.read(ctx, in)
	if err != nil {
		cancel(err)
	}
	for _, queue := range f.queues {
		close(queue)
	}
	workers.Wait()
	close(ended)
	reporter.Wait()
	progress := f.tracker.progress()
	if config.OnProgress != nil {
		config.OnProgress(progress)
	}
	return progress, context.Cause(ctx)
}

// worker works off batches for one goroutine.
type worker interface {
	// process returns once every record of the batch is done, or with a fatal error.
	process(ctx context.Context, records batch) error
	close()
}

func (f *flow) work(ctx context.Context, w worker, index int, queue <-chan batch) {
	defer w.close()
	for records := range queue {
		if ctx.Err() != nil {
			continue // the reader must not block
		}
		if err := w.process(ctx, records); err != nil {
			f.cancel(err)
			continue
		}
		f.tracker.done(index)
	}
}

func (f *flow) report(ended <-chan struct{}) {
	ticker := clock.NewTicker(f.config.ProgressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.config.OnProgress(f.tracker.progress())
		case <-ended:
			return
		}
	}
}

// read reads all lines.
func (f *flow) read(ctx context.Context, in io.Reader) error {
	if n, err := io.CopyN(io.Discard, in, f.config.From.Bytes); err != nil {
		return fmt.Errorf("go on at byte %d: the input has only %d: %w", f.config.From.Bytes, n, err)
	}
	lines := &lineReader{in: bufio.NewReaderSize(in, 64<<10), position: f.config.From}
	for ctx.Err() == nil {
		before := lines.position
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return f.flush(ctx)
		case err != nil:
			return fmt.Errorf("read the records: %w", err)
		}
		bad := int64(0)
		if len(line) > 0 { // a blank line is nothing
			parsed, err := parseRecord(line, f.config.Key, f.config.Prefix)
			switch {
			case err == nil:
				parsed.line = lines.position.Lines
				err = f.add(ctx, parsed, before)
			case f.config.SkipBad:
				bad, err = 1, nil
			default:
				err = &LineError{Line: lines.position.Lines, Err: err}
			}
			if err != nil {
				return err
			}
		}
		f.tracker.advance(lines.position, bad)
	}
	return context.Cause(ctx)
}

// add puts a record into the batch of the worker that has its key.
func (f *flow) add(ctx context.Context, r record, at Position) error {
	hash := fnv.New32a()
	_, _ = hash.Write(r.key)
	w := int(hash.Sum32() % uint32(len(f.queues)))
	if len(f.open[w]) == 0 {
		f.tracker.begin(w, at)
		f.open[w] = make(batch, 0, f.config.Pipeline)
	}
	f.open[w] = append(f.open[w], r)
	f.bytes[w] += len(r.key) + len(r.value)
	if len(f.open[w]) < f.config.Pipeline && f.bytes[w] < maxBatchBytes {
		return nil
	}
	return f.send(ctx, w)
}

func (f *flow) send(ctx context.Context, w int) error {
	select {
	case f.queues[w] <- f.open[w]:
		f.open[w], f.bytes[w] = nil, 0
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *flow) flush(ctx context.Context) error {
	for w := range f.open {
		if len(f.open[w]) > 0 {
			if err := f.send(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/katakv/katakv/internal/sim"
)

// record is what came of one seed, as a worker tells it: one line of JSON.
type record struct {
	Seed    uint64        `json:"seed"`
	Trace   uint64        `json:"trace"`
	Error   string        `json:"error,omitempty"`
	Plan    string        `json:"plan"`
	Summary string        `json:"summary"`
	Pebble  bool          `json:"pebble"`
	CPU     time.Duration `json:"cpu"`

	Simulated    time.Duration `json:"simulated"`
	Acknowledged int           `json:"acknowledged"`
	Strikes      int           `json:"strikes"`
	Installs     int           `json:"installs"`
}

// gcPercent lets the heap of a worker grow to five times what lives before garbage is collected: that is a few hundred
// megabytes at most, and a sixth of the processor time.
const gcPercent = 400

// work takes seeds from standard input, a line each, and writes a record for each.
func work(c *changes, stdout io.Writer) error {
	debug.SetGCPercent(gcPercent)
	out := json.NewEncoder(stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		seed, err := parseSeed(strings.TrimSpace(in.Text()))
		if err != nil {
			return err
		}
		r, err := carryOut(c, seed)
		if err != nil {
			return err
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func carryOut(c *changes, seed uint64) (*record, error) {
	p, err := c.plan(seed)
	if err != nil {
		return nil, err
	}
	before := processorTime()
	r := sim.Run(p)
	rec := &record{
		Seed: seed, Trace: r.Trace, Plan: p.String(), Summary: summary(&r), Pebble: p.Options.Pebble,
		CPU: processorTime() - before, Simulated: r.Simulated, Acknowledged: r.Acknowledged, Installs: r.Installs,
	}
	for _, n := range r.Strikes {
		rec.Strikes += n
	}
	if r.Err != nil {
		rec.Error = r.Err.Error()
	}
	return rec, nil
}

// processorTime returns what this process has used, all its threads.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// seedTimeout is how long a seed may take in real time before its process counts as hanging: a hundred times what it
// takes on an idle machine.
const seedTimeout = 3 * time.Minute

// each hands seeds to worker processes and their records to tell, one at a time, until it returns false. A worker
// that dies or hangs fails its seed, and another one takes its place.
func (s *search) each(ctx context.Context, stderr io.Writer, tell func(*record) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	exe := s.exe
	if exe == "" {
		var err error
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	q := &seedQueue{next: s.from, left: s.seeds}
	records := make(chan *record)
	var group sync.WaitGroup
	for range s.workers {
		group.Go(func() {
			for ctx.Err() == nil && q.more() {
				s.worker(ctx, exe, q, records, stderr)
			}
		})
	}
	go func() {
		group.Wait()
		close(records)
	}()
	for r := range records {
		if ctx.Err() == nil && !tell(r) {
			cancel()
		}
	}
	return nil
}

// seedQueue gives out seeds in order.
type seedQueue struct {
	mu   sync.Mutex
	next uint64
	left int
}

func (q *seedQueue) more() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.left > 0
}

func (q *seedQueue) take() (uint64, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left == 0 {
		return 0, false
	}
	q.left--
	q.next++
	return q.next - 1, true
}

// worker runs one process until the seeds or the context end, or a seed ends it.
func (s *search) worker(ctx context.Context, exe string, q *seedQueue, records chan<- *record, stderr io.Writer) {
	cmd := exec.CommandContext(ctx, exe, append([]string{"run", "--worker"}, strings.Fields(s.flags())...)...)
	// One seed has one goroutine; more processors would measure the collector.
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", max(1, s.processors)))
	tail := &tailWriter{}
	cmd.Stderr = tail
	in, err := cmd.StdinPipe()
	if err != nil {
		fmt.Fprintf(stderr, "katasim: %v\n", err)
		return
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintf(stderr, "katasim: start a worker: %v\n", err)
		return
	}
	decoder := json.NewDecoder(out)
	for ctx.Err() == nil {
		seed, ok := q.take()
		if !ok {
			break
		}
		r, err := ask(cmd, in, decoder, seed)
		if err != nil {
			if ctx.Err() == nil {
				_ = cmd.Wait()
				records <- &record{Seed: seed, Error: fmt.Sprintf("the process ended: %v\n%s", err, tail)}
			}
			break
		}
		records <- r
	}
	_ = in.Close()
	_ = cmd.Wait()
}

// ask lets a worker carry out a seed.
func ask(cmd *exec.Cmd, in io.Writer, out *json.Decoder, seed uint64) (*record, error) {
	if _, err := fmt.Fprintln(in, seed); err != nil {
		return nil, err
	}
	hangs := time.AfterFunc(seedTimeout, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer hangs.Stop()
	r := &record{}
	if err := out.Decode(r); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("no answer")
		}
		return nil, err
	}
	return r, nil
}

// tailWriter keeps the first few kilobytes of what a dying process says: a panic begins with its reason.
type tailWriter struct {
	mu   sync.Mutex
	text []byte
}

const keptBytes = 8 << 10

// Write implements io.Writer.
func (t *tailWriter) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), keptBytes-len(t.text))]...)
	return len(p), nil
}

// String returns what was kept.
func (t *tailWriter) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

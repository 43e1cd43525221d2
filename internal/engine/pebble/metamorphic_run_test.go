package pebble_test

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/katakv/katakv/internal/crashfs"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/engine/enginetest"
	"github.com/katakv/katakv/internal/engine/pebble"
)

// promise is what the engine has said is durable: the first commits changes' commits, in a state.
type promise struct {
	state   map[string]string
	commits int
	changes int // how many changes the state has
}

// runner is one engine beside a plain map.
type runner struct {
	tally
	set    int
	disk   *crashfs.FS
	engine *pebble.Engine
	fatal  chan error // what the engine gave to Fatal; nil panics

	state   map[string]string
	changes []change
	commits int
	// promised is read by crashes on Pebble's goroutines.
	promised atomic.Pointer[promise]

	snapshots []heldSnapshot
	later     laterCrash
	digest    hash.Hash64 // of all answers
}

type heldSnapshot struct {
	engine.Snapshot
	state map[string]string
}

// runSteps runs steps on a fresh disk.
func runSteps(set int, steps []step) (*runner, error) {
	r := &runner{set: set, disk: crashfs.New(), state: map[string]string{}, digest: fnv.New64a()}
	r.promised.Store(&promise{state: map[string]string{}})
	if err := r.open(); err != nil {
		return r, err
	}
	for i, s := range steps {
		if err := r.step(s); err != nil {
			return r, fmt.Errorf("step %d, %v: %w", i, s, err)
		}
		if err := r.crashedMeanwhile(); err != nil {
			return r, fmt.Errorf("step %d, %v, crash: %w", i, s, err)
		}
	}
	return r, errors.Join(r.checkAll(), r.close())
}

func (r *runner) open() error {
	opts := pebble.Options{FS: r.disk, CacheBytes: 256 << 10, MemTableBytes: 128 << 10, Fatal: r.onFatal(r.fatal)}
	opts.Tune(optionSets[r.set].tune)
	e, err := pebble.Open(dir, opts)
	if err != nil {
		return err
	}
	r.engine = e
	return nil
}

func (r *runner) onFatal(fatal chan error) func(error) {
	name := optionSets[r.set].name
	return func(err error) {
		if fatal == nil {
			panic(fmt.Sprintf("options %q: nothing is wrong with the disk, but %v", name, err))
		}
		select {
		case fatal <- err:
		default: // one is enough
		}
	}
}

// close closes what is open.
func (r *runner) close() error {
	var errs []error
	for _, s := range r.snapshots {
		errs = append(errs, s.Close())
	}
	r.snapshots = nil
	return errors.Join(append(errs, r.engine.Close())...)
}

func (r *runner) step(s step) error {
	rng := rand.New(rand.NewPCG(s.seed, 12))
	r.Operations++
	switch s.kind {
	case stepCommit:
		return r.commit(rng)
	case stepGet:
		return r.get(rng)
	case stepScan:
		return r.scan(rng, r.engine, r.state)
	case stepSnapshot:
		return r.snapshot()
	case stepReadSnapshots:
		return r.readSnapshots(rng)
	case stepDurable:
		return r.durable()
	case stepFlush:
		return r.flush()
	case stepCompact:
		start, end := drawRange(rng)
		return r.engine.Compact([]byte(start), []byte(end))
	case stepIngest:
		return r.ingest(drawIngestion(rng))
	case stepAbort:
		return r.abort(rng)
	case stepReopen:
		return r.reopen()
	case stepCrash:
		return r.crash(rng)
	case stepCrashLater:
		r.crashLater(rng)
	case stepFault:
		return r.fault(rng)
	}
	return nil
}

func (r *runner) commit(rng *rand.Rand) error {
	c := drawCommit(rng, r.commits+1)
	r.add(c)
	return r.commitToEngine(&c)
}

// add makes the change in the model: first, since the engine may make it durable before it returns.
func (r *runner) add(c change) {
	r.changes = append(r.changes, c)
	r.Operations += len(c.writes)
	if c.ingestion {
		r.Ingestions++
	} else {
		r.commits++
		r.Commits++
	}
	c.apply(r.state)
}

func (r *runner) commitToEngine(c *change) error {
	b := r.engine.NewBatch()
	for _, w := range c.writes {
		switch w.kind {
		case 's':
			b.Set([]byte(w.key), []byte(w.value))
		case 'd':
			b.Delete([]byte(w.key))
		case 'r':
			b.DeleteRange(engine.Span{Start: []byte(w.key), End: []byte(w.value)})
		}
	}
	return r.engine.Commit(b)
}

// answer compares an answer with the model's and takes it into the digest.
func (r *runner) answer(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s: got %.100q, want %.100q", what, got, want)
	}
	_, err := fmt.Fprint(r.digest, what, got)
	return err
}

func (r *runner) get(rng *rand.Rand) error {
	key := drawKey(rng)
	return r.getFrom(r.engine, r.state, key)
}

func (r *runner) getFrom(reader engine.Reader, state map[string]string, key string) error {
	value, err := reader.Get([]byte(key))
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	want, ok := state[key]
	return r.answer("get "+key, fmt.Sprint(string(value), err == nil), fmt.Sprint(want, ok))
}

func (r *runner) scan(rng *rand.Rand, reader engine.Reader, state map[string]string) error {
	start, end := drawRange(rng)
	limit := 1 + rng.IntN(100)
	got, left := "", limit
	err := reader.Scan(engine.Span{Start: []byte(start), End: []byte(end)}, func(key, value []byte) bool {
		got += string(key) + "=" + string(value) + " "
		left--
		return left > 0
	})
	if err != nil {
		return err
	}
	return r.answer("scan "+start+" "+end, got, scanModel(state, start, end, limit))
}

func scanModel(state map[string]string, start, end string, limit int) string {
	var keys []string
	for key := range state {
		if key >= start && key < end {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	want := ""
	for _, key := range keys[:min(limit, len(keys))] {
		want += key + "=" + state[key] + " "
	}
	return want
}

func (r *runner) snapshot() error {
	if len(r.snapshots) > 2 {
		err := r.snapshots[0].Close()
		r.snapshots = r.snapshots[1:]
		return err
	}
	r.snapshots = append(r.snapshots, heldSnapshot{r.engine.NewSnapshot(), maps.Clone(r.state)})
	return nil
}

// readSnapshots leaves the digest alone: crashes close snapshots, and come at other moments under other option sets.
func (r *runner) readSnapshots(rng *rand.Rand) error {
	digest := r.digest
	r.digest = fnv.New64a()
	defer func() { r.digest = digest }()
	for _, s := range r.snapshots {
		if err := errors.Join(r.getFrom(s, s.state, drawKey(rng)), r.scan(rng, s, s.state)); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	return nil
}

// durable checks that the durable view is a prefix, no shorter than what was promised. Its answers differ between
// option sets.
func (r *runner) durable() error {
	view, err := r.engine.Durable()
	if err != nil {
		return err
	}
	got, err := contents(view)
	if err == nil {
		_, err = r.prefix(r.promised.Load(), got)
	}
	if err == nil {
		value, getErr := view.Get([]byte(counter))
		if string(value) != got[counter] || (getErr != nil) != (got[counter] == "") {
			err = fmt.Errorf("get counter: %q, %w, want %q", value, getErr, got[counter])
		}
	}
	return errors.Join(err, view.Close())
}

func contents(reader engine.Reader) (map[string]string, error) {
	all := map[string]string{}
	err := reader.Scan(enginetest.Everything, func(key, value []byte) bool {
		all[string(key)] = string(value)
		return true
	})
	return all, err
}

// checkAll compares everything.
func (r *runner) checkAll() error {
	got, err := contents(r.engine)
	if err == nil && !maps.Equal(got, r.state) {
		err = fmt.Errorf("at commit %d: %s", r.commits, difference(got, r.state))
	}
	return err
}

// difference names the first key that differs.
func difference(got, want map[string]string) string {
	keys := slices.Sorted(maps.Keys(got))
	keys = append(keys, slices.Sorted(maps.Keys(want))...)
	for _, key := range keys {
		g, inGot := got[key]
		w, inWant := want[key]
		if inGot != inWant || g != w {
			return fmt.Sprintf("%s is %.60q (present: %v), want %.60q (present: %v)", key, g, inGot, w, inWant)
		}
	}
	return "no difference"
}

func (r *runner) flush() error {
	made := len(r.changes)
	if err := r.engine.Flush(); err != nil {
		return err
	}
	r.promised.Store(&promise{maps.Clone(r.state), r.commits, made})
	return nil
}

// stage stages an ingestion of c.
func (r *runner) stage(c *change) (engine.Ingestion, error) {
	var spans []engine.Span
	for i := 0; i < len(c.spans); i += 2 {
		spans = append(spans, engine.Span{Start: []byte(c.spans[i]), End: []byte(c.spans[i+1])})
	}
	in, err := r.engine.NewIngestion(spans)
	if err != nil {
		return nil, err
	}
	for _, w := range c.writes {
		if w.kind != 's' {
			continue
		}
		if err := in.Set([]byte(w.key), []byte(w.value)); err != nil {
			in.Abort()
			return nil, err
		}
	}
	return in, nil
}

func (r *runner) ingest(c change) error {
	r.add(c)
	return r.ingestToEngine(&c)
}

// ingestToEngine makes the last change. On Pebble it makes the commits before it durable too.
func (r *runner) ingestToEngine(c *change) error {
	in, err := r.stage(c)
	if err != nil {
		return err
	}
	defer in.Abort()
	if err := in.Commit(); err != nil {
		return err
	}
	r.promised.Store(&promise{maps.Clone(r.state), r.commits, len(r.changes)})
	return nil
}

// abort stages an ingestion that never happens, sometimes across a commit.
func (r *runner) abort(rng *rand.Rand) error {
	c := drawIngestion(rng)
	in, err := r.stage(&c)
	if err != nil {
		return err
	}
	if rng.IntN(2) == 0 {
		err = r.commit(rng)
	}
	in.Abort()
	return err
}

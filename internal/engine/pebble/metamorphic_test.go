package pebble_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	library "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/katakv/katakv/internal/require"
)

// optionSets are ways to set up Pebble that must not be told apart by what the engine answers.
var optionSets = []struct {
	name string
	tune func(*library.Options)
}{
	{"production", func(*library.Options) {}},
	{"tiny memtables", func(o *library.Options) { o.MemTableSize = 8 << 10 }},
	{"tiny blocks", func(o *library.Options) {
		for i := range o.Levels {
			o.Levels[i].BlockSize, o.Levels[i].IndexBlockSize = 1, 64 // one record a block, indexes of two levels
		}
	}},
	{"huge blocks, one bit of bloom", func(o *library.Options) {
		for i := range o.Levels {
			o.Levels[i].BlockSize, o.Levels[i].FilterPolicy = 1<<20, bloom.FilterPolicy(1)
		}
	}},
	{"no bloom, no cache, few open files", func(o *library.Options) {
		for i := range o.Levels {
			o.Levels[i].FilterPolicy = nil
		}
		o.Cache, o.MaxOpenFiles = nil, 1
	}},
	{"small levels", func(o *library.Options) {
		o.MemTableSize, o.LBaseMaxBytes, o.L0CompactionThreshold = 16<<10, 4<<10, 1
		o.CompactionConcurrencyRange = func() (int, int) { return 3, 3 }
		o.FlushSplitBytes = 1 << 10
		for i := range o.TargetFileSizes {
			o.TargetFileSizes[i] = 2 << 10
		}
	}},
	{"no compactions", func(o *library.Options) {
		o.DisableAutomaticCompactions, o.MemTableSize = true, 32<<10
		o.L0StopWritesThreshold = 1 << 20
	}},
	{"a new manifest at every edit, syncs on the way", func(o *library.Options) {
		o.MaxManifestFileSize, o.BytesPerSync, o.MemTableSize = 1, 512, 32<<10
	}},
	{"compressed everywhere, two memtables", func(o *library.Options) {
		o.ApplyCompressionSettings(func() library.DBCompressionSettings { return library.DBCompressionGood })
		o.MemTableStopWritesThreshold, o.MemTableSize = 2, 16<<10
	}},
	{"deletions compact at once, lazy levels", func(o *library.Options) {
		o.MemTableSize = 16 << 10
		o.FlushDelayDeleteRange, o.FlushDelayRangeKey = 1, 1
		o.Experimental.MultiLevelCompactionHeuristic = library.WriteAmpHeuristic{AddPropensity: 1, AllowL0: true}
		o.Experimental.LevelMultiplier = 2
	}},
}

// TestMetamorphic runs the same random steps under every option set, with crashes and broken disks. After a crash
// what is lost is applied again, as the log does, so that all answers must be the same under all sets.
func TestMetamorphic(t *testing.T) {
	seeds, steps := 1, 500
	if require.Full() {
		seeds, steps = 8, 2500
	}
	var total tally
	for _, seed := range require.Seeds(t, seeds) {
		rng := rand.New(rand.NewPCG(seed, 11))
		steps := drawSteps(rng, steps)
		for _, kind := range []stepKind{stepIngest, stepCrash, stepFault} { // few steps may have none of them
			steps[rng.IntN(len(steps))] = step{kind, rng.Uint64()}
		}
		var want uint64
		for i := range optionSets {
			r, err := runSteps(i, steps)
			total.add(&r.tally)
			if err != nil {
				few := shrink(steps, func(steps []step) bool { _, err := runSteps(i, steps); return err != nil })
				_, again := runSteps(i, few)
				t.Fatalf("seed %d, options %q: %v\nshrunk to %d steps: %v\n%v", seed, optionSets[i].name, err, len(few), few, again)
			}
			if got := r.digest.Sum64(); i == 0 {
				want = got
			} else if got != want {
				t.Fatalf("seed %d: options %q answer differently than %q", seed, optionSets[i].name, optionSets[0].name)
			}
		}
	}
	t.Logf("%d option sets: %+v, %d goroutines", len(optionSets), total, runtime.NumGoroutine())
	if total.Crashes == 0 || total.Faults == 0 || total.Lost == 0 || total.Ingestions == 0 {
		t.Errorf("the test must crash, fail, lose and ingest: %+v", total)
	}
}

// shrink leaves out steps for as long as the rest still fails. Pebble's goroutines make no run quite repeat another,
// so each attempt is made a few times.
func shrink(steps []step, fails func([]step) bool) []step {
	const attempts = 3
	for piece := len(steps) / 2; piece > 0; piece /= 2 {
		for at := 0; at+piece <= len(steps); {
			fewer := slices.Delete(slices.Clone(steps), at, at+piece)
			if slices.ContainsFunc(make([]int, attempts), func(int) bool { return fails(fewer) }) {
				steps = fewer
			} else {
				at += piece
			}
		}
	}
	return steps
}

// step is one thing that happens. All that it draws comes from its own seed, so that steps can be left out.
type step struct {
	kind stepKind
	seed uint64
}

type stepKind int

const (
	stepCommit stepKind = iota
	stepGet
	stepScan
	stepSnapshot
	stepReadSnapshots
	stepDurable
	stepFlush
	stepCompact
	stepIngest
	stepAbort
	stepReopen
	stepCrash
	stepCrashLater
	stepFault
)

var stepNames = []string{
	"commit", "get", "scan", "snapshot", "read snapshots", "durable", "flush", "compact", "ingest", "abort",
	"reopen", "crash", "crash later", "fault",
}

// String implements fmt.Stringer.
func (s step) String() string { return fmt.Sprintf("%s(%d)", stepNames[s.kind], s.seed) }

// weights say how often each kind is drawn.
var weights = []int{400, 150, 60, 12, 20, 20, 12, 4, 12, 6, 3, 12, 16, 2}

func drawSteps(rng *rand.Rand, n int) []step {
	var kinds []stepKind
	for kind, weight := range weights {
		kinds = append(kinds, slices.Repeat([]stepKind{stepKind(kind)}, weight)...)
	}
	steps := make([]step, n)
	for i := range steps {
		steps[i] = step{kinds[rng.IntN(len(kinds))], rng.Uint64()}
	}
	return steps
}

// tally counts what a run did.
type tally struct {
	Operations, Commits, Ingestions, Crashes, Lost, Faults, Fatal int
}

func (t *tally) add(o *tally) {
	t.Operations += o.Operations
	t.Commits += o.Commits
	t.Ingestions += o.Ingestions
	t.Crashes += o.Crashes
	t.Lost += o.Lost
	t.Faults += o.Faults
	t.Fatal += o.Fatal
}

// edit is one change of the state.
type edit struct {
	kind       byte // 's'et, 'd'elete, 'r'ange
	key, value string
}

// change is a commit or an ingestion, in the order in which they were made.
type change struct {
	ingestion bool
	spans     []string // of an ingestion: start, end, start, end
	writes    []edit
}

// counter is a key outside all ranges in which every commit leaves its number.
const counter = "counter"

func drawKey(rng *rand.Rand) string { return fmt.Sprintf("k%03d", rng.IntN(250)) }

func drawValue(rng *rand.Rand) string {
	value := fmt.Sprint(rng.Uint32())
	switch rng.IntN(20) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(value, 300) // some 3 kB
	case 2, 3, 4:
		return strings.Repeat(value, 20)
	}
	return value
}

func drawRange(rng *rand.Rand) (start, end string) {
	start, end = drawKey(rng), drawKey(rng)
	if start > end {
		start, end = end, start
	}
	return start, end + "\x00"
}

// drawCommit draws the writes of commit number n.
func drawCommit(rng *rand.Rand, n int) change {
	c := change{writes: []edit{{'s', counter, fmt.Sprint(n)}}}
	for range 1 + rng.IntN(8) {
		switch rng.IntN(12) {
		case 0, 1:
			c.writes = append(c.writes, edit{'d', drawKey(rng), ""})
		case 2:
			start, end := drawRange(rng)
			c.writes = append(c.writes, edit{'r', start, end})
		default:
			c.writes = append(c.writes, edit{'s', drawKey(rng), drawValue(rng)})
		}
	}
	return c
}

// drawIngestion draws the replacement of one to three spans.
func drawIngestion(rng *rand.Rand) change {
	c := change{ingestion: true}
	for at := rng.IntN(80); at < 250 && len(c.spans) < 6; at += rng.IntN(80) {
		first := at
		at += 1 + rng.IntN(60)
		start, end := fmt.Sprintf("k%03d", first), fmt.Sprintf("k%03d", at)
		c.spans = append(c.spans, start, end)
		c.writes = append(c.writes, edit{'r', start, end})
		for key := first; key < min(at, 250); key++ {
			if rng.IntN(3) == 0 {
				c.writes = append(c.writes, edit{'s', fmt.Sprintf("k%03d", key), drawValue(rng)})
			}
		}
	}
	return c
}

// apply makes the change in state.
func (c *change) apply(state map[string]string) {
	for _, w := range c.writes {
		switch w.kind {
		case 's':
			state[w.key] = w.value
		case 'd':
			delete(state, w.key)
		case 'r':
			for key := range state {
				if key >= w.key && key < w.value {
					delete(state, key)
				}
			}
		}
	}
}

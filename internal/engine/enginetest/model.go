package enginetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/katakv/katakv/internal/engine"
)

// Model is a plain map beside an engine: it remembers every commit and ingestion, so that it can tell what
// any prefix of the commits would leave.
type Model struct {
	events  []event
	commits int
	// Flushed is the number of commits that were made before the last flush ended.
	Flushed int
}

// event is a commit or an ingestion.
type event struct {
	ingestion bool
	changes   []change
}

type change struct {
	kind       byte // 's'et, 'd'elete, 'r'ange
	key, value string
}

// State returns what the first n commits, and every ingestion, leave.
func (m *Model) State(n int) map[string]string {
	state := map[string]string{}
	for _, e := range m.events {
		if !e.ingestion {
			if n == 0 {
				continue
			}
			n--
		}
		for _, c := range e.changes {
			switch c.kind {
			case 's':
				state[c.key] = c.value
			case 'd':
				delete(state, c.key)
			case 'r':
				maps.DeleteFunc(state, func(key, _ string) bool { return key >= c.key && key < c.value })
			}
		}
	}
	return state
}

// Commits is the number of commits so far.
func (m *Model) Commits() int { return m.commits }

// Prefix returns the largest n between the last flush and now for which state is what the first n commits
// leave, or false.
func (m *Model) Prefix(state map[string]string) (int, bool) {
	for n := m.commits; n >= m.Flushed; n-- {
		if maps.Equal(m.State(n), state) {
			return n, true
		}
	}
	return 0, false
}

// Step does one random thing to e and to the model. It never flushes.
func (m *Model) Step(t testing.TB, e engine.Engine, rng *rand.Rand) {
	t.Helper()
	if rng.IntN(20) == 0 {
		m.ingest(t, e, rng)
		return
	}
	b := e.NewBatch()
	var changes []change
	for range 1 + rng.IntN(8) {
		c := change{kind: 's', key: randomKey(rng)}
		switch rng.IntN(8) {
		case 0:
			c.kind = 'd'
			b.Delete([]byte(c.key))
		case 1:
			c.kind, c.value = 'r', randomKey(rng)
			if c.key >= c.value {
				c.key, c.value = c.value, c.key+"\x00"
			}
			b.DeleteRange(span(c.key, c.value))
		default:
			c.value = fmt.Sprint(rng.Uint32())
			b.Set([]byte(c.key), []byte(c.value))
		}
		changes = append(changes, c)
	}
	if err := e.Commit(b); err != nil {
		t.Fatalf("commit: %v", err)
	}
	m.events = append(m.events, event{changes: changes})
	m.commits++
}

// ingest replaces one or two of the spans k0 to k8.
func (m *Model) ingest(t testing.TB, e engine.Engine, rng *rand.Rand) {
	t.Helper()
	first, count := rng.IntN(8), 1+rng.IntN(2)
	var spans []engine.Span
	ev := event{ingestion: true}
	for i := first; i < first+count; i++ {
		start, end := fmt.Sprintf("k%d", i), fmt.Sprintf("k%d", i+1)
		spans = append(spans, span(start, end))
		ev.changes = append(ev.changes, change{kind: 'r', key: start, value: end})
	}
	in, err := e.NewIngestion(spans)
	if err != nil {
		t.Fatalf("new ingestion: %v", err)
	}
	for i := first; i < first+count; i++ {
		for j := range 10 {
			if rng.IntN(3) == 0 {
				c := change{kind: 's', key: fmt.Sprintf("k%d%d", i, j), value: fmt.Sprint(rng.Uint32())}
				if err := in.Set([]byte(c.key), []byte(c.value)); err != nil {
					t.Fatalf("stage: %v", err)
				}
				ev.changes = append(ev.changes, c)
			}
		}
	}
	if err := in.Commit(); err != nil {
		t.Fatalf("commit ingestion: %v", err)
	}
	m.events = append(m.events, ev)
}

// Flush flushes e and remembers that it did.
func (m *Model) Flush(t testing.TB, e engine.Engine) {
	t.Helper()
	if err := e.Flush(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	m.Flushed = m.commits
}

func randomKey(rng *rand.Rand) string { return fmt.Sprintf("k%02d", rng.IntN(100)) }

// testModel compares an engine with the model after every step, its durable view included.
func testModel(t *testing.T, e engine.Engine, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	var m Model
	for step := range 150 {
		if rng.IntN(10) == 0 {
			m.Flush(t, e)
		}
		m.Step(t, e, rng)
		if got, want := Contents(t, e), m.State(m.Commits()); !maps.Equal(got, want) {
			t.Fatalf("step %d: got %v, want %v", step, got, want)
		}
		d, err := e.Durable()
		if err != nil {
			t.Fatalf("step %d: durable: %v", step, err)
		}
		state := Contents(t, d)
		if err := d.Close(); err != nil {
			t.Fatalf("step %d: close durable: %v", step, err)
		}
		if _, ok := m.Prefix(state); !ok {
			t.Fatalf("step %d: the durable view is no prefix of %d commits from %d on: %v",
				step, m.Commits(), m.Flushed, state)
		}
	}
}

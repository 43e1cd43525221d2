package engine_test

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/engine/enginetest"
)

func TestMemory(t *testing.T) {
	enginetest.Run(t, func(*testing.T) engine.Engine { return engine.NewMemory() })
}

func TestMemoryCrash(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4, 5} {
		rng := rand.New(rand.NewPCG(seed, 1))
		e := engine.NewMemory()
		var m enginetest.Model
		for step := range 200 {
			m.Step(t, e, rng)
			if rng.IntN(8) == 0 {
				m.Flush(t, e)
			}
			crashed := e.Crash()
			// In memory nothing becomes durable by itself, so the prefix is known to the commit.
			if got, want := enginetest.Contents(t, crashed), m.State(m.Flushed); !maps.Equal(got, want) {
				t.Fatalf("seed %d, step %d: got %v, want %v", seed, step, got, want)
			}
			other := enginetest.Model{}
			other.Step(t, crashed, rng) // must not change e
			if got, want := enginetest.Contents(t, e), m.State(m.Commits()); !maps.Equal(got, want) {
				t.Fatalf("seed %d, step %d: the crashed engine changed the old one", seed, step)
			}
		}
	}
}

func TestMemoryCloseFindsLeaks(t *testing.T) {
	e := engine.NewMemory()
	s := e.NewSnapshot()
	if err := e.Close(); err == nil {
		t.Error("close with an open snapshot: no error")
	}
	if err := s.Close(); err != nil {
		t.Errorf("close snapshot: %v", err)
	}
	if err := e.Commit(e.NewBatch()); err == nil {
		t.Error("commit after close: no error")
	}
}

func BenchmarkMemoryCommit(b *testing.B) {
	e := engine.NewMemory()
	batch := e.NewBatch()
	rng := rand.New(rand.NewPCG(1, 1))
	key, value := make([]byte, 20), make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		for range 40 {
			binary.BigEndian.PutUint64(key, rng.Uint64N(100_000)*0x9E3779B97F4A7C15)
			batch.Set(key, value)
		}
		if err := e.Commit(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/40, "ns/set")
}

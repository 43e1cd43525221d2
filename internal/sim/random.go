package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// newRand returns the stream of random numbers that belongs to a purpose. Each part of a run has one of its own, so
// that leaving out one part, as minimizing does, changes as little as possible of the others.
func newRand(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// between draws a duration in [low, high].
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(rng.Int64N(int64(high-low)+1))
}

// chance draws true with probability p.
func chance(rng *rand.Rand, p float64) bool { return p > 0 && rng.Float64() < p }

// pick draws one of some values.
func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

// seededReader replaces crypto/rand.Reader.
type seededReader struct{ rng *rand.Rand }

// Read fills p. It never fails.
func (r *seededReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.rng.Uint32())
	}
	return len(p), nil
}

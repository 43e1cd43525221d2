package bench_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/bench"
)

func TestHistogramAgainstSortedValues(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		histogram := bench.Histogram{}
		var values []time.Duration
		for range 1 + random.IntN(2000) {
			value := time.Duration(random.Int64N(1 << random.IntN(42)))
			n := 1 + random.IntN(3)
			part := bench.Histogram{}
			part.Record(value, n)
			histogram.Merge(&part)
			values = append(values, slices.Repeat([]time.Duration{value}, n)...)
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
			rank := max(int(float64(len(values))*q+0.9999999)-1, 0)
			want := values[min(rank, len(values)-1)]
			got := histogram.Quantile(q)
			if got < want || float64(got) > float64(want)*(1+1.0/64)+1 {
				t.Errorf("seed %d, quantile %v of %d: got %d, want %d to 1.6%% more", seed, q, len(values), got, want)
			}
		}
		if histogram.Max() != values[len(values)-1] || histogram.Count() != uint64(len(values)) {
			t.Errorf("seed %d: max %v, count %d", seed, histogram.Max(), histogram.Count())
		}
	}
}

func TestHistogramExtremes(t *testing.T) {
	histogram := bench.Histogram{}
	if histogram.Quantile(0.5) != 0 || histogram.Mean() != 0 {
		t.Error("an empty histogram has no values")
	}
	histogram.Record(-time.Second, 1)
	histogram.Record(1000*time.Hour, 1)
	if histogram.Count() != 2 || histogram.Max() != 1000*time.Hour {
		t.Errorf("got %d, max %v", histogram.Count(), histogram.Max())
	}
}

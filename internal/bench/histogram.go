package bench

import (
	"math"
	"math/bits"
	"time"
)

// subBits says how fine a histogram is: each power of two is divided into 2^subBits buckets, so a value is known
// to one part in 64.
const subBits = 6

// maxValueBits bounds what is told apart: 2^42 ns is over an hour.
const maxValueBits = 42

// bucketCount is one bucket for each small value, then 2^subBits a power of two.
const bucketCount = (maxValueBits - subBits + 1) << subBits

// Histogram counts durations in buckets whose width grows with the value, as HdrHistogram does. The zero value
// is empty and ready.
type Histogram struct {
	counts [bucketCount]uint32
	total  uint64
	sum    float64 // nanoseconds
	max    int64
}

// bucketOf returns the bucket of a value. Values below 2^(subBits+1) have a bucket each.
//
//	value:  1 xxxxxx yyyyyyyy     the leading one and subBits behind it choose the bucket
func bucketOf(value int64) int {
	if value < 1<<subBits {
		return int(max(value, 0))
	}
	exponent := bits.Len64(uint64(value)) - subBits - 1
	bucket := exponent<<subBits + int(value>>exponent)
	return min(bucket, bucketCount-1)
}

// highest returns the largest value of a bucket.
func highest(bucket int) int64 {
	if bucket < 1<<(subBits+1) {
		return int64(bucket)
	}
	exponent := bucket>>subBits - 1
	mantissa := int64(bucket&(1<<subBits-1) | 1<<subBits)
	return (mantissa+1)<<exponent - 1
}

// Record counts a duration n times.
func (h *Histogram) Record(d time.Duration, n int) {
	h.counts[bucketOf(int64(d))] += uint32(n)
	h.total += uint64(n)
	h.sum += float64(d) * float64(n)
	h.max = max(h.max, int64(d))
}

// Merge adds other's counts to h.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.sum += other.sum
	h.max = max(h.max, other.max)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Quantile returns the duration that the fraction q (0 to 1) of all durations do not exceed, rounded up by at most
// one part in 64; 0 when nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.total)))
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank && seen > 0 {
			return time.Duration(min(highest(i), h.max))
		}
	}
	return time.Duration(h.max)
}

// Mean returns the average; 0 when nothing was recorded.
func (h *Histogram) Mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.total))
}

// Max returns the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

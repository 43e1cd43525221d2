package slot

import (
	"strconv"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// Range is a contiguous range of slots, both ends included; First <= Last. There is no empty range.
type Range struct {
	First katakv.Slot `json:"first"`
	Last  katakv.Slot `json:"last"`
}

// All is the range of every slot.
var All = Range{First: 0, Last: katakv.SlotCount - 1}

// Contains reports whether s lies in r.
func (r Range) Contains(s katakv.Slot) bool { return r.First <= s && s <= r.Last }

// Valid reports whether r is in order and within the slots that exist; ranges arrive from other nodes.
func (r Range) Valid() bool { return r.First <= r.Last && r.Last < katakv.SlotCount }

// Len returns the number of slots in r.
func (r Range) Len() int { return int(r.Last) - int(r.First) + 1 }

// String returns "0-5460", or "7" for a single slot, as CLUSTER NODES does.
func (r Range) String() string {
	first := strconv.Itoa(int(r.First))
	if r.First == r.Last {
		return first
	}
	return first + "-" + strconv.Itoa(int(r.Last))
}

// Key returns a key that lies in r, "PREFIX:N" for the least N: for tests and probes, which need one in each shard.
func (r Range) Key(prefix string) string {
	for i := 0; ; i++ {
		if key := prefix + ":" + strconv.Itoa(i); r.Contains(Of([]byte(key))) {
			return key
		}
	}
}

// Split divides all slots into n contiguous ranges in ascending order whose lengths differ by at most one.
// It cuts where redis-cli --cluster create does. n must lie in 1..SlotCount.
func Split(n int) []Range {
	invariant.Check(n >= 1 && n <= katakv.SlotCount, "split of %d slots into %d ranges", katakv.SlotCount, n)
	ranges := make([]Range, n)
	first := 0
	for i := range ranges {
		// The i-th cut is i*SlotCount/n rounded to the nearest slot. A constant offset before the division
		// keeps neighbouring cuts within one of SlotCount/n.
		next := ((i+1)*katakv.SlotCount + n/2) / n
		ranges[i] = Range{First: katakv.Slot(first), Last: katakv.Slot(next - 1)}
		first = next
	}
	return ranges
}

package slot

import (
	"math/bits"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// wordBits is the number of slots in one word of a set.
const wordBits = 64

// Set is a set of slots. The zero value is empty. Copying a Set copies its 2 KiB of contents.
type Set struct {
	words [katakv.SlotCount / wordBits]uint64
}

// Add puts s into the set. s must be below SlotCount.
func (set *Set) Add(s katakv.Slot) {
	invariant.Check(s < katakv.SlotCount, "slot %d added to a set of %d", s, katakv.SlotCount)
	set.words[s/wordBits] |= 1 << (s % wordBits)
}

// AddRange puts every slot of r, which must be valid, into the set.
func (set *Set) AddRange(r Range) {
	invariant.Check(r.Valid(), "range %d-%d added to a set of %d slots", r.First, r.Last, katakv.SlotCount)
	for s := r.First; s <= r.Last; s++ {
		set.Add(s)
	}
}

// Has reports whether s is in the set; a slot that does not exist never is.
func (set *Set) Has(s katakv.Slot) bool {
	return s < katakv.SlotCount && set.words[s/wordBits]&(1<<(s%wordBits)) != 0
}

// Len returns the number of slots in the set.
func (set *Set) Len() int {
	n := 0
	for _, word := range set.words {
		n += bits.OnesCount64(word)
	}
	return n
}

// Ranges returns the set as the fewest ranges that make it up, in ascending order; nil for the empty set.
func (set *Set) Ranges() []Range {
	var ranges []Range
	for i := 0; i < katakv.SlotCount; i++ {
		if i%wordBits == 0 && set.words[i/wordBits] == 0 {
			i += wordBits - 1
			continue
		}
		s := katakv.Slot(i)
		switch {
		case !set.Has(s):
		case len(ranges) > 0 && ranges[len(ranges)-1].Last+1 == s:
			ranges[len(ranges)-1].Last = s
		default:
			ranges = append(ranges, Range{First: s, Last: s})
		}
	}
	return ranges
}

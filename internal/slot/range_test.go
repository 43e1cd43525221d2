package slot_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

func TestRange(t *testing.T) {
	r := slot.Range{First: 5461, Last: 10922}
	for _, c := range []struct {
		slot katakv.Slot
		want bool
	}{{0, false}, {5460, false}, {5461, true}, {7000, true}, {10922, true}, {10923, false}} {
		if got := r.Contains(c.slot); got != c.want {
			t.Errorf("Contains(%d): got %v, want %v", c.slot, got, c.want)
		}
	}
	for _, c := range []struct {
		r     slot.Range
		text  string
		len   int
		valid bool
	}{
		{slot.All, "0-16383", 16384, true},
		{r, "5461-10922", 5462, true},
		{slot.Range{First: 7, Last: 7}, "7", 1, true},
		{slot.Range{First: 0, Last: 16384}, "0-16384", 16385, false},
		{slot.Range{First: 9, Last: 8}, "9-8", 0, false},
	} {
		if c.r.String() != c.text || c.r.Len() != c.len || c.r.Valid() != c.valid {
			t.Errorf("got %s len %d valid %v, want %s len %d valid %v",
				c.r, c.r.Len(), c.r.Valid(), c.text, c.len, c.valid)
		}
	}
}

func TestSplitThreeAsRedisDoes(t *testing.T) {
	want := []slot.Range{{First: 0, Last: 5460}, {First: 5461, Last: 10922}, {First: 10923, Last: 16383}}
	if got := slot.Split(3); !slices.Equal(got, want) {
		t.Errorf("Split(3): got %v, want %v", got, want)
	}
}

func TestSplitCoversEverySlotEvenly(t *testing.T) {
	for n := 1; n <= katakv.SlotCount; n++ {
		if n > 300 && n%97 != 0 && n < katakv.SlotCount-3 {
			continue
		}
		ranges := slot.Split(n)
		if len(ranges) != n {
			t.Fatalf("Split(%d): got %d ranges, want %d", n, len(ranges), n)
		}
		next := 0
		for i, r := range ranges {
			if int(r.First) != next || !r.Valid() {
				t.Fatalf("Split(%d): range %d is %s, want it to start at %d", n, i, r, next)
			}
			if floor := katakv.SlotCount / n; r.Len() != floor && (r.Len() != floor+1 || katakv.SlotCount%n == 0) {
				t.Fatalf("Split(%d): range %d has %d slots, want %d or one more", n, i, r.Len(), floor)
			}
			next = int(r.Last) + 1
		}
		if next != katakv.SlotCount {
			t.Fatalf("Split(%d): ends at %d, want %d", n, next, katakv.SlotCount)
		}
	}
}

func TestSplitRefusesImpossibleCounts(t *testing.T) {
	for _, n := range []int{-1, 0, katakv.SlotCount + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Split(%d): got ranges, want a panic", n)
				}
			}()
			slot.Split(n)
		}()
	}
}

func TestSetAgainstMap(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		rng := rand.New(rand.NewPCG(seed, 0))
		var set slot.Set
		model := map[katakv.Slot]bool{}
		for range 200 {
			first := katakv.Slot(rng.IntN(katakv.SlotCount))
			last := min(first+katakv.Slot(rng.IntN(100)), katakv.SlotCount-1)
			if rng.IntN(2) == 0 {
				last = first
				set.Add(first)
			} else {
				set.AddRange(slot.Range{First: first, Last: last})
			}
			for s := first; s <= last; s++ {
				model[s] = true
			}
		}
		if set.Len() != len(model) {
			t.Fatalf("seed %d: Len: got %d, want %d", seed, set.Len(), len(model))
		}
		for s := katakv.Slot(0); s < katakv.SlotCount+100; s++ {
			if set.Has(s) != model[s] {
				t.Fatalf("seed %d: Has(%d): got %v, want %v", seed, s, set.Has(s), model[s])
			}
		}
		checkRanges(t, seed, set, model)
	}
}

// checkRanges checks that the ranges are those of the model, ascending, with a gap between any two.
func checkRanges(t *testing.T, seed uint64, set slot.Set, model map[katakv.Slot]bool) {
	t.Helper()
	covered, previous := 0, -2
	for _, r := range set.Ranges() {
		if int(r.First) <= previous+1 {
			t.Fatalf("seed %d: range %s touches the one before, which ends at %d", seed, r, previous)
		}
		for s := r.First; s <= r.Last; s++ {
			if !model[s] {
				t.Fatalf("seed %d: range %s holds %d, which was not added", seed, r, s)
			}
			covered++
		}
		previous = int(r.Last)
	}
	if covered != len(model) {
		t.Fatalf("seed %d: ranges cover %d slots, want %d", seed, covered, len(model))
	}
}

func TestSetEnds(t *testing.T) {
	var set slot.Set
	if got := set.Ranges(); got != nil {
		t.Errorf("ranges of the empty set: got %v, want none", got)
	}
	set.Add(0)
	set.Add(katakv.SlotCount - 1)
	want := []slot.Range{{First: 0, Last: 0}, {First: katakv.SlotCount - 1, Last: katakv.SlotCount - 1}}
	if got := set.Ranges(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	set.AddRange(slot.All)
	if got := set.Ranges(); !slices.Equal(got, []slot.Range{slot.All}) || set.Len() != katakv.SlotCount {
		t.Errorf("got %v of %d, want all", got, set.Len())
	}
}

// The cluster map is kept and sent as JSON: these names are part of its format.
func TestRangeAsJSON(t *testing.T) {
	const want = `{"first":5461,"last":10922}`
	r := slot.Range{First: 5461, Last: 10922}
	text, err := json.Marshal(r)
	if err != nil || string(text) != want {
		t.Fatalf("got %s, %v; want %s", text, err, want)
	}
	var again slot.Range
	if err := json.Unmarshal(text, &again); err != nil || again != r {
		t.Errorf("got %v back, %v; want %v", again, err, r)
	}
}

func TestKeyLiesInItsRange(t *testing.T) {
	for _, r := range slot.Split(12) {
		if key := r.Key("k"); !r.Contains(slot.Of([]byte(key))) || r.Key("k") != key {
			t.Errorf("%v: got %q", r, key)
		}
	}
}

package replica

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
)

// TestQuestionsOfEarlierLives: an answer that was on its way while the node restarted must not confirm a read of now.
func TestQuestionsOfEarlierLives(t *testing.T) {
	asked := map[string]bool{}
	for boot := range katakv.BootID(3) {
		r, err := New(Config{ElectionTicks: 10, HeartbeatTicks: 1, Boot: boot}, 1, machineAt(t, 50), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			r.reads.refresh = true
			context, ok := r.reads.next(0)
			if !ok || asked[string(context)] {
				t.Fatalf("start %d asks with context %x, which was used before", boot, context)
			}
			asked[string(context)] = true
			r.reads.confirm(context, 50)
		}
	}
}

func TestFreshness(t *testing.T) {
	var f freshness
	if f.age(time.Hour) != katakv.UnknownAge || f.within(0, time.Hour) {
		t.Error("nobody was asked, and the age is known")
	}
	f.note(10 * time.Second)
	f.note(8 * time.Second) // an older question, answered later
	if got, want := f.age(26*time.Second), 17*time.Second; got != want {
		t.Errorf("16s after the question: age %v, want %v, since clocks may be slow", got, want)
	}
	if f.within(26*time.Second, 17*time.Second-1) || !f.within(26*time.Second, 17*time.Second) {
		t.Error("the bound is not where the age is")
	}
}

func TestReadsThatWaitTooLong(t *testing.T) {
	wait := func(until time.Duration) read { return read{Request: &Request{}, until: until} }
	r := reads{
		queue: []read{wait(5), wait(0)}, behind: []read{wait(5), wait(9)}, local: []read{wait(5)},
		confirmed: []confirmedRead{{index: 3, reads: []read{wait(5), wait(9)}}},
	}
	if got := len(r.tick(4)); got != 0 {
		t.Errorf("%d reads gave up early", got)
	}
	if got := len(r.tick(5)); got != 4 {
		t.Errorf("%d reads gave up; want 4", got)
	}
	if got := len(r.all()); got != 3 {
		t.Errorf("%d reads are left; want 3", got)
	}
}

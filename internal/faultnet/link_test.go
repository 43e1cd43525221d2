package faultnet

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// arrivals notes what arrives on a wire, and when.
type arrivals struct {
	start  time.Time
	frames []byte // the first byte of each
	at     []time.Duration
}

func (a *arrivals) Write(frame []byte) (int, error) {
	a.frames = append(a.frames, frame[0])
	a.at = append(a.at, time.Since(a.start))
	return len(frame), nil
}

// carry sends frames over a link, one each interval, and returns what arrived.
func carry(t *testing.T, link Link, count int, interval time.Duration) (*arrivals, Counters) {
	t.Helper()
	var sum Counters
	a := &arrivals{}
	synctest.Test(t, func(*testing.T) {
		stopped := make(chan struct{})
		a.start = time.Now()
		l := newLink(a, rand.New(rand.NewPCG(1, 2)), stopped)
		l.set(link)
		go l.deliver()
		for i := range count {
			l.send([]byte{byte(i)})
			time.Sleep(interval)
		}
		time.Sleep(time.Minute)
		close(stopped)
		synctest.Wait()
		l.addTo(&sum)
	})
	return a, sum
}

func TestLinkDelaysInOrder(t *testing.T) {
	a, sum := carry(t, Link{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond}, 200, time.Millisecond)
	if len(a.frames) != 200 || sum.Forwarded != 200 {
		t.Fatalf("got %d frames and %+v, want 200", len(a.frames), sum)
	}
	longest := time.Duration(0)
	for i, at := range a.at {
		late := at - time.Duration(i)*time.Millisecond
		if a.frames[i] != byte(i) || late < 20*time.Millisecond || late > 50*time.Millisecond {
			t.Fatalf("frame %d is number %d, %v late: want in order and 20 to 50 ms", i, a.frames[i], late)
		}
		longest = max(longest, late)
	}
	if longest < 40*time.Millisecond {
		t.Errorf("the longest delay is %v: no jitter", longest)
	}
}

func TestLinkJumbles(t *testing.T) {
	tests := []struct {
		name    string
		link    Link
		arrived int // of 1000, give or take 50
		count   func(Counters) uint64
		about   int
	}{
		{"plain", Link{}, 1000, func(c Counters) uint64 { return c.Forwarded }, 1000},
		{"lost", Link{Loss: 0.2}, 800, func(c Counters) uint64 { return c.Lost }, 200},
		{"twice", Link{Duplicate: 0.3}, 1300, func(c Counters) uint64 { return c.Duplicated }, 300},
		{"late", Link{Reorder: 0.1}, 1000, func(c Counters) uint64 { return c.Reordered }, 100},
		{"gone", Link{Loss: 1}, 0, func(c Counters) uint64 { return c.Lost }, 1000},
	}
	near := func(got, want int) bool { return got >= want-50 && got <= want+50 }
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, sum := carry(t, test.link, 1000, time.Millisecond)
			if !near(len(a.frames), test.arrived) || !near(int(test.count(sum)), test.about) {
				t.Fatalf("got %d frames and %+v, want about %d and %d", len(a.frames), sum, test.arrived, test.about)
			}
			overtaken := 0
			for i := 1; i < len(a.frames); i++ {
				if int8(a.frames[i]-a.frames[i-1]) < 0 {
					overtaken++
				}
			}
			if (overtaken > 0) != (test.link.Reorder > 0) {
				t.Errorf("%d frames were overtaken", overtaken)
			}
		})
	}
}

func TestLinkIsBounded(t *testing.T) {
	a, sum := carry(t, Link{Delay: time.Second}, queueFrames+10, 0)
	if len(a.frames) != queueFrames || sum.Overflowed != 10 {
		t.Fatalf("got %d frames and %+v, want %d and 10 that overflowed", len(a.frames), sum, queueFrames)
	}
}

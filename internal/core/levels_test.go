package core_test

import (
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/replica"
)

var (
	anyStrong  = katakv.Consistency{Level: katakv.LevelStrong, Replica: true}
	session    = katakv.Consistency{Level: katakv.LevelSession}
	eventual   = katakv.Consistency{Level: katakv.LevelEventual}
	overSecond = katakv.Consistency{Level: katakv.LevelBounded, Bound: time.Second}
)

// levelsHarness is three cores with one shard, whose clocks are moved by hand.
type levelsHarness struct {
	*harness
	now      time.Duration
	follower int
}

func newLevelsHarness(t *testing.T) *levelsHarness {
	t.Helper()
	h := &levelsHarness{harness: newHarness(t, 3, 1)}
	h.elect()
	h.follower = (h.leader(1) + 1) % 3
	return h
}

// wait lets time pass, without ticks.
func (h *levelsHarness) wait(d time.Duration) {
	h.now += d
	for _, c := range h.cores {
		c.SetTime(replica.Time{Monotonic: h.now})
	}
}

// incr adds one through the leader and returns the index of that.
func (h *levelsHarness) incr() katakv.Index {
	h.t.Helper()
	h.cores[h.leader(1)].Submit(h.request(1, command.KindIncrBy))
	h.settle()
	done := h.take(1)
	if done[0].Err != nil {
		h.t.Fatal(done[0].Err)
	}
	return done[0].Index
}

// ask submits a read of the key to the follower.
func (h *levelsHarness) ask(c katakv.Consistency, index katakv.Index) {
	r := h.request(1, command.KindGet)
	r.Read, r.Index = c, index
	h.cores[h.follower].Submit(r)
}

// wantRead settles and checks that there is one answer.
func (h *levelsHarness) wantRead(want string) replica.Completion {
	h.t.Helper()
	h.settle()
	done := h.take(1)[0]
	if done.Err != nil {
		h.t.Fatal(done.Err)
	}
	if got := string(done.Replies[0].Bulk); got != want {
		h.t.Fatalf("read %q; want %q", got, want)
	}
	return done
}

// wantRefused settles and checks that the read was sent to the leader.
func (h *levelsHarness) wantRefused() {
	h.t.Helper()
	done := h.take(1)[0]
	if done.Err == nil || done.Err.Code != katakv.CodeNotLeader {
		h.t.Fatalf("got %+v", done)
	}
}

// tick lets a tick pass on the follower alone, and hold what it sends.
func (h *levelsHarness) tick(i int) *core.Effects {
	h.t.Helper()
	h.wait(100 * time.Millisecond)
	h.cores[i].Tick()
	return h.pass(i)
}

func TestFollowerReadsWhatIsAcknowledged(t *testing.T) {
	h := newLevelsHarness(t)
	for range 3 {
		h.incr()
	}
	index := h.incr()
	for i, c := range []katakv.Consistency{anyStrong, session, overSecond, eventual} {
		h.ask(c, index)
		done := h.wantRead("4")
		if done.Index < index || done.Level != c.Level || (i > 0 && done.Age == katakv.UnknownAge) {
			t.Errorf("%v: answered at index %d of at least %d, at level %v, age %v", c, done.Index, index, done.Level, done.Age)
		}
	}
}

func TestWaitingReadsOfAFollowerShareOneQuestion(t *testing.T) {
	h := newLevelsHarness(t)
	h.incr()
	for range 50 {
		h.ask(anyStrong, 0)
	}
	fx := h.pass(h.follower)
	asked := 0
	for _, f := range fx.Frames {
		for _, item := range f.Message.Items {
			if item.Message.GetType() == raftpb.MsgReadIndex {
				asked++
			}
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times; want once", asked)
	}
	h.carry(h.follower, fx)
	h.settle()
	h.take(50)
}

// An answer that comes late must not pass for one to a later question, of a later life least of all.
func TestAnswersToEarlierQuestionsAreIgnored(t *testing.T) {
	h := newLevelsHarness(t)
	h.incr()
	h.ask(anyStrong, 0)
	question := h.pass(h.follower)
	h.carry(h.follower, question)
	late := h.pass(h.leader(1)) // heartbeats go out
	h.carry(h.leader(1), late)
	h.carry(h.follower, h.pass(h.follower))
	third := 3 - h.leader(1) - h.follower
	if h.cores[third].HasWork() {
		h.carry(third, h.pass(third))
	}
	answer := h.pass(h.leader(1)) // and the answer, which is held back
	for range 3 {
		h.tick(h.follower) // the question is asked anew, in vain
	}
	h.take(0)
	for _, f := range answer.Frames {
		if int(f.To)-1 == h.follower {
			h.cores[h.follower].Receive(h.m.Nodes[h.leader(1)].ID, f.Message)
		}
	}
	h.pass(h.follower)
	h.take(0)
}

// The age of an answer counts from when its question was sent.
func TestBoundCountsFromTheQuestion(t *testing.T) {
	h := newLevelsHarness(t)
	h.incr()
	h.ask(anyStrong, 0)
	question := h.pass(h.follower)
	h.wait(900 * time.Millisecond) // it is on its way for long
	h.carry(h.follower, question)
	h.wantRead("1")
	h.ask(eventual, 0)
	if age := h.wantRead("1").Age; age < 900*time.Millisecond {
		t.Errorf("an answer to a question of 900ms ago is said to be %v old", age)
	}
	h.incr()
	h.ask(overSecond, 0)
	h.wantRead("1")
	h.wait(100 * time.Millisecond) // within a second by the clock, but clocks may be slow
	h.ask(overSecond, 0)
	h.wantRead("2")
}

func TestReadsBehindGoToTheLeaderInTheEnd(t *testing.T) {
	for name, c := range map[string]katakv.Consistency{"session": session, "bounded": overSecond, "strong": anyStrong} {
		t.Run(name, func(t *testing.T) {
			h := newLevelsHarness(t)
			index := h.incr()
			h.wait(time.Minute)
			h.ask(c, index+1)
			for range 3 {
				h.tick(h.follower) // nobody hears it
				h.take(0)
			}
			fx := h.tick(h.follower)
			h.done = append(h.done, fx.Completions...)
			fx = h.tick(h.follower)
			h.done = append(h.done, fx.Completions...)
			h.wantRefused()
		})
	}
}

// A replica that the map does not name any more may have been destroyed or replaced.
func TestReplicaThatIsNotNamedDoesNotRead(t *testing.T) {
	h := newLevelsHarness(t)
	h.incr()
	next := *h.m
	next.Shards = append(next.Shards[:0:0], next.Shards...)
	for i := range next.Shards {
		s := &next.Shards[i]
		s.Replicas = append(s.Replicas[:0:0], s.Replicas...)
		for j := range s.Replicas {
			if int(s.Replicas[j].Node)-1 == h.follower {
				s.Replicas[j].ID += 1000
			}
		}
	}
	h.cores[h.follower].SetMap(&next)
	h.ask(eventual, 0)
	h.settle()
	h.wantRefused()
}

// A leader that was replaced behind its back must not answer for the shard, whoever asks.
func TestDeposedLeaderAnswersNoQuestions(t *testing.T) {
	h := newHarness(t, 5, 1)
	h.elect()
	for range 5 { // all apply what there is
		for _, c := range h.cores {
			c.Tick()
		}
		h.settle()
	}
	deposed := h.leader(1)
	follower := (deposed + 1) % 5
	minority := func(i int) bool { return i == deposed || i == follower }
	settle := func() { // as settle, with the minority cut off
		for range 200 {
			for i, c := range h.cores {
				if !c.HasWork() {
					continue
				}
				fx := h.pass(i)
				reach := fx.Frames[:0]
				for _, f := range fx.Frames {
					if minority(i) == minority(int(f.To)-1) {
						reach = append(reach, f)
					}
				}
				fx.Frames = reach
				h.carry(i, fx)
			}
		}
	}
	next := (deposed + 2) % 5
	for range 30 { // the deposed does not tick: it is slow to notice
		for i, c := range h.cores {
			if !minority(i) {
				c.Tick()
			}
		}
		settle()
	}
	for i, c := range h.cores {
		if s := c.Status()[1]; s.Self && !minority(i) {
			next = i
		}
	}
	h.done = nil
	h.cores[next].Submit(h.request(1, command.KindIncrBy))
	settle()
	if done := h.take(1)[0]; done.Err != nil {
		t.Fatal(done.Err)
	}
	read := h.request(1, command.KindGet)
	read.Read = anyStrong
	h.cores[follower].Submit(read)
	settle()
	if !h.cores[deposed].Status()[1].Self {
		t.Fatal("the deposed leader knows already")
	}
	h.take(0)
}

package replica

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/katakv/katakv"
)

// readRetryTicks is how long a round of confirmation may take before it is tried again with a new context:
// its messages may have been lost.
const readRetryTicks = 3

// reads keeps what was promised to callers of reads, and to other members that ask how far the shard is.
//
//	queue -- ask(context) --> asking -- the leader answers index --> confirmed -- applied >= index --> answered
//
// At most one round is asking at a time: what arrives meanwhile shares the next one. A leader asks a quorum whether
// it still leads, a follower asks the leader. Reads that need no round, or only one when the state turns out to be too
// old, begin in local; see local_reads.go.
type reads struct {
	queue  []read
	asking []read
	// questions and asked are those of other members, on their way through the same rounds; see questions.go.
	questions []question
	asked     []question

	rounding bool          // a round is under way
	refresh  bool          // the next round is wanted although nobody waits for it
	context  uint64        // of the round that is asking; never used twice in a replica's life
	sent     time.Duration // when that round began
	age      int           // ticks since then

	confirmed []confirmedRead
	local     []read       // to be looked at in this pass
	behind    []read       // wait for the applied index of their session
	lookedAt  katakv.Index // the applied index when behind was looked at
	fresh     freshness
}

// read is a request and, unless only the leader may answer it, how long it waits here.
type read struct {
	*Request
	until time.Duration
}

// confirmedRead may run once the applied index reaches index: a leader vouched that the shard had not got further when
// it was asked, at the earliest at sent.
type confirmedRead struct {
	index katakv.Index
	sent  time.Duration
	reads []read
}

// next starts a round with everything queued and returns its context, or false when there is nothing to ask
// or a round is under way.
func (r *reads) next(now time.Duration) ([]byte, bool) {
	if !r.startable() {
		return nil, false
	}
	r.asking, r.queue = r.queue, nil
	r.asked, r.questions = r.questions, nil
	r.rounding, r.refresh = true, false
	r.age, r.sent = 0, now
	r.context++
	return binary.BigEndian.AppendUint64(nil, r.context), true
}

func (r *reads) startable() bool {
	return !r.rounding && (len(r.queue) > 0 || len(r.questions) > 0 || r.refresh)
}

// confirm records a leader's answer. Answers to earlier contexts are ignored. It returns the questions that were
// answered with it.
func (r *reads) confirm(context []byte, index katakv.Index) []question {
	if len(context) != contextBytes || binary.BigEndian.Uint64(context) != r.context || !r.rounding {
		return nil
	}
	now := confirmedRead{index: index, sent: r.sent, reads: r.asking}
	if n := len(r.confirmed); n > 0 && len(r.confirmed[n-1].reads) == 0 {
		r.confirmed = r.confirmed[:n-1] // it only told how fresh the state is: so does this one
	}
	r.confirmed = append(r.confirmed, now)
	answered := r.asked
	r.asking, r.asked, r.rounding = nil, nil, false
	return answered
}

// tick ages the round; a round that is too old goes back to the queue, to be asked anew. It returns the reads that
// have waited here for too long.
func (r *reads) tick(now time.Duration) []read {
	r.refresh = r.refresh || len(r.behind) > 0
	if r.rounding {
		r.age++
		if r.age >= readRetryTicks {
			r.restart()
		}
	}
	return r.overdue(now)
}

// restart gives a round up: what it was for goes back to the queue.
func (r *reads) restart() {
	if !r.rounding {
		return
	}
	r.queue = append(r.asking, r.queue...)
	r.questions = append(r.asked, r.questions...)
	r.asking, r.asked, r.rounding = nil, nil, false
}

// overdue removes and returns the reads that have waited here for too long.
func (r *reads) overdue(now time.Duration) []read {
	var out []read
	late := func(q read) bool {
		if q.until == 0 || q.until > now {
			return false
		}
		out = append(out, q)
		return true
	}
	r.queue = slices.DeleteFunc(r.queue, late)
	r.asking = slices.DeleteFunc(r.asking, late)
	r.local = slices.DeleteFunc(r.local, late)
	r.behind = slices.DeleteFunc(r.behind, late)
	for i := range r.confirmed {
		r.confirmed[i].reads = slices.DeleteFunc(r.confirmed[i].reads, late)
	}
	return out
}

// ready removes and returns the reads that may run at the applied index, and notes how fresh the state is by now.
func (r *reads) ready(applied katakv.Index) []read {
	var out []read
	n := 0
	for n < len(r.confirmed) && r.confirmed[n].index <= applied {
		out = append(out, r.confirmed[n].reads...)
		r.fresh.note(r.confirmed[n].sent)
		n++
	}
	if n > 0 {
		rest := copy(r.confirmed, r.confirmed[n:])
		clear(r.confirmed[rest:])
		r.confirmed = r.confirmed[:rest]
	}
	return out
}

// leaderLost removes and returns the reads that only a leader may answer and that nobody has vouched for: they die
// with the leadership. The others are asked anew.
func (r *reads) leaderLost() []read {
	r.restart()
	var out []read
	r.queue = slices.DeleteFunc(r.queue, func(q read) bool {
		if q.Read.Anywhere() {
			return false
		}
		out = append(out, q)
		return true
	})
	return out
}

// all removes and returns every read that has no answer yet.
func (r *reads) all() []read {
	r.restart()
	out := slices.Concat(r.queue, r.local, r.behind)
	for i := range r.confirmed {
		out = append(out, r.confirmed[i].reads...)
	}
	r.queue, r.local, r.behind, r.confirmed = nil, nil, nil, nil
	return out
}

// waiting reports whether a read waits for more than is applied.
func (r *reads) waiting(applied katakv.Index) bool {
	return len(r.behind) > 0 || len(r.confirmed) > 0 ||
		slices.ContainsFunc(r.local, func(q read) bool { return q.Index > applied })
}

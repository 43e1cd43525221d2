package replica

import (
	"encoding/binary"

	"github.com/katakv/katakv"
)

// readRetryTicks is how long a round of confirmation may take before it is tried again with a new context:
// its heartbeats or their answers may have been lost.
const readRetryTicks = 3

// reads keeps what was promised to callers of reads.
//
//	queue -- ReadIndex(context) --> asking -- quorum answers index --> confirmed -- applied >= index --> answered
//
// At most one round is asking at a time: what arrives meanwhile shares the next one.
type reads struct {
	queue     []*Request
	asking    []*Request
	context   uint64 // of the round that is asking; never used twice in a replica's life
	age       int    // ticks since that round began
	confirmed []confirmedRead
}

// confirmedRead may run once the applied index reaches index.
type confirmedRead struct {
	index    katakv.Index
	requests []*Request
}

// next starts a round with everything queued and returns its context, or false when there is nothing to ask
// or a round is under way.
func (r *reads) next() ([]byte, bool) {
	if !r.startable() {
		return nil, false
	}
	r.asking, r.queue = r.queue, nil
	r.age = 0
	r.context++
	return binary.BigEndian.AppendUint64(nil, r.context), true
}

func (r *reads) startable() bool { return len(r.asking) == 0 && len(r.queue) > 0 }

// confirm records a quorum's answer. Answers to earlier contexts are ignored.
func (r *reads) confirm(context []byte, index katakv.Index) {
	if len(context) != 8 || binary.BigEndian.Uint64(context) != r.context || len(r.asking) == 0 {
		return
	}
	r.confirmed = append(r.confirmed, confirmedRead{index: index, requests: r.asking})
	r.asking = nil
}

// tick ages the round; a round that is too old goes back to the queue, to be asked anew.
func (r *reads) tick() {
	if len(r.asking) == 0 {
		return
	}
	r.age++
	if r.age >= readRetryTicks {
		r.queue = append(r.asking, r.queue...)
		r.asking = nil
	}
}

// ready removes and returns the requests that may run at the applied index.
func (r *reads) ready(applied katakv.Index) []*Request {
	var out []*Request
	n := 0
	for n < len(r.confirmed) && r.confirmed[n].index <= applied {
		out = append(out, r.confirmed[n].requests...)
		n++
	}
	if n > 0 {
		r.confirmed = append(r.confirmed[:0], r.confirmed[n:]...)
	}
	return out
}

// unconfirmed removes and returns the requests that no quorum has vouched for: they die with the leadership.
func (r *reads) unconfirmed() []*Request {
	out := append(r.asking, r.queue...)
	r.asking, r.queue = nil, nil
	return out
}

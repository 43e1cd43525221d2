package replica

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/kv"
)

// maxEntryBytes is where packing stops: an entry takes further requests while it is below. Larger entries
// would delay the small ones behind them; one request that is larger travels alone.
const maxEntryBytes = 256 << 10

// proposal is one entry's worth of requests. Its fate is known when the log's entry at index is applied: the
// same term means applied, another one means that it was overwritten and never will be.
type proposal struct {
	index    katakv.Index // zero until Raft hands the entry out
	term     katakv.Term
	requests []*Request
}

// proposals keeps what was promised to callers of writes.
//
//	queue -- propose --> unnumbered -- Collect --> numbered (by ascending index) -- applied --> answered
//
// Invariant: between passes unnumbered is empty.
type proposals struct {
	queue      []*Request
	unnumbered []proposal
	numbered   []proposal

	scratch []*command.Operation
}

// pack takes requests from the front of the queue that fit one entry. It returns how many and the payload.
func (p *proposals) pack(stamp int64) (n int, data []byte) {
	p.scratch = p.scratch[:0]
	size := 0
	for n < len(p.queue) && (n == 0 || size < maxEntryBytes) {
		r := p.queue[n]
		if n > 0 && size+r.bytes() > maxEntryBytes {
			break
		}
		size += r.bytes()
		for i := range r.Operations {
			p.scratch = append(p.scratch, &r.Operations[i])
		}
		n++
	}
	data = kv.AppendEntry(make([]byte, 0, size+24), stamp, p.scratch)
	clear(p.scratch)
	return n, data
}

// proposed records that Raft took the first n queued requests as one entry.
func (p *proposals) proposed(n int, term katakv.Term) {
	requests := make([]*Request, n)
	copy(requests, p.queue)
	p.dequeue(n)
	p.unnumbered = append(p.unnumbered, proposal{term: term, requests: requests})
}

func (p *proposals) dequeue(n int) {
	rest := copy(p.queue, p.queue[n:])
	clear(p.queue[rest:])
	p.queue = p.queue[:rest]
}

// number gives proposals the indexes of their entries, which Raft hands out in the order of proposing.
func (p *proposals) number(entries []*raftpb.Entry) {
	for _, e := range entries {
		if len(p.unnumbered) == 0 {
			return
		}
		next := p.unnumbered[0]
		if e.GetType() != raftpb.EntryNormal || len(e.GetData()) == 0 || katakv.Term(e.GetTerm()) != next.term {
			continue
		}
		next.index = katakv.Index(e.GetIndex())
		p.insert(next)
		p.unnumbered[0] = proposal{}
		p.unnumbered = p.unnumbered[1:]
	}
}

// insert keeps numbered sorted. New proposals go to the end, except after a lost and regained leadership:
// then an older proposal at a higher index may still wait to learn that it was overwritten.
func (p *proposals) insert(next proposal) {
	at := len(p.numbered)
	for at > 0 && p.numbered[at-1].index > next.index {
		at--
	}
	p.numbered = slices.Insert(p.numbered, at, next)
}

// take removes and returns the next proposal that was made for an index up to the given one. Call it until it
// finds none: one index can have been proposed for in several terms.
func (p *proposals) take(index katakv.Index) (proposal, bool) {
	if len(p.numbered) == 0 || p.numbered[0].index > index {
		return proposal{}, false
	}
	first := p.numbered[0]
	p.numbered[0] = proposal{}
	p.numbered = p.numbered[1:]
	return first, true
}

// complete splits an entry's replies among its requests.
func (pr *proposal) complete(index katakv.Index, replies []command.Reply, out []Completion) []Completion {
	for _, r := range pr.requests {
		n := len(r.Operations)
		out = append(out, Completion{Request: r, Index: index, Replies: replies[:n:n]})
		replies = replies[n:]
	}
	return out
}

// refuse answers all requests with err.
func (pr *proposal) refuse(err *katakv.Error, out []Completion) []Completion {
	for _, r := range pr.requests {
		out = append(out, Completion{Request: r, Err: err})
	}
	return out
}

package replica

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/journey"
)

// traced is a request here whose journey somebody wants to know, and where it stands in the log: zero until it is
// proposed, and for a read.
type traced struct {
	*Request
	index katakv.Index
	term  katakv.Term
}

// Journeys are told in the order of events and stamped at the end of a pass: all that one pass does, and the events that
// it is about, have its time. While nobody wants to know, each hook is one comparison.

func (r *Replica) role() journey.Role {
	if r.leads {
		return journey.Leader
	}
	return journey.Follower
}

// tell adds a step of this replica to the journey of a request, if it has one.
func (r *Replica) tell(req *Request, s journey.Step) {
	if req.Journey != nil {
		s.Role = r.role()
		req.Journey.Note(s)
	}
}

// tellTaken begins to follow a request.
func (r *Replica) tellTaken(req *Request) {
	if req.Journey != nil {
		r.tell(req, journey.Step{Kind: journey.Taken})
		r.traced = append(r.traced, traced{Request: req})
	}
}

// tellReady tells what a Ready of raft means: which entry a proposal has become, to whom it is sent, and who has it.
func (r *Replica) tellReady(messages []*raftpb.Message) {
	if len(r.traced) == 0 {
		return
	}
	for i := range r.proposals.numbered {
		for _, req := range r.proposals.numbered[i].requests {
			r.tellProposed(req, &r.proposals.numbered[i])
		}
	}
	for _, m := range messages {
		if m.GetType() == raftpb.MsgApp {
			r.tellSent(m)
		}
	}
	r.tellCommitted()
}

func (r *Replica) tellProposed(req *Request, p *proposal) {
	if req.Journey == nil || req.Journey.Has(journey.Proposed, 0) {
		return
	}
	for i := range r.traced {
		if r.traced[i].Request == req {
			r.traced[i].index, r.traced[i].term = p.index, p.term
		}
	}
	r.tell(req, journey.Step{Kind: journey.Proposed, Index: p.index, Term: p.term})
}

func (r *Replica) tellSent(m *raftpb.Message) {
	for _, t := range r.traced {
		for _, e := range m.GetEntries() {
			if katakv.Index(e.GetIndex()) == t.index && katakv.Term(e.GetTerm()) == t.term {
				r.tell(t.Request, journey.Step{Kind: journey.Sent, Replica: katakv.ReplicaID(m.GetTo())})
			}
		}
	}
}

// tellDurable tells which members have an entry on disk, this one included: a leader hears that of itself as of others.
func (r *Replica) tellDurable(m *raftpb.Message) {
	if len(r.traced) == 0 || m.GetType() != raftpb.MsgAppResp || m.GetReject() {
		return
	}
	from := katakv.ReplicaID(m.GetFrom())
	for _, t := range r.traced {
		if t.index != 0 && t.index <= katakv.Index(m.GetIndex()) && t.term == katakv.Term(m.GetTerm()) &&
			!t.Journey.Has(journey.Durable, from) {
			r.tell(t.Request, journey.Step{Kind: journey.Durable, Replica: from})
		}
	}
}

// tellCommitted tells which entries a quorum has, as this leader counts: an entry of a leadership that is over is another
// leader's to count.
func (r *Replica) tellCommitted() {
	s := r.raft.BasicStatus()
	if s.RaftState != raft.StateLeader {
		return
	}
	for _, t := range r.traced {
		if t.index != 0 && t.index <= katakv.Index(s.GetCommit()) && t.term == katakv.Term(s.GetTerm()) && !t.Journey.Has(journey.Quorum, 0) {
			r.tell(t.Request, journey.Step{Kind: journey.Quorum, Index: t.index, Term: t.term})
		}
	}
}

// tellApplied tells that the entry of a proposal is applied in this pass.
func (r *Replica) tellApplied(p *proposal) {
	if len(r.traced) == 0 {
		return
	}
	r.tellCommitted()
	for _, req := range p.requests {
		r.tell(req, journey.Step{Kind: journey.Applied, Index: p.index, Term: p.term})
	}
}

// tellAsked tells who is asked by the round that has just begun. With a lease it is over already.
func (r *Replica) tellAsked() {
	if len(r.traced) == 0 {
		return
	}
	step := journey.Step{Kind: journey.QuorumAsked}
	if !r.leads {
		step = journey.Step{Kind: journey.LeaderAsked, Replica: r.leader}
	}
	for _, q := range r.reads.asking {
		r.tell(q.Request, step)
	}
}

// tellConfirmed tells how the round that has just ended was answered.
func (r *Replica) tellConfirmed() {
	if len(r.traced) == 0 || len(r.reads.confirmed) == 0 {
		return
	}
	round := &r.reads.confirmed[len(r.reads.confirmed)-1]
	for _, q := range round.reads {
		if q.Journey == nil || q.Journey.Has(journey.Confirmed, 0) || q.Journey.Has(journey.Leased, 0) || q.Journey.Has(journey.Told, 0) {
			continue
		}
		kind := journey.Told
		switch {
		case r.leads && q.Journey.Last().Kind == journey.QuorumAsked:
			kind = journey.Confirmed
		case r.leads:
			kind = journey.Leased
		}
		r.tell(q.Request, journey.Step{Kind: kind, Index: round.index})
		if round.index > r.Applied() {
			r.tellBehind(q.Request, round.index)
		}
	}
}

// tellBehind tells that a read waits until more is applied here.
func (r *Replica) tellBehind(req *Request, index katakv.Index) {
	if req.Journey != nil && !req.Journey.Has(journey.Behind, 0) {
		r.tell(req, journey.Step{Kind: journey.Behind, Index: index})
	}
}

// stampJourneys gives what was told in this pass its time, and lets go of the requests that are answered in it: from here
// on their journeys are the router's.
func (r *Replica) stampJourneys(out *Output) {
	if len(r.traced) == 0 {
		return
	}
	for _, t := range r.traced {
		t.Journey.Stamp(r.now().Monotonic)
	}
	for i := range out.Completions {
		if done := out.Completions[i].Request; done.Journey != nil {
			r.traced = slices.DeleteFunc(r.traced, func(t traced) bool { return t.Request == done })
		}
	}
}

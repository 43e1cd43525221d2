package replica

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// followed is the leader whose append or heartbeat raft took last. While a promise runs to its node this replica neither
// campaigns nor votes: that is what leases rest on. Raft itself forgets its leader with any message of a later term, so it
// cannot be asked.
//
// It is replaced by a leader of a later term, and ends with the promise, or with the word of that leader itself that it
// leads no more.
type followed struct {
	leader katakv.ReplicaID // zero: none
	term   katakv.Term
	// withheld are the votes that others asked for meanwhile, the last of each.
	withheld []*raftpb.Message
}

// campaignTransfer is the context with which raft marks votes for the target of a transfer.
const campaignTransfer = "CampaignTransfer"

// stamp says of which leader's appends, and in which term, acknowledgements count for a session.
type stamp struct {
	leader  katakv.ReplicaID
	term    katakv.Term
	session wire.Session
}

// sessionOf returns the session beside a message that is about to be sent; zero: none.
func (s *stamp) sessionOf(m *raftpb.Message) wire.Session {
	if m.GetType() != raftpb.MsgAppResp || m.GetReject() || m.GetTo() != uint64(s.leader) || m.GetTerm() != uint64(s.term) {
		return wire.Session{}
	}
	return s.session
}

// follows takes note of a leader that raft has just accepted.
func (r *Replica) follows(m *raftpb.Message) {
	leader, term := katakv.ReplicaID(m.GetFrom()), katakv.Term(m.GetTerm())
	if r.followed.leader == leader && r.followed.term == term {
		return
	}
	if s := r.raft.BasicStatus(); s.Lead == m.GetFrom() && s.GetTerm() == m.GetTerm() {
		r.followed.leader, r.followed.term = leader, term
	}
}

// unfollow lets the replica vote and campaign again.
func (r *Replica) unfollow() { r.followed.leader, r.followed.term = 0, 0 }

// Release tells that the promise to the node of the leader that this replica follows is over, with all that it followed
// there. If accuse is set that leader may be dead: raft forgets it as well, so that the replica votes at once. It reports
// whether it followed that leader.
func (r *Replica) Release(leader katakv.ReplicaID, accuse bool) bool {
	if r.followed.leader != leader {
		return false
	}
	r.unfollow()
	if accuse {
		r.ForgetLeader()
	}
	return true
}

// Withholds reports whether this replica keeps its vote to itself and does not campaign.
func (r *Replica) Withholds() bool {
	if r.promises.Quiet() {
		return true
	}
	return r.followed.leader != 0 && r.promises.Given(r.followed.leader) != (wire.Session{})
}

// currentStamp returns what acknowledgements of this moment count for. An acknowledgement waits for the disk, and leaves
// perhaps after this replica has voted in a later term: so it gets its stamp now.
func (r *Replica) currentStamp() stamp {
	if r.followed.leader == 0 {
		return stamp{}
	}
	session := r.promises.Given(r.followed.leader)
	if session == (wire.Session{}) {
		return stamp{}
	}
	s := r.raft.BasicStatus()
	if s.Lead != uint64(r.followed.leader) || s.GetTerm() != uint64(r.followed.term) {
		return stamp{}
	}
	return stamp{leader: r.followed.leader, term: r.followed.term, session: session}
}

// stepVote takes a request for a vote, or keeps it for later. That of the leader which this replica follows proves that it
// leads no more; that of the target of a transfer is right at any time, since whoever led had given its lease up.
func (r *Replica) stepVote(m *raftpb.Message) {
	from := katakv.ReplicaID(m.GetFrom())
	if from == r.followed.leader && m.GetTerm() > uint64(r.followed.term) {
		r.Release(from, true)
	}
	transfer := string(m.GetContext()) == campaignTransfer && !r.promises.Quiet()
	if r.Withholds() && !transfer {
		r.withhold(m)
		return
	}
	r.step(m)
}

func (r *Replica) withhold(m *raftpb.Message) {
	list := slices.DeleteFunc(r.followed.withheld, func(kept *raftpb.Message) bool { return kept.GetFrom() == m.GetFrom() })
	r.followed.withheld = append(list, m)
}

// stepWithheld takes the votes that were withheld, once they need not be any more.
func (r *Replica) stepWithheld() {
	if len(r.followed.withheld) == 0 || r.Withholds() {
		return
	}
	votes := r.followed.withheld
	r.followed.withheld = nil
	for _, m := range votes {
		r.step(m)
	}
}

// stepTimeoutNow lets the target of a transfer campaign. Whoever began it has given its lease up for the rest of the term.
func (r *Replica) stepTimeoutNow(m *raftpb.Message) {
	if r.promises.Quiet() {
		return
	}
	if katakv.ReplicaID(m.GetFrom()) == r.followed.leader && m.GetTerm() == uint64(r.followed.term) {
		r.unfollow()
	}
	r.step(m)
}

// A leader that stops leading while its node lives tells the other members so, or they would keep their promise to its
// node although it leads them no more. The message is a MsgForgetLeader of the term that is over. Raft never sees it.

// revoke says to all members that this replica leads no more, with each tick until there is another leader: after a
// transfer there is one sooner.
func (r *Replica) revoke() {
	if r.revoking == 0 {
		return
	}
	if r.leader != 0 {
		r.revoking = 0
		return
	}
	conf := r.machine.Meta().ConfState
	for _, id := range slices.Concat(conf.GetVoters(), conf.GetVotersOutgoing()) {
		if id != uint64(r.id) {
			r.replies = append(r.replies, &raftpb.Message{
				Type: raftpb.MsgForgetLeader.Enum(), From: new(uint64(r.id)), To: new(id), Term: new(uint64(r.revoking)),
			})
		}
	}
}

// revoked takes the word of a leader that it leads no more. It reports whether it is time for another one: not if this
// replica has voted in a later term since.
func (r *Replica) revoked(m *raftpb.Message) bool {
	term, leader := katakv.Term(m.GetTerm()), katakv.ReplicaID(m.GetFrom())
	return term >= r.followed.term && r.Release(leader, true) && r.raft.BasicStatus().GetTerm() <= uint64(term)
}

// Revokes takes a message if it is some leader's word that it leads no more. It reports whether it was, and whether another
// one should campaign.
func (r *Replica) Revokes(m *raftpb.Message) (revokes, vacant bool) {
	if m.GetType() != raftpb.MsgForgetLeader || m.GetTo() != uint64(r.id) {
		return false, false
	}
	return true, r.revoked(m)
}

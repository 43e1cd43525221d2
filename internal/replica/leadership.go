package replica

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// fromPeers are the other message types that may come over the wire and concern raft alone. MsgTransferLeader and MsgProp
// are not among them: only the core starts transfers, and requests travel as forwards. MsgSnap comes with its data.
var fromPeers = map[raftpb.MessageType]bool{
	raftpb.MsgVoteResp: true, raftpb.MsgPreVoteResp: true, raftpb.MsgHeartbeatResp: true,
}

// Step takes a message from another member, with the session beside it. It reports false when the message is not for
// this replica or not of a kind that members send.
func (r *Replica) Step(m *raftpb.Message, session wire.Session) bool {
	if m.GetTo() != uint64(r.id) {
		return false
	}
	switch t := m.GetType(); t {
	case raftpb.MsgReadIndex:
		r.asked(m)
	case raftpb.MsgReadIndexResp:
		r.told(m)
	case raftpb.MsgVote, raftpb.MsgPreVote:
		r.stepVote(m)
	case raftpb.MsgTimeoutNow:
		r.stepTimeoutNow(m)
	case raftpb.MsgApp, raftpb.MsgHeartbeat:
		r.step(m)
		r.follows(m)
	case raftpb.MsgAppResp:
		r.acknowledged(m, session)
		r.step(m)
	default:
		if !fromPeers[t] {
			return false
		}
		r.probes = r.probes || t == raftpb.MsgHeartbeatResp
		r.step(m)
	}
	return true
}

// acknowledged notes in which session a member acknowledges an append.
func (r *Replica) acknowledged(m *raftpb.Message, session wire.Session) {
	delete(r.lease.asked, katakv.ReplicaID(m.GetFrom()))
	if session != (wire.Session{}) && !m.GetReject() {
		r.lease.note(katakv.ReplicaID(m.GetFrom()), acknowledgement{term: katakv.Term(m.GetTerm()), session: session})
	}
}

// Unreachable tells Raft that messages to a member were lost.
func (r *Replica) Unreachable(id katakv.ReplicaID) {
	if r.leads {
		r.raft.ReportUnreachable(uint64(id))
	}
}

// ForgetLeader lets a follower vote and campaign although it has heard its leader not long ago.
func (r *Replica) ForgetLeader() {
	if !r.leads {
		_ = r.raft.ForgetLeader() // fails with lease-based reads only, which Raft does not make here
	}
}

// TransferTo hands the leadership to a voter that has the whole log. It reports false when this replica does
// not lead or the target is not ready.
func (r *Replica) TransferTo(target katakv.ReplicaID) bool {
	if !r.leads || target == r.id || !r.caughtUp(target) {
		return false
	}
	r.giveUpLease()
	r.raft.TransferLeader(uint64(target))
	return true
}

// TransferAway hands the leadership to whichever voter is most ready. It reports false when there is none.
func (r *Replica) TransferAway() bool {
	if !r.leads {
		return false
	}
	var best katakv.ReplicaID
	var match uint64
	r.raft.WithProgress(func(id uint64, kind raft.ProgressType, p tracker.Progress) {
		if id != uint64(r.id) && kind == raft.ProgressTypePeer && p.RecentActive && p.Match > match {
			best, match = katakv.ReplicaID(id), p.Match
		}
	})
	if best == 0 {
		return false
	}
	r.giveUpLease()
	r.raft.TransferLeader(uint64(best))
	return true
}

// onlyCommit reports whether an append does nothing but tell the commit index to a follower that is sent entries
// as they come. The next append or heartbeat tells it as well, so such an append is not sent: that saves a frame
// and its answer for nearly every entry of a shard that is not busy. Followers apply a heartbeat later.
func (r *Replica) onlyCommit(m *raftpb.Message) bool {
	return len(m.GetEntries()) == 0 && !r.probes && r.replicating(katakv.ReplicaID(m.GetTo()))
}

// replicating reports whether a member is sent entries as they come, not probed for where it stands.
func (r *Replica) replicating(id katakv.ReplicaID) bool {
	ok := false
	r.raft.WithProgress(func(member uint64, _ raft.ProgressType, p tracker.Progress) {
		if member == uint64(id) {
			ok = p.State == tracker.StateReplicate
		}
	})
	return ok
}

// caughtUp reports whether a voter follows live and has every entry.
func (r *Replica) caughtUp(target katakv.ReplicaID) bool {
	ok := false
	r.raft.WithProgress(func(id uint64, kind raft.ProgressType, p tracker.Progress) {
		if id == uint64(target) {
			ok = kind == raft.ProgressTypePeer && p.RecentActive && p.State == tracker.StateReplicate &&
				p.Match >= r.window.last()
		}
	})
	return ok
}

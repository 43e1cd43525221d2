package replica

import (
	"encoding/binary"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/katakv/katakv"
)

// A follower that is asked for more than it knows asks its leader how far the shard is. The question is a MsgReadIndex
// and the answer a MsgReadIndexResp in the usual batches, but Raft never sees either: a leader treats a question as one
// more read, so that there is one place where leadership is confirmed (see [Replica.confirmLeadership]).

// question is another member's: which index must be applied to have seen everything acknowledged so far?
type question struct {
	from    uint64
	context []byte
}

// contextBytes is the length of a question's context, its number: whatever has another length is no question of ours.
const contextBytes = 8

// bootShift leaves a start of a node 2^40 rounds: an answer to a question of an earlier start must never be taken for
// an answer to one of this.
const bootShift = 40

// askLeader sends the round's question to the leader.
func (r *Replica) askLeader(context []byte, out *Output) {
	out.Messages = append(out.Messages, Outgoing{Shard: r.shard, Message: &raftpb.Message{
		Type: raftpb.MsgReadIndex.Enum(), From: new(uint64(r.id)), To: new(uint64(r.leader)), Context: context,
	}})
}

// asked takes a question of another member. Of each member the last one counts.
func (r *Replica) asked(m *raftpb.Message) {
	q := question{from: m.GetFrom(), context: m.GetContext()}
	if len(q.context) != contextBytes {
		return
	}
	if !r.leads {
		r.reply(q, 0)
		return
	}
	for i := range r.reads.questions {
		if r.reads.questions[i].from == q.from {
			r.reads.questions[i] = q
			return
		}
	}
	r.reads.questions = append(r.reads.questions, q)
}

// reply answers a question, with the next Finish. Index 0 means that this replica does not lead.
func (r *Replica) reply(q question, index katakv.Index) {
	r.replies = append(r.replies, &raftpb.Message{
		Type: raftpb.MsgReadIndexResp.Enum(), From: new(uint64(r.id)), To: new(q.from), Context: q.context,
		Index: new(uint64(index)), Reject: new(index == 0),
	})
}

// tellAskers tells the members whose questions the present round answers the commit index as well, with a heartbeat as
// raft sends it: where a quorum is asked, the heartbeats of the round do that.
func (r *Replica) tellAskers() {
	commit := r.raft.BasicStatus().GetCommit()
	for _, q := range r.reads.asked {
		r.replies = append(r.replies, &raftpb.Message{
			Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(r.id)), To: new(q.from), Term: new(uint64(r.term)),
			Commit: new(min(commit, r.matched(q.from))),
		})
	}
}

// matched returns up to which index a member surely has the log.
func (r *Replica) matched(member uint64) uint64 {
	match := uint64(0)
	r.raft.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		if id == member {
			match = p.Match
		}
	})
	return match
}

// refuseQuestions tells other members that this replica leads no more.
func (r *Replica) refuseQuestions() {
	for _, q := range r.reads.questions {
		r.reply(q, 0)
	}
	r.reads.questions = nil
}

// told takes the leader's answer to a question of this replica. A refusal is asked again with the next tick.
func (r *Replica) told(m *raftpb.Message) {
	context := m.GetContext()
	if len(context) != contextBytes || binary.BigEndian.Uint64(context) != r.reads.context || r.leads {
		return
	}
	if m.GetReject() {
		r.reads.age = readRetryTicks
		return
	}
	r.confirmed(context, katakv.Index(m.GetIndex()))
}

// confirmed lets the reads and questions of a round go on.
func (r *Replica) confirmed(context []byte, index katakv.Index) {
	for _, q := range r.reads.confirm(context, index) {
		r.reply(q, index)
	}
	r.tellConfirmed()
}

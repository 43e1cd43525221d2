package replica

import (
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/journey"
)

// readWait is how long a read waits here until this replica can answer it. Then it goes to the leader: a follower
// hears of a commit within two heartbeats, and one that is further behind would keep its clients waiting for longer
// than the leader takes.
const readWait = 400 * time.Millisecond

// submitLocal takes a read that any replica may answer.
func (r *Replica) submitLocal(req *Request) {
	q := read{Request: req, until: r.now().Monotonic + readWait}
	if req.Read.Level == katakv.LevelStrong {
		r.reads.queue = append(r.reads.queue, q)
		return
	}
	r.reads.local = append(r.reads.local, q)
}

// runReads answers the reads that may run by now. The engine must hold everything applied. While a snapshot goes into
// the engine nobody can say what it holds: reads wait.
//
// Invariant: the engine's state of this shard changes in Collect and in an installation only, so that all that one
// request reads here is of one moment, and of the replica and the slots that the machine names.
func (r *Replica) runReads(out *Output) {
	if r.installing {
		return
	}
	applied := r.machine.Meta().Applied
	for _, q := range r.reads.ready(applied) {
		r.answerRead(q, out)
	}
	if len(r.reads.behind) > 0 && applied != r.reads.lookedAt {
		again := r.reads.behind
		r.reads.behind = nil
		for _, q := range again {
			r.look(q, applied, out)
		}
	}
	r.reads.lookedAt = applied
	before := len(r.reads.behind)
	for _, q := range r.reads.local {
		r.look(q, applied, out)
	}
	clear(r.reads.local)
	r.reads.local = r.reads.local[:0]
	if len(r.reads.behind) > before {
		// The heartbeats with which a leader makes sure that it leads tell the commit index, sooner than it would by
		// itself.
		r.reads.refresh = true
	}
}

// look decides what becomes of a read below LevelStrong.
func (r *Replica) look(q read, applied katakv.Index, out *Output) {
	switch {
	case q.Read.Level == katakv.LevelSession && applied < q.Index:
		r.reads.behind = append(r.reads.behind, q)
		r.tellBehind(q.Request, q.Index)
	case q.Read.Level == katakv.LevelBounded && !r.reads.fresh.within(r.now().Monotonic, q.Read.Bound):
		r.reads.queue = append(r.reads.queue, q)
	default:
		if q.Read.Level == katakv.LevelBounded && !r.reads.fresh.within(r.now().Monotonic, q.Read.Bound/2) {
			r.reads.refresh = true // so that later ones need not wait
		}
		r.answerRead(q, out)
	}
}

// answerRead answers a read from the state as it is.
func (r *Replica) answerRead(q read, out *Output) {
	done := Completion{Request: q.Request, Index: r.machine.Meta().Applied, Level: q.Read.Level}
	if q.Read.Level != katakv.LevelStrong {
		done.Age = r.reads.fresh.age(r.now().Monotonic)
	}
	if q.Read.Level == katakv.LevelBounded && !r.reads.fresh.within(r.now().Monotonic, q.Read.Bound) {
		out.Completions = append(out.Completions, r.tooSlow(q))
		return
	}
	r.tell(q.Request, journey.Step{Kind: journey.Read, Index: done.Index})
	done.Replies = r.machine.ReadAll(r.cfg.Engine, q.Operations)
	out.Completions = append(out.Completions, done)
}

// tooSlow sends a read to the leader.
func (r *Replica) tooSlow(q read) Completion {
	r.tell(q.Request, journey.Step{Kind: journey.TooSlow})
	return Completion{Request: q.Request, Err: katakv.Errorf(katakv.CodeNotLeader,
		"%v of %v cannot answer a read at level %v in time, leader %v: ask there", r.id, r.shard, q.Read, r.leader)}
}

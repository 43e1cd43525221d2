package replica

import (
	"math"
	"slices"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// Promise is another node's word not to vote, until a moment of this node's clock, against leaders here whose appends it
// has acknowledged in the same session.
type Promise struct {
	Session wire.Session
	Until   time.Duration
}

// Promises is what a replica knows of the promises between its node and those of the other members. The core keeps them.
type Promises interface {
	// Given returns the session of the promise that runs to the node of a member; zero: none.
	Given(member katakv.ReplicaID) wire.Session
	// Received returns the newest promise of the node of a member.
	Received(member katakv.ReplicaID) Promise
	// Quiet reports whether promises of an earlier life of this node may still run.
	Quiet() bool
}

// noPromises is how it is where nobody promises anything.
type noPromises struct{}

// Given returns none.
func (noPromises) Given(katakv.ReplicaID) wire.Session { return wire.Session{} }

// Received returns none.
func (noPromises) Received(katakv.ReplicaID) Promise { return Promise{} }

// Quiet returns false.
func (noPromises) Quiet() bool { return false }

// lease is what a leader knows of its right to answer strong reads alone: a majority of voters has acknowledged an append
// of its term in a session in which their nodes promise still.
type lease struct {
	// givenUp is the term in which this replica began to hand its leadership away. A transfer passes promises.
	givenUp katakv.Term
	// acknowledged holds in which session each member last acknowledged an append, and of which term.
	acknowledged map[katakv.ReplicaID]acknowledgement
	// asked holds for which session each member was asked for an acknowledgement.
	asked map[katakv.ReplicaID]wire.Session
}

// acknowledgement says of which term an append was acknowledged, and in which session.
type acknowledgement struct {
	term    katakv.Term
	session wire.Session
}

func newLease() lease {
	return lease{
		acknowledged: make(map[katakv.ReplicaID]acknowledgement),
		asked:        make(map[katakv.ReplicaID]wire.Session),
	}
}

// note takes an acknowledgement. They may come in any order.
func (l *lease) note(member katakv.ReplicaID, a acknowledgement) {
	if last := l.acknowledged[member]; a.term > last.term || (a.term == last.term && last.session.Before(a.session)) {
		l.acknowledged[member] = a
	}
}

// forever is until when a leader promises itself not to vote against itself.
const forever = time.Duration(math.MaxInt64)

// LeaseUntil returns until when this replica may answer strong reads without asking anybody; zero: not at all.
func (r *Replica) LeaseUntil() time.Duration {
	if !r.cfg.Leases || !r.mayConfirm() || r.lease.givenUp == r.term {
		return 0
	}
	if s := r.raft.BasicStatus(); s.RaftState != raft.StateLeader || katakv.Term(s.GetTerm()) != r.term {
		return 0 // raft has learnt in this pass that it leads no more
	}
	conf := r.machine.Meta().ConfState
	return min(r.promisedBy(conf.GetVoters()), r.promisedBy(conf.GetVotersOutgoing()))
}

// promisedBy returns until when a majority of voters promises. An empty half of a configuration asks for nothing.
func (r *Replica) promisedBy(voters []uint64) time.Duration {
	if len(voters) == 0 {
		return forever
	}
	until := make([]time.Duration, 0, katakv.MaxReplicas)
	for _, id := range voters {
		until = append(until, r.promisedUntil(katakv.ReplicaID(id)))
	}
	slices.Sort(until)
	return until[(len(until)-1)/2]
}

// promisedUntil returns until when the promise of a member's node counts for this leader.
func (r *Replica) promisedUntil(member katakv.ReplicaID) time.Duration {
	if member == r.id {
		return forever
	}
	p := r.promises.Received(member)
	if a := r.lease.acknowledged[member]; a.term != r.term || a.session != p.Session {
		return 0
	}
	return p.Until
}

// hasLease reports whether this replica may answer strong reads now.
func (r *Replica) hasLease() bool { return r.now().Monotonic < r.LeaseUntil() }

// wantAcknowledgements makes raft ask members of which nothing is on its way for an acknowledgement in the session that
// runs now: of a member that it takes for unreachable it learns anew, with an empty append after the next heartbeat.
func (r *Replica) wantAcknowledgements() {
	if !r.cfg.Leases || r.lease.givenUp == r.term {
		return
	}
	conf := r.machine.Meta().ConfState
	for _, id := range slices.Concat(conf.GetVoters(), conf.GetVotersOutgoing()) {
		member := katakv.ReplicaID(id)
		session := r.promises.Received(member).Session
		current := acknowledgement{term: r.term, session: session}
		if session == (wire.Session{}) || r.lease.acknowledged[member] == current || r.lease.asked[member] == session {
			continue
		}
		if r.caughtUp(member) {
			r.lease.asked[member] = session
			r.raft.ReportUnreachable(id)
		}
	}
}

// giveUpLease ends the lease for the rest of the term, before a transfer begins. Not until it fails: what makes the target
// campaign may still be on its way then.
func (r *Replica) giveUpLease() { r.lease.givenUp = r.term }

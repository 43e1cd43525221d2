package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Durability checks that nothing is said before the disk holds what it rests on: no vote is granted or asked for, no
// entry acknowledged to a leader, and no write to a client. It mirrors what each member has on disk, which outlives
// crashes, so nothing is to be told of those. The zero value is ready.
type Durability struct {
	disks map[Member]*disk
}

// disk is what one member would find after a crash.
type disk struct {
	term  katakv.Term
	vote  katakv.ReplicaID
	votes map[katakv.Term]katakv.ReplicaID // that it ever held
	base  Position
	terms []katakv.Term // of the entries after base
	// reached is up to where the log ever went in a term, in this life.
	reached map[katakv.Term]katakv.Index
}

// Update is what one sync of the log made durable for one member, all of it together.
type Update struct {
	// Snapshot is set if the log begins anew after a state that another member sent.
	Snapshot *Position

	// HardState tells whether Term, Vote and Commit are part of the update.
	HardState bool
	Term      katakv.Term
	Vote      katakv.ReplicaID
	Commit    katakv.Index

	// Entries replace everything from the first of them on.
	Entries []Entry
}

// Synced tells that an update is on disk. It must follow what is there, and what it calls committed must be there:
// a member that finds less after a crash cannot start.
func (d *Durability) Synced(m Member, u Update) error {
	on := d.disk(m)
	if err := on.store(m, &u); err != nil {
		return err
	}
	if u.HardState && u.Commit > on.last() {
		return fmt.Errorf("%v stored commit index %d with a log up to index %d", m, u.Commit, on.last())
	}
	on.reached[on.term] = max(on.reached[on.term], on.last())
	return nil
}

func (on *disk) store(m Member, u *Update) error {
	if u.HardState {
		if u.Term < on.term || u.Term == on.term && on.vote != 0 && u.Vote != on.vote {
			return fmt.Errorf("%v stored term %d with a vote for %v over term %d with a vote for %v", m, u.Term, u.Vote, on.term, on.vote)
		}
		on.cast(u.Term, u.Vote)
	}
	if u.Snapshot != nil {
		on.base, on.terms = *u.Snapshot, on.terms[:0]
	}
	if len(u.Entries) == 0 {
		return nil
	}
	first := u.Entries[0].Index
	if first <= on.base.Index || first > on.last()+1 {
		return fmt.Errorf("%v stored entries from index %d in a log of indexes %d to %d", m, first, on.base.Index+1, on.last())
	}
	on.terms = on.terms[:first-on.base.Index-1]
	for i := range u.Entries {
		if got := u.Entries[i].Index; got != on.last()+1 {
			return fmt.Errorf("%v stored index %d after index %d", m, got, on.last())
		}
		on.terms = append(on.terms, u.Entries[i].Term)
	}
	return nil
}

// cast puts a term and the vote in it on the disk.
func (on *disk) cast(term katakv.Term, vote katakv.ReplicaID) {
	on.term, on.vote = term, vote
	if vote != 0 {
		on.votes[term] = vote
	}
}

// VoteGranted tells that m said that its vote of a term is for a candidate. By the time it says so it may have gone on
// to a later term, in which case it can never vote in this one again, whether this vote ever reached the disk or not.
func (d *Durability) VoteGranted(m Member, term katakv.Term, to katakv.ReplicaID) error {
	on := d.disk(m)
	vote, cast := on.votes[term]
	if cast && vote != to || !cast && on.term <= term {
		return fmt.Errorf("%v granted its vote of term %d to %v, but has term %d with a vote for %v on disk", m, term, to, on.term, on.vote)
	}
	return nil
}

// VoteAsked tells that m asked for votes in a term, which it votes in itself.
func (d *Durability) VoteAsked(m Member, term katakv.Term) error {
	if on := d.disk(m); on.term < term || on.term == term && on.vote != m.Replica {
		return fmt.Errorf("%v asked for votes of term %d, but has term %d with a vote for %v on disk", m, term, on.term, on.vote)
	}
	return nil
}

// AppendAcknowledged tells that m told the leader of a term that it has the log up to an index. By the time it says so a
// later leader may have replaced the end of the log, in the same sync even: then it had it, and has gone on to a later
// term.
func (d *Durability) AppendAcknowledged(m Member, term katakv.Term, index katakv.Index) error {
	if on := d.disk(m); on.term < term || on.last() < index && (on.term == term || on.reached[term] < index) {
		return fmt.Errorf("%v acknowledged index %d in term %d, but has term %d and a log up to index %d on disk",
			m, index, term, on.term, on.last())
	}
	return nil
}

// WriteAcknowledged tells that a client was told that its write, at an index of a shard, happened. A majority of the
// voters must have the same entry there; a member whose log begins after a later state has whatever was committed.
func (d *Durability) WriteAcknowledged(shard katakv.ShardID, index katakv.Index, voters []katakv.ReplicaID) error {
	most := 0
	for i := range voters {
		term, known := d.termAt(Member{shard, voters[i]}, index)
		if !known {
			continue
		}
		same := 0
		for j := range voters {
			if another, known := d.termAt(Member{shard, voters[j]}, index); known && (another == term || another == anyTerm || term == anyTerm) {
				same++
			}
		}
		most = max(most, same)
	}
	if most <= len(voters)/2 {
		return fmt.Errorf("%v: a write at index %d was acknowledged, but no more than %d of the voters %v have the same entry on disk",
			shard, index, most, voters)
	}
	return nil
}

// anyTerm stands for the term of an entry that a snapshot replaced.
const anyTerm katakv.Term = 1<<64 - 1

func (d *Durability) termAt(m Member, index katakv.Index) (katakv.Term, bool) {
	on := d.disks[m]
	switch {
	case on == nil || index > on.last():
		return 0, false
	case index > on.base.Index:
		return on.terms[index-on.base.Index-1], true
	case index == on.base.Index:
		return on.base.Term, true
	default:
		return anyTerm, true
	}
}

func (d *Durability) disk(m Member) *disk {
	on := d.disks[m]
	if on == nil {
		if d.disks == nil {
			d.disks = map[Member]*disk{}
		}
		on = &disk{votes: map[katakv.Term]katakv.ReplicaID{}, reached: map[katakv.Term]katakv.Index{}}
		d.disks[m] = on
	}
	return on
}

func (on *disk) last() katakv.Index { return on.base.Index + katakv.Index(len(on.terms)) }

// Recovered tells what m found on its disk when it started, all of it durable by now. It must be at least what was
// synced. Anew tells that m's state lies outside its log, as after a crash between taking a snapshot in and logging
// that: its log then begins anew at the state, and whatever it held does not count. A log may be shorter than what was
// synced if its end is of a later term than what was synced there: a sync that nobody heard the end of has replaced that.
func (d *Durability) Recovered(m Member, u Update, anew bool) error {
	on := d.disk(m)
	if u.Term < on.term || u.Term == on.term && on.vote != 0 && u.Vote != on.vote {
		return fmt.Errorf("%v recovered term %d with a vote for %v, but had term %d with a vote for %v on disk", m, u.Term, u.Vote, on.term, on.vote)
	}
	last := u.Snapshot.Index + katakv.Index(len(u.Entries))
	end := u.Snapshot.Term
	if n := len(u.Entries); n > 0 {
		end = u.Entries[n-1].Term
	}
	if was, known := d.termAt(m, last); !anew && last < on.last() && !(known && was < end) {
		return fmt.Errorf("%v recovered a log up to index %d, but had it up to index %d on disk", m, last, on.last())
	}
	*on = disk{votes: on.votes, reached: map[katakv.Term]katakv.Index{}}
	return d.Synced(m, u)
}

package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Progress checks that a member never goes back: not while it lives, and not over a restart behind what was durable.
// In each state applied <= commit <= last. The zero value is ready.
type Progress struct {
	members map[Member]*progress
}

// Standing is where a member stands.
type Standing struct {
	Term                  katakv.Term
	Vote                  katakv.ReplicaID
	Commit, Applied, Last katakv.Index
}

// progress is the least that a member may come back with, and where it stood when last seen.
type progress struct {
	durable, seen Standing
}

// Observed tells where m stands now.
func (p *Progress) Observed(m Member, now Standing) error {
	mirror := p.member(m)
	if err := follows(m, "now", now, "had", mirror.seen); err != nil {
		return err
	}
	mirror.seen = now
	return nil
}

// DurableLog tells which term, vote and commit index are on m's disk.
func (p *Progress) DurableLog(m Member, term katakv.Term, vote katakv.ReplicaID, commit katakv.Index) error {
	mirror := p.member(m)
	now := Standing{Term: term, Vote: vote, Commit: commit, Applied: mirror.durable.Applied}
	return mirror.store(m, now)
}

// DurableState tells up to which index m's disk holds the effects of the log.
func (p *Progress) DurableState(m Member, applied katakv.Index) error {
	mirror := p.member(m)
	now := mirror.durable
	now.Applied = applied
	return mirror.store(m, now)
}

func (mirror *progress) store(m Member, now Standing) error {
	if err := back(m, "on disk", now, "had there", mirror.durable); err != nil {
		return err
	}
	mirror.durable = now
	return nil
}

// Restarted tells where m stands after a restart. Whatever was not durable may be gone; the commit index that it comes
// back with may be that of its state.
func (p *Progress) Restarted(m Member, now Standing) error {
	mirror := p.member(m)
	if err := follows(m, "after a restart", now, "had on disk", mirror.durable); err != nil {
		return err
	}
	mirror.seen = now
	return nil
}

func follows(m Member, when string, now Standing, had string, before Standing) error {
	if now.Applied > now.Commit || now.Commit > now.Last {
		return fmt.Errorf("%v has %s applied index %d, commit index %d, last index %d: they must not decrease in this order",
			m, when, now.Applied, now.Commit, now.Last)
	}
	return back(m, when, now, had, before)
}

func back(m Member, when string, now Standing, had string, before Standing) error {
	var what string
	switch {
	case now.Term < before.Term:
		what = "term"
	case now.Term == before.Term && before.Vote != 0 && now.Vote != before.Vote:
		what = "vote"
	case now.Commit < before.Commit:
		what = "commit index"
	case now.Applied < before.Applied:
		what = "applied index"
	default:
		return nil
	}
	return fmt.Errorf("%v went back on its %s: %s %v, %s %v", m, what, when, now, had, before)
}

// String returns "term 3 (vote r7), commit 12, applied 11, last 14".
func (s Standing) String() string {
	return fmt.Sprintf("term %d (vote %v), commit %d, applied %d, last %d", s.Term, s.Vote, s.Commit, s.Applied, s.Last)
}

func (p *Progress) member(m Member) *progress {
	mirror := p.members[m]
	if mirror == nil {
		if p.members == nil {
			p.members = map[Member]*progress{}
		}
		mirror = &progress{}
		p.members[m] = mirror
	}
	return mirror
}

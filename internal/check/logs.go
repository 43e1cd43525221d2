package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Logs mirrors the log of every member and checks log matching (Raft, section 5.3): if two logs hold an entry of the
// same index and term, whenever that was, then the entries are the same and so is everything before them.
//
// A chain is the hash of an entry and of all entries before it, so equal chains mean equal logs up to there. What was
// ever seen at a position is kept for the whole run, below what members still hold too. The zero value is ready.
type Logs struct {
	shards  map[katakv.ShardID]*lineage
	members map[Member]*log
}

// lineage is what was ever seen of a shard's log: a tree, for a position has one predecessor.
type lineage struct {
	begin Position
	seen  map[Position]link
}

type link struct {
	chain    uint64
	previous katakv.Term      // of the entry before
	finder   katakv.ReplicaID // who was the first to hold it
}

// log is what one member holds.
type log struct {
	base  Position
	links []held // at base, then the entries after it by index
}

type held struct {
	term  katakv.Term
	chain uint64
}

// Begin tells at which position a shard's log begins, if not at zero: the shard was created with a state.
func (l *Logs) Begin(shard katakv.ShardID, at Position) {
	s := l.shard(shard)
	s.begin = at
	s.seen[at] = link{chain: beginning(at)}
}

func beginning(at Position) uint64 { return mix(uint64(at.Index), uint64(at.Term)) }

// Append tells that m added entries to its log. They replace everything from the first of them on, and must follow
// each other and what m holds.
func (l *Logs) Append(m Member, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	shard, mirror := l.shard(m.Shard), l.member(m)
	first := entries[0].Index
	if first <= mirror.base.Index || first > mirror.last()+1 {
		return fmt.Errorf("%v appends from index %d to a log of indexes %d to %d", m, first, mirror.base.Index+1, mirror.last())
	}
	mirror.links = mirror.links[:first-mirror.base.Index]
	previous := mirror.links[len(mirror.links)-1]
	for i := range entries {
		e := &entries[i]
		if e.Index != first+katakv.Index(i) || e.Term < previous.term {
			return fmt.Errorf("%v appends %v after index %d of term %d", m, e.Position, mirror.last(), previous.term)
		}
		next := held{term: e.Term, chain: mix(mix(previous.chain, uint64(e.Term)), e.Hash)}
		if err := shard.see(m, e.Position, link{next.chain, previous.term, m.Replica}); err != nil {
			return err
		}
		mirror.links = append(mirror.links, next)
		previous = next
	}
	return nil
}

// Sent tells that m, which leads term, sends entries that follow the position after. They must be what the shard's logs
// hold there, if any does: memory that is written again behind a message changes what others are told. A leader that is
// deposed in the pass in which it was elected sends an entry that it never keeps itself.
func (l *Logs) Sent(m Member, term katakv.Term, after Position, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	shard := l.shard(m.Shard)
	at, known := shard.seen[after]
	if !known {
		return fmt.Errorf("%v sends entries after %v, which no log of the shard ever held", m, after)
	}
	chain, previous := at.chain, after
	for i := range entries {
		e := &entries[i]
		if e.Index != previous.Index+1 || e.Term < previous.Term || e.Term > term {
			return fmt.Errorf("%v sends %v after %v in term %d", m, e.Position, previous, term)
		}
		chain = mix(mix(chain, uint64(e.Term)), e.Hash)
		if err := shard.see(m, e.Position, link{chain, previous.Term, m.Replica}); err != nil {
			return fmt.Errorf("to send: %w", err)
		}
		previous = e.Position
	}
	return nil
}

// see records what m holds at a position, or compares it with what was seen there.
func (s *lineage) see(m Member, at Position, is link) error {
	was, known := s.seen[at]
	if !known {
		s.seen[at] = is
		return nil
	}
	if was.chain != is.chain || was.previous != is.previous {
		return fmt.Errorf("%v holds another entry or other entries before it at %v than %v (terms %d and %d at the index before)",
			m, at, Member{m.Shard, was.finder}, is.previous, was.previous)
	}
	return nil
}

// Restart tells what m's log is after a restart, or after it took a snapshot: entries after base. A base that no
// log ever held is a violation.
func (l *Logs) Restart(m Member, base Position, entries []Entry) error {
	at, known := l.shard(m.Shard).seen[base]
	if !known {
		return fmt.Errorf("%v begins after %v, which no log of the shard ever held", m, base)
	}
	l.members[m] = &log{base: base, links: []held{{term: base.Term, chain: at.chain}}}
	return l.Append(m, entries)
}

// Last returns the position of m's last entry, or its base.
func (l *Logs) Last(m Member) Position {
	mirror := l.member(m)
	return Position{Index: mirror.last(), Term: mirror.links[len(mirror.links)-1].term}
}

// Holds reports whether the entry at a position is in m's log, or was before m left it to a snapshot.
func (l *Logs) Holds(m Member, at Position) bool {
	is, ok := l.at(m, at.Index)
	return ok && is.term == at.Term
}

// Chain returns the hash of m's log up to an index, also of what m left to a snapshot. It is false where m's log does
// not reach, and before the shard's log began.
func (l *Logs) Chain(m Member, index katakv.Index) (uint64, bool) {
	is, ok := l.at(m, index)
	return is.chain, ok
}

// at finds what m's log has, or had, at an index.
func (l *Logs) at(m Member, index katakv.Index) (held, bool) {
	mirror, shard := l.member(m), l.shard(m.Shard)
	switch {
	case index > mirror.last():
		return held{}, false
	case index >= mirror.base.Index:
		return mirror.links[index-mirror.base.Index], true
	case index < shard.begin.Index:
		return held{}, false
	}
	at := mirror.base
	for at.Index > index {
		at = Position{Index: at.Index - 1, Term: shard.seen[at].previous}
	}
	return held{term: at.Term, chain: shard.seen[at].chain}, true
}

func (g *log) last() katakv.Index { return g.base.Index + katakv.Index(len(g.links)) - 1 }

func (l *Logs) shard(id katakv.ShardID) *lineage {
	s := l.shards[id]
	if s == nil {
		if l.shards == nil {
			l.shards, l.members = map[katakv.ShardID]*lineage{}, map[Member]*log{}
		}
		s = &lineage{seen: map[Position]link{{}: {chain: beginning(Position{})}}}
		l.shards[id] = s
	}
	return s
}

// member returns m's mirror. That of a new member is empty, before all entries.
func (l *Logs) member(m Member) *log {
	mirror := l.members[m]
	if mirror == nil {
		l.shard(m.Shard)
		mirror = &log{links: []held{{chain: beginning(Position{})}}}
		l.members[m] = mirror
	}
	return mirror
}

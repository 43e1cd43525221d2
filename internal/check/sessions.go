package check

import (
	"cmp"
	"slices"

	"github.com/katakv/katakv"
)

// Sessions checks what a session promises, for every read of one at LevelSession or above:
//
//   - read your writes: it sees what the session wrote before, or something newer;
//   - monotonic reads: it sees nothing older than what the session saw before;
//   - writes follow reads: a write takes effect after everything that the session has seen.
//
// What is older is told by the indexes of writes. The same must hold of the indexes that answers are said to reflect.
// Operations of a session come one after another: an earlier one counts once it had returned. Terry et al., Session
// Guarantees for Weakly Consistent Replicated Data, 1994.
func Sessions(h History) error {
	byKey := versionsOf(h)
	bySession := map[int][]*Operation{}
	var order []int
	for i := range h {
		op := &h[i]
		if op.Session == 0 || op.Outcome != katakv.OutcomeApplied {
			continue
		}
		if bySession[op.Session] == nil {
			order = append(order, op.Session)
		}
		bySession[op.Session] = append(bySession[op.Session], op)
	}
	var found findings
	for _, id := range order {
		judgeSession(&found, bySession[id], byKey)
	}
	return found.err()
}

// floor is the least that a session must see of something, and why.
type floor struct {
	index katakv.Index
	by    *Operation
}

func (f *floor) raise(index katakv.Index, by *Operation) {
	if index > f.index {
		f.index, f.by = index, by
	}
}

// session is what one session has done and seen up to some moment.
type session struct {
	found  *findings
	byKey  map[string]*versions
	shards map[katakv.ShardID]*floor
	keys   map[string]*floor
}

func judgeSession(found *findings, ops []*Operation, byKey map[string]*versions) {
	s := session{found, byKey, map[katakv.ShardID]*floor{}, map[string]*floor{}}
	returned := slices.Clone(ops)
	slices.SortStableFunc(ops, func(a, b *Operation) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(returned, func(a, b *Operation) int { return cmp.Compare(a.Return, b.Return) })
	for _, op := range ops {
		for ; len(returned) > 0 && returned[0].Return <= op.Call; returned = returned[1:] {
			s.note(returned[0])
		}
		s.judge(op)
	}
}

// note raises the floors by an operation that has returned.
func (s *session) note(op *Operation) {
	s.shard(op.Served.Shard).raise(op.Served.Index, op)
	for _, l := range op.looks(s.byKey) {
		if seen, known := s.byKey[l.key].find(l); known {
			s.key(l.key).raise(seen.index, op)
		}
	}
	if !op.Kind.Writes() {
		return
	}
	for i, key := range op.Keys {
		if _, _, wrote := op.left(i); wrote {
			s.key(key).raise(op.Served.Index, op)
		}
	}
}

func (s *session) shard(id katakv.ShardID) *floor {
	if s.shards[id] == nil {
		s.shards[id] = &floor{}
	}
	return s.shards[id]
}

func (s *session) key(key string) *floor {
	if s.keys[key] == nil {
		s.keys[key] = &floor{}
	}
	return s.keys[key]
}

func (s *session) judge(op *Operation) {
	least := s.shard(op.Served.Shard)
	switch {
	case op.Served.Level > katakv.LevelSession || op.Served.Index == 0:
		return
	case op.Kind.Writes() && op.Served.Index <= least.index:
		s.found.add("session %d: a write took effect at index %d, though %d had been seen: %v; before: %v",
			op.Session, op.Served.Index, least.index, op, least.by)
	case op.Served.Index < least.index:
		s.found.add("session %d: answered at index %d, though %d had been seen: %v; before: %v",
			op.Session, op.Served.Index, least.index, op, least.by)
	}
	for _, l := range op.looks(s.byKey) {
		s.judgeLook(l)
	}
}

func (s *session) judgeLook(l look) {
	least, v := s.key(l.key), s.byKey[l.key]
	if least.index == 0 {
		return
	}
	seen, known := v.find(l)
	switch {
	case known && seen.index < least.index:
		s.found.add("session %d, key %q: saw what was written at index %d, though it had seen or written %d: %v; before: %v",
			l.Session, l.key, seen.index, least.index, l.Operation, least.by)
	case !l.present && !v.mayBeAbsent(least.index, l):
		s.found.add("session %d, key %q: absent, though it had seen or written index %d: %v; before: %v",
			l.Session, l.key, least.index, l.Operation, least.by)
	}
}

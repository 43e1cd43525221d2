package check

import "github.com/katakv/katakv"

// Revisions checks that answers tell the truth about their index: a read that is said to reflect a shard at an index
// saw what the last write up to that index left. The index is what sessions rest on, so it must not be a guess.
//
// Reads at LevelStrong may have gone through the log among writes that share their index; those below have not.
func Revisions(h History) error {
	byKey := versionsOf(h)
	var found findings
	for i := range h {
		op := &h[i]
		for _, l := range op.looks(byKey) {
			if at := op.Served.Index; at != 0 {
				judgeRevision(&found, byKey[l.key], l, at)
			}
		}
	}
	return found.err()
}

func judgeRevision(found *findings, v *versions, l look, at katakv.Index) {
	limit := at // the last index whose writes it surely saw
	if l.Served.Level == katakv.LevelStrong {
		limit--
	}
	if !l.present {
		for i := len(v.all) - 1; i >= 0; i-- {
			if have := v.all[i]; have.index <= limit {
				if have.present && !v.mayBeAbsent(have.index, l) {
					found.add("key %q: absent at index %d, though a write at %d left something: %v; the write: %v",
						l.key, at, have.index, l.Operation, have.Operation)
				}
				return
			}
		}
		return
	}
	seen, known := v.find(l)
	if !known {
		return
	}
	if seen.index > at {
		found.add("key %q: seen at index %d, though it was written at %d: %v", l.key, at, seen.index, l.Operation)
	}
	if next, ok := v.after(seen.index); ok && next.index <= limit {
		found.add("key %q: seen at index %d, though it was replaced at %d: %v; by %v", l.key, at, next.index, l.Operation, next.Operation)
	}
}

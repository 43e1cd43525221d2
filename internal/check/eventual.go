package check

import (
	"strconv"

	"github.com/katakv/katakv"
)

// Eventual checks the least that any read promises: it saw what somebody had written, and not before that. Then, that
// all converge: last holds reads of any level by any replica, made when nobody had written for a while, and final what
// the keys hold; all must say the same.
func Eventual(h, last History, final map[string]string) error {
	var found findings
	byKey := versionsOf(h)
	written := writtenOf(h)
	for i := range h {
		op := &h[i]
		for _, l := range op.looks(byKey) {
			if l.present && !written[l.key].until(l) {
				found.add("key %q: nobody had written what was seen: %v", l.key, op)
			}
		}
	}
	for i := range last {
		op := &last[i]
		if want, present := final[op.Keys[0]]; op.Outcome != katakv.OutcomeApplied ||
			(op.Reply.Kind == Bulk) != present || op.Reply.Bulk != want {
			found.add("key %q: holds %q in the end, but %v", op.Keys[0], shorten(want), op)
		}
	}
	return found.err()
}

// SameIndexes reports whether all answers in both histories reflect each shard at one index.
func (h History) SameIndexes(other History) bool {
	at := map[katakv.ShardID]katakv.Index{}
	for _, ops := range []History{h, other} {
		for i := range ops {
			s := &ops[i].Served
			if index, seen := at[s.Shard]; seen && index != s.Index {
				return false
			}
			at[s.Shard] = s.Index
		}
	}
	return true
}

// written are the writes of a key that may have taken effect.
type written struct {
	ops    []*Operation
	values map[string]*Operation
}

func writtenOf(h History) map[string]*written {
	byKey := map[string]*written{}
	for i := range h {
		op := &h[i]
		for at, key := range op.Keys {
			if byKey[key] == nil {
				byKey[key] = &written{values: map[string]*Operation{}}
			}
			if !op.Kind.Writes() || op.Outcome == katakv.OutcomeNotApplied {
				continue
			}
			byKey[key].ops = append(byKey[key].ops, op)
			switch op.Kind {
			case Set, SetNX, MSet:
				byKey[key].values[op.Values[at]] = op
			case CompareAndSet:
				byKey[key].values[op.Values[1]] = op
			}
		}
	}
	return byKey
}

// until reports whether what a look saw can have been written before it was answered. Of a key that grows, that is any
// measure up to what all writes together make of it.
func (w *written) until(l look) bool {
	if op := w.values[l.value]; op != nil {
		return op.Call <= l.Return
	}
	measure, err := strconv.ParseInt(l.value, 10, 64)
	possible := int64(0)
	for _, op := range w.ops {
		if op.Call <= l.Return {
			possible += op.growth()
		}
	}
	return err == nil && measure <= possible
}

package check

import (
	"time"

	"github.com/katakv/katakv"
)

// Bounded checks what answers say of their age: a read that is said to be at most so old saw what was current at some
// moment not longer before its call than that. So a value must not have been replaced by a write that had returned by
// then. Reads at LevelBounded must say an age, and one within the bound that they asked for.
//
// Times are those of the history, not of anybody's clock in it.
func Bounded(h History) error {
	byKey := versionsOf(h)
	var found findings
	for i := range h {
		op := &h[i]
		if op.Kind.Writes() || op.Outcome != katakv.OutcomeApplied || op.Served.Index == 0 {
			continue
		}
		age := op.Served.Age
		if op.Served.Level == katakv.LevelBounded && (age == katakv.UnknownAge || op.Asked.Bound > 0 && age > op.Asked.Bound) {
			found.add("an answer within %v is said to be %v old: %v", op.Asked.Bound, age, op)
		}
		if age == katakv.UnknownAge {
			continue
		}
		for _, l := range op.looks(byKey) {
			judgeAge(&found, byKey[l.key], l, op.Call-age)
		}
	}
	return found.err()
}

// judgeAge finds a look that saw what was no longer current at a moment.
func judgeAge(found *findings, v *versions, l look, moment time.Duration) {
	if l.present {
		seen, known := v.find(l)
		if !known {
			return
		}
		if next, ok := v.after(seen.index); ok && next.Return < moment {
			found.add("key %q: seen by an answer of age %v, though it had been replaced by %v: %v; by %v",
				l.key, l.Served.Age, moment, l.Operation, next.Operation)
		}
		return
	}
	for i := len(v.all) - 1; i >= 0; i-- {
		have := v.all[i]
		if !have.present || have.Return >= moment {
			continue
		}
		if !v.mayBeAbsent(have.index, l) {
			found.add("key %q: absent in an answer of age %v, though it had been written by %v: %v; by %v",
				l.key, l.Served.Age, moment, l.Operation, have.Operation)
		}
		return
	}
}

package check

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/katakv/katakv"
)

// Growth judges keys that can only grow: absent before the history, and written by nothing but APPEND, or by nothing
// but INCRBY of positive numbers. Other keys it leaves alone. Of each key it measures the length or the number, and
// whatever tells a measure must tell
//
//   - at least what anyone had been told before it was called: less is a stale read or a lost write;
//   - more than that, if it made the key grow;
//   - at most what all writes called before it returned can have made of the key: more was invented, or applied twice.
//
// It takes near linear time, so it serves where a history is too long to be searched.
func Growth(h History) error {
	byKey := map[string][]sighting{}
	appended, counted, other := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range h {
		op := &h[i]
		op.mustBeWellFormed()
		switch {
		case op.Kind == Append:
			appended[op.Keys[0]] = true
		case op.Kind == IncrBy && op.Delta > 0:
			counted[op.Keys[0]] = true
		case op.Kind.Writes():
			for _, key := range op.Keys {
				other[key] = true
			}
		}
		if op.matters() {
			sightings(op, byKey)
		}
	}
	var found findings
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		if !other[key] && appended[key] != counted[key] {
			judgeGrowth(&found, key, byKey[key], counted[key])
		}
	}
	return found.err()
}

// sighting is what one operation tells of one key.
type sighting struct {
	*Operation
	reply Reply
}

func sightings(op *Operation, byKey map[string][]sighting) {
	for i, key := range op.Keys {
		seen := sighting{op, op.Reply}
		switch op.Kind {
		case Exists:
			continue
		case MGet:
			if i >= len(op.Reply.Array) {
				continue
			}
			seen.reply = op.Reply.Array[i]
		}
		byKey[key] = append(byKey[key], seen)
	}
}

// measure returns how far the key has grown by what was seen, and whether that tells anything.
func (s *sighting) measure(counter bool) (int64, bool) {
	switch {
	case s.Outcome != katakv.OutcomeApplied || s.reply.Kind == ReplyError || s.Kind == Strlen && counter:
		return 0, false
	case s.reply.Kind == Int:
		return s.reply.Int, true
	case s.reply.Kind != Bulk:
		return 0, true
	case counter:
		n, err := strconv.ParseInt(s.reply.Bulk, 10, 64)
		return n, err == nil
	default:
		return int64(len(s.reply.Bulk)), true
	}
}

// growth returns by how much the operation makes the key grow, if it happens.
func (op *Operation) growth() int64 {
	switch op.Kind {
	case Append:
		return int64(len(op.Values[0]))
	case IncrBy:
		return op.Delta
	}
	return 0
}

// judgeGrowth walks through the sightings twice in the order of time, with what is known at each moment: by their
// calls for the least that they may tell, and by their returns for the most.
func judgeGrowth(found *findings, key string, all []sighting, counter bool) {
	byCall, byReturn := all, slices.Clone(all)
	slices.SortStableFunc(byCall, func(a, b sighting) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(byReturn, func(a, b sighting) int { return cmp.Compare(a.Return, b.Return) })

	var most *sighting // what told most among those that have returned
	told := int64(0)
	ended := byReturn
	for i := range byCall {
		op := &byCall[i]
		for ; len(ended) > 0 && ended[0].Return < op.Call; ended = ended[1:] {
			if n, tells := ended[0].measure(counter); tells && n > told {
				told, most = n, &ended[0]
			}
		}
		n, tells := op.measure(counter)
		if tells && most != nil && n < told+op.growth() {
			found.add("key %q: told %d, though %d had been told before it was called: %v; before: %v", key, n, told,
				op.Operation, most.Operation)
		}
	}
	possible := int64(0)
	called := byCall
	for i := range byReturn {
		op := &byReturn[i]
		for ; len(called) > 0 && called[0].Call <= op.Return; called = called[1:] {
			possible += called[0].growth()
		}
		if n, tells := op.measure(counter); tells && (n > possible || n < op.growth()) {
			found.add("key %q: told %d, though all writes until it returned make %d: %v", key, n, possible, op.Operation)
		}
	}
}

package check

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/katakv/katakv"
)

// versions are the values that a key had, in the order of its shard's log, as far as acknowledged writes tell: each
// write says at which index it took effect. It serves the checkers of reads that may be stale.
//
// Values tell writes apart: those of registers are unique, counters only count up, and of keys that are appended to the
// length is taken for the value. Writes of one index took effect in some order that is not known.
type versions struct {
	all []version
	// loose are the writes of unknown outcome: at any index above those of their callers, or never.
	loose []*Operation
	// appended is set for a key that is appended to.
	appended bool
}

// version is what one write left in a key.
type version struct {
	*Operation
	index   katakv.Index
	value   string
	present bool
}

// versionsOf gathers the versions of every key of a history.
func versionsOf(h History) map[string]*versions {
	byKey := map[string]*versions{}
	of := func(key string) *versions {
		if byKey[key] == nil {
			byKey[key] = &versions{}
		}
		return byKey[key]
	}
	for i := range h {
		op := &h[i]
		op.mustBeWellFormed()
		for at, key := range op.Keys {
			v := of(key)
			v.appended = v.appended || op.Kind == Append
			switch {
			case !op.Kind.Writes():
			case op.Outcome == katakv.OutcomeUnknown, op.Outcome == katakv.OutcomeApplied && op.Served.Index == 0:
				v.loose = append(v.loose, op)
			case op.Outcome == katakv.OutcomeApplied:
				if value, present, wrote := op.left(at); wrote {
					v.all = append(v.all, version{op, op.Served.Index, value, present})
				}
			}
		}
	}
	for _, v := range byKey { // each alike: the order does not matter
		slices.SortStableFunc(v.all, func(a, b version) int { return cmp.Compare(a.index, b.index) })
	}
	return byKey
}

// left returns what an acknowledged write left in its i-th key, and whether it changed that at all.
func (op *Operation) left(i int) (value string, present, wrote bool) {
	switch op.Kind {
	case Set:
		old := op.Reply.Kind == Bulk
		switch {
		case op.Options == IfPresent|WithGet:
			wrote = old
		case op.Options == IfAbsent|WithGet:
			wrote = !old
		case op.Options&WithGet != 0:
			wrote = true
		default:
			wrote = op.Reply.Kind == OK
		}
		return op.Values[0], true, wrote
	case SetNX:
		return op.Values[0], true, op.Reply.Int == 1
	case CompareAndSet:
		return op.Values[1], true, op.Reply.Int == 1
	case MSet:
		return op.Values[i], true, true
	case Del:
		return "", false, true
	default:
		return strconv.FormatInt(op.Reply.Int, 10), true, op.Reply.Kind == Int
	}
}

// look is one key of a read that was answered.
type look struct {
	*Operation
	key     string
	value   string
	present bool
}

// looks returns what a read tells of each of its keys.
func (op *Operation) looks(byKey map[string]*versions) []look {
	if op.Kind.Writes() || op.Outcome != katakv.OutcomeApplied {
		return nil
	}
	var replies []Reply
	switch {
	case op.Kind == Get:
		replies = []Reply{op.Reply}
	case op.Kind == MGet && len(op.Reply.Array) == len(op.Keys):
		replies = op.Reply.Array
	default:
		return nil
	}
	var all []look
	for i, key := range op.Keys {
		l := look{Operation: op, key: key, value: replies[i].Bulk, present: replies[i].Kind == Bulk}
		if l.present && byKey[key].appended {
			l.value = strconv.Itoa(len(l.value))
		}
		all = append(all, l)
	}
	return all
}

// find returns the version that a look saw, if there is only one that it can have been.
func (v *versions) find(l look) (version, bool) {
	if !l.present {
		return version{}, false
	}
	for _, seen := range v.all {
		if seen.present && seen.value == l.value {
			return seen, true
		}
	}
	return version{}, false
}

// after returns the first version above an index.
func (v *versions) after(index katakv.Index) (version, bool) {
	at, _ := slices.BinarySearchFunc(v.all, index, func(have version, index katakv.Index) int {
		return cmp.Compare(have.index, index+1)
	})
	if at == len(v.all) {
		return version{}, false
	}
	return v.all[at], true
}

// mayBeAbsent reports whether a key that had a value at an index may have been absent at some later one, or in the
// middle of that, for whoever was answered at end.
func (v *versions) mayBeAbsent(from katakv.Index, l look) bool {
	for _, have := range v.all {
		if have.index >= from && !have.present && have.Call <= l.Return {
			return true
		}
	}
	return slices.ContainsFunc(v.loose, func(op *Operation) bool { return op.Kind == Del && op.Call <= l.Return })
}

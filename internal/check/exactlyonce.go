package check

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// ExactlyOnce judges keys of which the history holds every write since they were absent, and which are written by
// one kind of operation only: each APPEND brings a token of its own, or each INCRBY adds one. The keys judged are those
// of final, which holds what they held after all operations had ended; "" stands for absent.
//
// It finds writes that took effect twice, not at all though acknowledged, or although refused, and acknowledged ones that
// took effect in another order than clients sent them: if one returned before the other was called, it comes first.
// Writes of unknown outcome may have happened once or never. The time it takes is near linear.
//
// No token of a key may begin with another one, so that a value is read in one way only; ending each with the same
// mark does it.
func ExactlyOnce(h History, final map[string]string) error {
	writes := map[string][]*Operation{}
	for i := range h {
		op := &h[i]
		op.mustBeWellFormed()
		if !op.Kind.Writes() {
			continue
		}
		for _, key := range op.Keys {
			if _, judged := final[key]; judged {
				writes[key] = append(writes[key], op)
			}
		}
	}
	var found findings
	keys := make([]string, 0, len(final))
	for key := range final {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		switch ops := writes[key]; {
		case every(ops, func(op *Operation) bool { return op.Kind == IncrBy && op.Delta == 1 }) && len(ops) > 0:
			onceCounted(&found, key, ops, final[key])
		case every(ops, func(op *Operation) bool { return op.Kind == Append }):
			onceAppended(&found, key, ops, final[key])
		default:
			found.add("key %q: written by other operations than APPEND, or than INCRBY 1: it cannot be judged", key)
		}
	}
	return found.err()
}

func every(ops []*Operation, holds func(*Operation) bool) bool {
	return !slices.ContainsFunc(ops, func(op *Operation) bool { return !holds(op) })
}

// took reports whether a write was acknowledged. One that was answered with an error changed nothing.
func (op *Operation) took() bool {
	return op.Outcome == katakv.OutcomeApplied && op.Reply.Kind != ReplyError
}

// onceAppended takes the final value apart into tokens.
func onceAppended(found *findings, key string, ops []*Operation, final string) {
	byToken := map[string]*Operation{}
	var tokens []string
	var lengths []int // the lengths that occur, few
	for _, op := range ops {
		token := op.Values[0]
		byToken[token] = op
		tokens = append(tokens, token)
		if !slices.Contains(lengths, len(token)) {
			lengths = append(lengths, len(token))
		}
	}
	mustBePrefixFree(key, tokens)
	at := map[*Operation]int{} // where each token ends
	var order []*Operation
	for rest := final; rest != ""; {
		op := firstToken(rest, lengths, byToken)
		start := len(final) - len(rest)
		if op == nil {
			found.add("key %q: byte %d of the final value begins no token: %s", key, start, shorten(rest))
			return
		}
		rest = rest[len(op.Values[0]):]
		end := len(final) - len(rest)
		if first := at[op]; first > 0 {
			found.add("key %q: appended twice, to bytes %d and %d: %v", key, first, end, op)
			continue
		}
		at[op] = end
		order = append(order, op)
	}
	for _, op := range ops {
		end, present := at[op]
		switch {
		case op.took() && !present:
			found.add("key %q: acknowledged, but its token is not in the final value: %v", key, op)
		case op.took() && op.Reply.Int != int64(end):
			found.add("key %q: the token ends at byte %d of the final value, not where the reply says: %v", key, end, op)
		case present && !op.took() && op.Outcome != katakv.OutcomeUnknown:
			found.add("key %q: refused, but its token is in the final value: %v", key, op)
		}
	}
	inOrder(found, key, order)
}

func firstToken(text string, lengths []int, byToken map[string]*Operation) *Operation {
	for _, n := range lengths {
		if n <= len(text) {
			if op := byToken[text[:n]]; op != nil {
				return op
			}
		}
	}
	return nil
}

// mustBePrefixFree stops the process where a workload made tokens that leave doubt. Sorted, a token stands right
// before those that begin with it.
func mustBePrefixFree(key string, tokens []string) {
	slices.Sort(tokens)
	for i, token := range tokens {
		if token == "" || i > 0 && strings.HasPrefix(token, tokens[i-1]) {
			invariant.Check(false, "key %q: token %q is empty or begins with token %q", key, token, tokens[max(0, i-1)])
		}
	}
}

// onceCounted looks at the counts that the replies tell.
func onceCounted(found *findings, key string, ops []*Operation, final string) {
	var acknowledged []*Operation
	unknown := 0
	for _, op := range ops {
		switch {
		case op.took():
			acknowledged = append(acknowledged, op)
		case op.Outcome == katakv.OutcomeUnknown:
			unknown++
		}
	}
	slices.SortStableFunc(acknowledged, func(a, b *Operation) int { return cmp.Compare(a.Reply.Int, b.Reply.Int) })
	for i, op := range acknowledged {
		if i > 0 && op.Reply.Int == acknowledged[i-1].Reply.Int {
			found.add("key %q: two increments were answered alike: %v; %v", key, acknowledged[i-1], op)
		}
	}
	inOrder(found, key, acknowledged)

	low, high := int64(len(acknowledged)), int64(len(acknowledged)+unknown)
	count, err := strconv.ParseInt(final, 10, 64)
	if final != "" && err != nil {
		found.add("key %q: the final value is no counter: %s", key, shorten(final))
		return
	}
	if count < low || count > high {
		found.add("key %q: counts %d after %d acknowledged increments and %d of unknown outcome", key, count, low, unknown)
	}
	if n := len(acknowledged); n > 0 && (acknowledged[n-1].Reply.Int > count || acknowledged[0].Reply.Int < 1) {
		found.add("key %q: counts %d in the end, but was answered from %d to %d: %v", key, count,
			acknowledged[0].Reply.Int, acknowledged[n-1].Reply.Int, acknowledged[n-1])
	}
}

// inOrder finds operations that returned before one was called that took effect earlier. Of those that took effect
// earlier, the one called last says it all.
func inOrder(found *findings, key string, order []*Operation) {
	var latest *Operation
	for _, op := range order {
		if latest != nil && op.Return < latest.Call {
			found.add("key %q: took effect in the wrong order: first %v; then, though it had returned before, %v", key, latest, op)
		}
		if latest == nil || op.Call > latest.Call {
			latest = op
		}
	}
}

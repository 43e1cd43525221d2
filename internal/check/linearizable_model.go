package check

import (
	"hash/maphash"
	"slices"

	"github.com/anishathalye/porcupine"
)

// model is Redis, one group at a time.
//
// An operation of unknown outcome has no return, so it can be put at the very end, which is as good as never: there
// any is legal and changes nothing. Before the end three rules keep the search from trying what cannot help. Take
// an order that explains the history and has as few operations of unknown outcome before the last definite one as
// can be. In it, each of those
//
//  1. changes something, or it could move to the end;
//  2. is not overwritten before something depended on it, or it could move to the end;
//  3. comes after all twins that were called earlier, or it could change places with one of them.
//
// In any order, a key that is only appended to
//
//  4. begins with all that was read of it before, and is not longer than what is told later.
//
// So orders that break a rule need no look: if there is an order, there is one that keeps them.
var model = porcupine.Model{
	Init: func() any { return (*state)(nil) },
	Step: func(s, in, _ any) (bool, any) { return s.(*state).step(in.(*input)) },
	Equal: func(a, b any) bool {
		x, y := a.(*state), b.(*state)
		return x == y || x.hash == y.hash && slices.Equal(x.values, y.values)
	},
	Hash:              func(s any) uint64 { return s.(*state).hash },
	DescribeOperation: func(in, _ any) string { return in.(*input).String() },
	DescribeState:     func(s any) string { return s.(*state).String() },
}

// value is what a key holds.
type value struct {
	text    string
	present bool

	// idle marks what an operation of unknown outcome made of the key and nothing has depended on yet (rule 2).
	idle bool
}

// state is that of a group. States are not changed once made. What follows from the set of operations that
// happened (left, reads, taken) takes no part in comparisons, for Porcupine compares that set itself.
type state struct {
	home   *group
	values []value
	hash   uint64
	left   int   // definite operations that did not happen yet
	reads  int   // reads that did not happen yet, if the group grows
	taken  []int // by twin: how many happened
}

// seed differs from process to process, which changes the places of states in a table and nothing else.
var seed = maphash.MakeSeed()

func (g *group) start() *state {
	return &state{
		home: g, values: g.initial, hash: hashOf(g.initial), left: g.definite, reads: g.reads, taken: make([]int, g.twins),
	}
}

func (s *state) step(in *input) (bool, any) {
	if s == nil { // Porcupine asks for an initial state without saying of what
		s = in.home.start()
	}
	if in.unknown() && s.left == 0 {
		return true, s
	}
	if in.unknown() && s.taken[in.twin] != in.rank { // rule 3
		return false, s
	}
	if in.home.grows && in.Kind == Append && !in.home.canGrow(len(s.values[0].text), in.Values[0], s.reads) {
		return false, s // rule 4
	}
	x := execution{input: in, values: s.values}
	reply := x.execute()
	if !in.blind && !reply.equal(&in.Reply) || x.wasted || in.unknown() && !x.changed {
		return false, s
	}
	next := &state{home: s.home, values: x.values, hash: s.hash, left: s.left, reads: s.reads, taken: s.taken}
	if in.Kind == Get {
		next.reads--
	}
	if x.copied {
		next.hash = hashOf(x.values)
	}
	if in.unknown() {
		next.taken = slices.Clone(s.taken)
		next.taken[in.twin]++
	} else {
		next.left--
	}
	return true, next
}

func hashOf(values []value) uint64 {
	var sum uint64
	for _, v := range values {
		sum = mix(sum, maphash.String(seed, v.text))
		if v.present {
			sum++
		}
		if v.idle {
			sum += 2
		}
	}
	return sum
}

package check

import (
	"fmt"
	"strings"
)

// dropUnseen forgets operations of unknown outcome that write values which nobody saw, where that is sure to make
// no difference: if every other operation on their keys either tells the exact value or overwrites it without a
// look, nothing can have come between such a write and the next one. An order with it is as good without it.
func (g *group) dropUnseen() {
	type sight struct {
		key string
		value
	}
	seen := map[sight]bool{}
	inexact := map[string]bool{}
	see := func(key string, reply Reply) {
		seen[sight{key, value{text: reply.Bulk, present: reply.Kind == Bulk}}] = true
	}
	for _, in := range g.inputs {
		switch {
		case in.Kind == Get, in.Kind == Set && in.Options == WithGet && !in.blind:
			see(in.Keys[0], in.Reply)
		case in.Kind == MGet:
			for i, reply := range in.Reply.Array[:min(len(in.Keys), len(in.Reply.Array))] {
				see(in.Keys[i], reply)
			}
		case !in.overwrites():
			for _, key := range in.Keys {
				inexact[key] = true
			}
		}
	}
	kept := g.inputs[:0]
	for _, in := range g.inputs {
		drop := in.unknown() && in.overwrites()
		for i, key := range in.Keys {
			if !drop {
				break
			}
			var written value
			if in.Kind != Del {
				written = value{text: in.Values[i], present: true}
			}
			drop = !inexact[key] && !seen[sight{key, written}]
		}
		if !drop {
			kept = append(kept, in)
		}
	}
	g.inputs = kept
}

// overwrites reports whether the operation replaces what its keys hold, and nobody can tell from it what that was.
func (in *input) overwrites() bool {
	switch in.Kind {
	case Set:
		return in.Options == 0 || in.Options == WithGet && in.blind
	case MSet:
		return true
	case Del:
		return in.blind
	}
	return false
}

// findTwins numbers the operations of unknown outcome that do the same, in the order of their calls.
func (g *group) findTwins() {
	type family struct{ number, size int }
	families := map[string]*family{}
	for _, in := range g.inputs {
		if !in.unknown() {
			continue
		}
		deed := fmt.Sprintf("%d %d %d %q %q", in.Kind, in.Options, in.Delta, in.Keys, in.Values)
		if families[deed] == nil {
			families[deed] = &family{number: len(families)}
		}
		in.twin, in.rank = families[deed].number, families[deed].size
		families[deed].size++
	}
	g.twins = len(families)
}

// findGrowth looks whether the group is one key that is only appended to, and whose length every answer tells. If so,
// all states begin with what was read before them, and the longest value read tells in which order appends came.
func (g *group) findGrowth() {
	if len(g.keys) != 1 {
		return
	}
	var longest string
	reads, most := 0, int64(0)
	for _, in := range g.inputs {
		switch {
		case in.unknown() && in.Kind == Append:
		case in.Reply.Kind == ReplyError:
			return
		case in.Kind == Get:
			reads++
			if len(in.Reply.Bulk) > len(longest) {
				longest = in.Reply.Bulk
			}
			most = max(most, int64(len(in.Reply.Bulk)))
		case in.Kind == Append || in.Kind == Strlen:
			most = max(most, in.Reply.Int)
		default:
			return
		}
	}
	g.grows, g.longest, g.reads, g.most = true, longest, reads, most
}

// canGrow reports whether a key of n bytes that is only appended to can take a token, with some reads and perhaps
// other definite operations to come.
func (g *group) canGrow(n int, token string, reads int) bool {
	known := g.longest[min(n, len(g.longest)):]
	switch {
	case int64(n+len(token)) > g.most:
		return false // whatever comes will tell less
	case len(token) <= len(known):
		return strings.HasPrefix(known, token)
	default:
		return reads == 0 && strings.HasPrefix(token, known)
	}
}

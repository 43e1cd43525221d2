package check

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/katakv/katakv"
)

// group is a set of keys and the operations that tie them together: the unit of the search.
type group struct {
	keys     []string // sorted
	initial  []value  // by position in keys
	inputs   []*input // by call
	definite int      // how many of inputs have a known outcome
	twins    int      // how many kinds of equal operations of unknown outcome there are

	// Of a group of one key that is only appended to: the longest value that was read, how many reads there are, and
	// the largest length that anyone was told.
	grows   bool
	longest string
	reads   int
	most    int64
}

// input is an operation, or the part of it that belongs to one group, made ready for the search.
type input struct {
	Operation
	home *group
	at   []int // the positions of Keys in home.keys

	// blind means that the reply is not known, or was given to more than this part: any would do.
	blind bool

	// Operations of unknown outcome that do the same are twins; rank counts them in the order of their calls.
	twin, rank int
}

// unknown reports whether the operation may have happened at any time, or never.
func (in *input) unknown() bool { return in.Return == Never }

// groupsOf divides a history into independent groups, sorted by their first keys.
func groupsOf(h History, initial map[string]string) []*group {
	var parts []*input
	ties := newTies()
	for i := range h {
		h[i].mustBeWellFormed()
		if !h[i].matters() {
			continue
		}
		for _, part := range split(&h[i]) {
			parts = append(parts, part)
			ties.add(part.Keys)
		}
	}
	byRoot := map[string]*group{}
	for _, part := range parts {
		root := ties.root(part.Keys[0])
		if byRoot[root] == nil {
			byRoot[root] = &group{}
		}
		part.home = byRoot[root]
		part.home.inputs = append(part.home.inputs, part)
	}
	groups := make([]*group, 0, len(byRoot))
	for _, g := range byRoot {
		g.finish(initial)
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int { return strings.Compare(a.keys[0], b.keys[0]) })
	return groups
}

// finish computes what follows from the inputs.
func (g *group) finish(initial map[string]string) {
	slices.SortStableFunc(g.inputs, func(a, b *input) int { return cmp.Compare(a.Call, b.Call) })
	for _, in := range g.inputs {
		g.keys = append(g.keys, in.Keys...)
	}
	slices.Sort(g.keys)
	g.keys = slices.Compact(g.keys)
	for _, key := range g.keys {
		text, present := initial[key]
		g.initial = append(g.initial, value{text: text, present: present})
	}
	g.dropUnseen()
	g.findGrowth()
	for _, in := range g.inputs {
		for _, key := range in.Keys {
			at, _ := slices.BinarySearch(g.keys, key)
			in.at = append(in.at, at)
		}
		if !in.unknown() {
			g.definite++
		}
	}
	g.findTwins()
}

// history returns the group as Porcupine takes it. Each client is a row of the drawing, and so is each operation
// without an end, which would cover all that its client did later.
func (g *group) history() []porcupine.Operation {
	rows := map[int]int{}
	extra := 0
	for _, in := range g.inputs {
		if _, known := rows[in.Client]; !known && !in.unknown() {
			rows[in.Client] = len(rows)
		}
	}
	history := make([]porcupine.Operation, 0, len(g.inputs))
	for _, in := range g.inputs {
		row := rows[in.Client]
		if in.unknown() {
			row = len(rows) + extra
			extra++
		}
		history = append(history, porcupine.Operation{
			ClientId: row, Input: in, Call: int64(in.Call), Return: int64(in.Return),
		})
	}
	return history
}

// split returns the parts of an operation, one for each hash tag among its keys. A sum over several parts can be
// divided only if it is the least or the most that there can be.
func split(op *Operation) []*input {
	unknown := op.Outcome == katakv.OutcomeUnknown
	if len(op.Keys) == 1 && op.Kind != MGet {
		return []*input{{Operation: *op, blind: unknown}}
	}
	mangled := op.Reply.Kind == Array && len(op.Reply.Array) != len(op.Keys)
	var parts []*input
	byTag := map[string]*input{}
	for i, key := range op.Keys {
		part := byTag[hashTag(key)]
		if part == nil {
			part = &input{Operation: *op, blind: unknown}
			part.Keys, part.Reply.Array = nil, nil
			if op.Kind == MSet {
				part.Values = nil
			}
			if mangled {
				part.Reply = Reply{Kind: ReplyError, Error: "an array of another length"}
			}
			byTag[hashTag(key)] = part
			parts = append(parts, part)
		}
		part.Keys = append(part.Keys, key)
		if op.Kind == MSet {
			part.Values = append(part.Values, op.Values[i])
		}
		if op.Reply.Kind == Array && !mangled {
			part.Reply.Array = append(part.Reply.Array, op.Reply.Array[i])
		}
	}
	if len(parts) > 1 && (op.Kind == Del || op.Kind == Exists) && op.Reply.Kind == Int {
		return divideCount(op, parts)
	}
	return parts
}

// divideCount gives each part of a DEL or EXISTS its share of the count. Where that cannot be told, a DEL deletes
// blindly and an EXISTS says nothing.
func divideCount(op *Operation, parts []*input) []*input {
	most := op.mostCounted()
	for _, part := range parts {
		switch op.Reply.Int {
		case 0:
		case most:
			part.Reply.Int = part.mostCounted()
		default:
			part.blind = true
		}
	}
	if op.Kind == Exists && parts[0].blind {
		return nil
	}
	return parts
}

// mostCounted is the count of a DEL or EXISTS that finds all its keys.
func (op *Operation) mostCounted() int64 {
	if op.Kind == Exists {
		return int64(len(op.Keys))
	}
	distinct := slices.Sorted(slices.Values(op.Keys))
	return int64(len(slices.Compact(distinct)))
}

// hashTag returns the part of a key that decides its slot, by the rule of Redis Cluster: what stands between the
// first '{' and the next '}', unless that is nothing; otherwise the whole key.
func hashTag(key string) string {
	if _, rest, found := strings.Cut(key, "{"); found {
		if tag, _, closed := strings.Cut(rest, "}"); closed && tag != "" {
			return tag
		}
	}
	return key
}

// ties joins keys that share an operation, directly or through others (union-find).
type ties struct{ parent map[string]string }

func newTies() *ties { return &ties{map[string]string{}} }

func (t *ties) root(key string) string {
	for t.parent[key] != key {
		t.parent[key] = t.parent[t.parent[key]]
		key = t.parent[key]
	}
	return key
}

func (t *ties) add(keys []string) {
	for _, key := range keys {
		if _, known := t.parent[key]; !known {
			t.parent[key] = key
		}
		t.parent[t.root(key)] = t.root(keys[0])
	}
}

package check

import (
	"math"
	"slices"
	"strconv"

	"github.com/katakv/katakv"
)

// execution is one operation in hand.
type execution struct {
	*input
	values  []value // shared with the state before until copied
	copied  bool
	changed bool // some key holds something else now
	wasted  bool // overwrites what nothing depended on (rule 2)
}

// read returns the value of the operation's i-th key, on which the operation depends.
func (x *execution) read(i int) value {
	held := x.values[x.at[i]]
	if held.idle {
		held.idle = false
		x.put(i, held)
	}
	return held
}

// write changes the operation's i-th key.
func (x *execution) write(i int, text string, present bool) {
	old := x.values[x.at[i]]
	x.wasted = x.wasted || old.idle
	x.changed = x.changed || old.text != text || old.present != present
	// Only of an operation on one key can it be told here that nothing depends on it.
	x.put(i, value{text: text, present: present, idle: x.unknown() && len(x.at) == 1})
}

func (x *execution) put(i int, v value) {
	if x.values[x.at[i]] == v {
		return
	}
	if !x.copied {
		x.values, x.copied = slices.Clone(x.values), true
	}
	x.values[x.at[i]] = v
}

// execute does what Redis does, and returns what it would reply.
func (x *execution) execute() Reply {
	switch x.Kind {
	case Get:
		return bulk(x.read(0))
	case MGet:
		reply := Reply{Kind: Array}
		for i := range x.Keys {
			reply.Array = append(reply.Array, bulk(x.read(i)))
		}
		return reply
	case Exists:
		return x.count(func(int) {})
	case Strlen:
		return Reply{Kind: Int, Int: int64(len(x.read(0).text))}
	case Set:
		return x.set()
	case SetNX:
		if x.read(0).present {
			return Reply{Kind: Int, Int: 0}
		}
		x.write(0, x.Values[0], true)
		return Reply{Kind: Int, Int: 1}
	case MSet:
		for i := range x.Keys {
			x.write(i, x.Values[i], true)
		}
		return Reply{Kind: OK}
	case Del:
		return x.del()
	case IncrBy:
		return x.incrBy()
	case CompareAndSet:
		if old := x.read(0); !old.present || old.text != x.Values[0] {
			return Reply{Kind: Int, Int: 0}
		}
		x.write(0, x.Values[1], true)
		return Reply{Kind: Int, Int: 1}
	default:
		return x.append()
	}
}

func (x *execution) set() Reply {
	if x.Options == 0 || x.Options == WithGet && x.blind {
		x.write(0, x.Values[0], true)
		return Reply{Kind: OK}
	}
	old := x.read(0)
	set := (x.Options&IfAbsent == 0 || !old.present) && (x.Options&IfPresent == 0 || old.present)
	if set {
		x.write(0, x.Values[0], true)
	}
	switch {
	case x.Options&WithGet != 0:
		return bulk(old)
	case !set:
		return Reply{Kind: Nil}
	default:
		return Reply{Kind: OK}
	}
}

func (x *execution) del() Reply {
	if !x.blind {
		return x.count(func(i int) { x.write(i, "", false) })
	}
	for i := range x.Keys {
		x.write(i, "", false)
	}
	return Reply{}
}

// count counts the keys that are present, doing something to each of those on the way.
func (x *execution) count(present func(i int)) Reply {
	reply := Reply{Kind: Int}
	for i := range x.Keys {
		if x.read(i).present {
			reply.Int++
			present(i)
		}
	}
	return reply
}

func (x *execution) incrBy() Reply {
	n := int64(0)
	if old := x.read(0); old.present {
		var err error
		n, err = strconv.ParseInt(old.text, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != old.text { // Redis reads integers exactly as it writes them
			return Reply{Kind: ReplyError}
		}
	}
	if x.Delta > 0 && n > math.MaxInt64-x.Delta || x.Delta < 0 && n < math.MinInt64-x.Delta {
		return Reply{Kind: ReplyError}
	}
	x.write(0, strconv.FormatInt(n+x.Delta, 10), true)
	return Reply{Kind: Int, Int: n + x.Delta}
}

func (x *execution) append() Reply {
	old := x.read(0)
	length := len(old.text) + len(x.Values[0])
	switch {
	case length > katakv.MaxValueBytes:
		return Reply{Kind: ReplyError}
	case !x.blind && int64(length) != x.Reply.Int:
		return Reply{Kind: Int, Int: int64(length)} // will be found illegal: no need to make a long string
	}
	x.write(0, old.text+x.Values[0], true)
	return Reply{Kind: Int, Int: int64(length)}
}

func bulk(v value) Reply {
	if !v.present {
		return Reply{Kind: Nil}
	}
	return Reply{Kind: Bulk, Bulk: v.text}
}

// equal compares two replies. The texts of errors are not judged here.
func (r *Reply) equal(other *Reply) bool {
	return r.Kind == other.Kind && r.Int == other.Int && r.Bulk == other.Bulk &&
		slices.EqualFunc(r.Array, other.Array, func(a, b Reply) bool { return a.equal(&b) })
}

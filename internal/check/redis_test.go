package check_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

// redis applies one operation to a copy of a map, as plainly as can be: what the model is compared with.
func redis(before map[string]string, op check.Operation) (map[string]string, check.Reply) {
	state := maps.Clone(before)
	get := func(key string) check.Reply {
		if text, found := state[key]; found {
			return check.Reply{Kind: check.Bulk, Bulk: text}
		}
		return check.Reply{}
	}
	number := func(n int) check.Reply { return check.Reply{Kind: check.Int, Int: int64(n)} }
	key := op.Keys[0]
	old, found := state[key]
	n := 0
	switch op.Kind {
	case check.Get:
		return state, get(key)
	case check.MGet:
		reply := check.Reply{Kind: check.Array}
		for _, key := range op.Keys {
			reply.Array = append(reply.Array, get(key))
		}
		return state, reply
	case check.Strlen:
		return state, number(len(old))
	case check.Exists, check.Del:
		for _, key := range op.Keys {
			if _, found := state[key]; found {
				n++
			}
			if op.Kind == check.Del {
				delete(state, key)
			}
		}
		return state, number(n)
	case check.MSet:
		for i, key := range op.Keys {
			state[key] = op.Values[i]
		}
		return state, check.Reply{Kind: check.OK}
	case check.SetNX:
		if found {
			return state, number(0)
		}
		state[key] = op.Values[0]
		return state, number(1)
	case check.IncrBy:
		n, err := strconv.Atoi("0" + old)
		if err != nil {
			return state, check.Reply{Kind: check.ReplyError}
		}
		state[key] = strconv.Itoa(n + int(op.Delta))
		return state, number(n + int(op.Delta))
	case check.CompareAndSet:
		if !found || old != op.Values[0] {
			return state, number(0)
		}
		state[key] = op.Values[1]
		return state, number(1)
	case check.Append:
		state[key] += op.Values[0]
		return state, number(len(state[key]))
	}
	refused := op.Options&check.IfAbsent != 0 && found || op.Options&check.IfPresent != 0 && !found
	reply := check.Reply{Kind: check.OK}
	if op.Options&check.WithGet != 0 {
		reply = get(key)
	} else if refused {
		reply = check.Reply{}
	}
	if !refused {
		state[key] = op.Values[0]
	}
	return state, reply
}

// loadHistory returns n operations that clients sent one after another, each applied at some moment between its
// call and its return; some hundredths have unknown outcomes.
func loadHistory(n, keys, clients int) check.History {
	draw := rand.New(rand.NewPCG(1, 2))
	type moment struct {
		at time.Duration
		id int
	}
	var moments []moment
	h := make(check.History, 0, n)
	free := make([]time.Duration, clients)
	for i := range n {
		c := draw.IntN(clients)
		op := check.Operation{Client: c, Kind: check.Get, Keys: []string{fmt.Sprint("k", draw.IntN(keys))}, Outcome: katakv.OutcomeApplied}
		switch draw.IntN(8) {
		case 0, 1, 2:
			op.Kind, op.Values = check.Set, []string{strconv.Itoa(1_000_000 + i)}
		case 3:
			op.Kind, op.Delta = check.IncrBy, 1
		}
		op.Call = free[c] + time.Duration(1+draw.IntN(100))
		took := time.Duration(2 + draw.IntN(1000))
		op.Return = op.Call + took
		free[c] = op.Return
		moments = append(moments, moment{op.Call + 1 + time.Duration(draw.Int64N(int64(took)-1)), i})
		h = append(h, op)
	}
	slices.SortFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	state := map[string]string{}
	for _, m := range moments {
		op := &h[m.id]
		unknown := draw.IntN(50) == 0
		if unknown {
			op.Outcome, op.Return = katakv.OutcomeUnknown, check.Never
		}
		if !unknown || draw.IntN(2) == 0 {
			state, op.Reply = redis(state, *op)
		}
		if unknown {
			op.Reply = check.Reply{}
		}
	}
	return h
}

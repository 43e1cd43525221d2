package chaos

import (
	"fmt"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/check"
)

// arguments returns an operation as a command.
func arguments(op *check.Operation) []any {
	args := []any{op.Kind.String()}
	if op.Kind == check.MSet {
		for i, key := range op.Keys {
			args = append(args, key, op.Values[i])
		}
		return args
	}
	if op.Kind == check.IncrBy && op.Delta == 1 {
		return []any{"INCR", op.Keys[0]}
	}
	for _, key := range op.Keys {
		args = append(args, key)
	}
	for _, value := range op.Values {
		args = append(args, value)
	}
	if op.Kind == check.IncrBy {
		args = append(args, op.Delta)
	}
	for _, option := range []struct {
		bit  check.SetOptions
		word string
	}{{check.IfAbsent, "NX"}, {check.IfPresent, "XX"}, {check.WithGet, "GET"}} {
		if op.Options&option.bit != 0 {
			args = append(args, option.word)
		}
	}
	return args
}

// reply turns a server's answer into that of a history.
func reply(value client.Value) (check.Reply, error) {
	switch value.Kind {
	case client.KindNull:
		return check.Reply{Kind: check.Nil}, nil
	case client.KindInt:
		return check.Reply{Kind: check.Int, Int: value.Int}, nil
	case client.KindBulk:
		return check.Reply{Kind: check.Bulk, Bulk: string(value.Bytes)}, nil
	case client.KindSimple:
		if value.Text() == "OK" {
			return check.Reply{Kind: check.OK}, nil
		}
	case client.KindArray:
		array := check.Reply{Kind: check.Array}
		for _, elem := range value.Elems {
			r, err := reply(elem)
			if err != nil {
				return check.Reply{}, err
			}
			array.Array = append(array.Array, r)
		}
		return array, nil
	}
	return check.Reply{}, fmt.Errorf("%v is no answer to any command that was sent", value)
}

package client

import (
	"fmt"
	"strconv"

	"github.com/katakv/katakv"
)

// operation is a command and how its answer is read.
type operation[T any] struct {
	call   *call
	decode func(Value) (T, error)
}

// result returns what became of it. An answer of a kind that the command does not have leaves the outcome open.
func (o *operation[T]) result() (T, error) {
	var none T
	if o.call.err != nil {
		return none, o.call.err
	}
	result, err := o.decode(o.call.value)
	if err != nil {
		o.call.doubt = o.call.writes
		o.call.fail(err, nil)
		return none, o.call.err
	}
	return result, nil
}

func text(words ...string) [][]byte {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	return args
}

func reading[T any](decode func(Value) (T, error), key string, words ...string) operation[T] {
	return operation[T]{newCall(false, []byte(key), text(words...)...), decode}
}

func writing[T any](decode func(Value) (T, error), key string, args ...[]byte) operation[T] {
	return operation[T]{newCall(true, []byte(key), args...), decode}
}

func get(key string) operation[[]byte]       { return reading(asBytes, key, "GET", key) }
func strlen(key string) operation[int64]     { return reading(asInt, key, "STRLEN", key) }
func exists(key string) operation[bool]      { return reading(asBool, key, "EXISTS", key) }
func getRecord(key string) operation[Record] { return reading(asRecord, key, "KATA", "GET", key) }

func set(key string, value []byte) operation[struct{}] {
	return writing(asOK, key, []byte("SET"), []byte(key), value)
}

func getSet(key string, value []byte) operation[[]byte] {
	return writing(asBytes, key, []byte("GETSET"), []byte(key), value)
}

func appendTo(key string, value []byte) operation[int64] {
	return writing(asInt, key, []byte("APPEND"), []byte(key), value)
}

func incrBy(key string, delta int64) operation[int64] {
	return writing(asInt, key, text("INCRBY", key, strconv.FormatInt(delta, 10))...)
}

func del(key string) operation[bool] { return writing(asBool, key, text("DEL", key)...) }

func setIf(key string, value []byte, condition Condition) operation[Change] {
	args := [][]byte{[]byte("KATA"), []byte("SET"), []byte(key), value}
	return writing(asChange, key, append(args, condition.words()...)...)
}

func delIf(key string, condition Condition) operation[Change] {
	return writing(asChange, key, append(text("KATA", "DEL", key), condition.words()...)...)
}

func unexpected(v Value) error { return fmt.Errorf("unexpected answer: %v", v) }

func asValue(v Value) (Value, error) { return v, nil }

// asBytes is nil for null only.
func asBytes(v Value) ([]byte, error) {
	switch {
	case v.IsNull():
		return nil, nil
	case v.Kind != KindBulk:
		return nil, unexpected(v)
	case v.Bytes == nil:
		return []byte{}, nil
	}
	return v.Bytes, nil
}

// asList reads so many values.
func asList(count int) func(Value) ([][]byte, error) {
	return func(v Value) ([][]byte, error) {
		if len(v.Elems) != count {
			return nil, unexpected(v)
		}
		list := make([][]byte, count)
		for i, elem := range v.Elems {
			var err error
			if list[i], err = asBytes(elem); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
}

func asInt(v Value) (int64, error) {
	if v.Kind != KindInt {
		return 0, unexpected(v)
	}
	return v.Int, nil
}

func asBool(v Value) (bool, error) {
	n, err := asInt(v)
	return n != 0, err
}

func asOK(v Value) (struct{}, error) {
	if v.Kind != KindSimple {
		return struct{}{}, unexpected(v)
	}
	return struct{}{}, nil
}

func asRevision(v Value) (katakv.Revision, error) {
	if v.IsNull() {
		return 0, nil
	}
	return katakv.ParseRevision(v.Text())
}

func asRecord(v Value) (Record, error) {
	if v.IsNull() {
		return Record{}, nil
	}
	if len(v.Elems) != 2 {
		return Record{}, unexpected(v)
	}
	revision, err := asRevision(v.Elems[0])
	if err != nil {
		return Record{}, err
	}
	value, err := asBytes(v.Elems[1])
	return Record{Revision: revision, Value: value}, err
}

func asChange(v Value) (Change, error) {
	if len(v.Elems) != 2 || v.Elems[0].Kind != KindInt {
		return Change{}, unexpected(v)
	}
	revision, err := asRevision(v.Elems[1])
	return Change{Applied: v.Elems[0].Int == 1, Revision: revision}, err
}

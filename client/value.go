package client

import (
	"fmt"
	"strconv"

	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/resp"
)

// Kind says what a [Value] is.
type Kind uint8

// The kinds, with the fields of Value that each uses.
const (
	// KindNull is the absence of a value or of an array.
	KindNull Kind = iota
	// KindSimple is a one-line string, such as "OK": Bytes.
	KindSimple
	// KindError is an error within an aggregate: Bytes. As a whole reply it is returned as a [*ReplyError].
	KindError
	// KindInt is an integer: Int.
	KindInt
	// KindBulk is a string of any bytes: Bytes.
	KindBulk
	// KindBool is a truth value: Int is 1 or 0.
	KindBool
	// KindDouble is a floating-point number: Double.
	KindDouble
	// KindBigNumber is an integer of any length: Bytes, in decimal.
	KindBigNumber
	// KindVerbatim is text for a person: Bytes.
	KindVerbatim
	// KindArray is a sequence: Elems.
	KindArray
	// KindMap is a sequence of pairs: Elems, keys and values in turn.
	KindMap
	// KindSet is an unordered collection: Elems.
	KindSet
	kindCount
)

var kindNames = [kindCount]string{
	"null", "simple", "error", "int", "bulk", "bool", "double", "big-number", "verbatim", "array", "map", "set",
}

// String returns the kind's name, such as "bulk".
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "kind-" + strconv.Itoa(int(k))
}

// Value is a reply, or an element of one. Its slices belong to whoever received it.
type Value struct {
	Kind   Kind
	Int    int64
	Double float64
	Bytes  []byte
	Elems  []Value
}

// IsNull reports whether v is the absence of a value.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// Text returns a string of any kind, or the decimal form of a number; "" for null and aggregates.
func (v Value) Text() string {
	switch v.Kind {
	case KindSimple, KindError, KindBulk, KindBigNumber, KindVerbatim:
		return string(v.Bytes)
	case KindInt:
		return strconv.FormatInt(v.Int, 10)
	case KindBool:
		return strconv.FormatBool(v.Int != 0)
	case KindDouble:
		return strconv.FormatFloat(v.Double, 'g', -1, 64)
	}
	return ""
}

// Err returns a [*ReplyError] if v is an error, and nil otherwise.
func (v Value) Err() error {
	if v.Kind != KindError {
		return nil
	}
	return newReplyError(string(v.Bytes))
}

// String describes v for a message, shortened: `bulk "abc"`.
func (v Value) String() string {
	const shown = 64
	switch v.Kind {
	case KindNull:
		return "null"
	case KindArray, KindMap, KindSet:
		return fmt.Sprintf("%s of %d", v.Kind, len(v.Elems))
	}
	text := v.Text()
	if len(text) > shown {
		return fmt.Sprintf("%s %q... (%d bytes)", v.Kind, text[:shown], len(text))
	}
	return fmt.Sprintf("%s %q", v.Kind, text)
}

// kindOf maps the parser's kinds to the public ones. Pushes never become values.
var kindOf = map[resp.Kind]Kind{
	resp.KindNull: KindNull, resp.KindSimple: KindSimple, resp.KindError: KindError, resp.KindInt: KindInt,
	resp.KindBulk: KindBulk, resp.KindBool: KindBool, resp.KindDouble: KindDouble,
	resp.KindBigNumber: KindBigNumber, resp.KindVerbatim: KindVerbatim, resp.KindArray: KindArray,
	resp.KindMap: KindMap, resp.KindSet: KindSet, resp.KindPush: KindArray,
}

// newValue turns the parser's value into a public one and takes over its memory.
func newValue(from resp.Value) Value {
	value := Value{Int: from.Int, Double: from.Double, Bytes: from.Bytes}
	kind, ok := kindOf[from.Kind]
	invariant.Check(ok, "reply of kind %v", from.Kind)
	value.Kind = kind
	if len(from.Elems) > 0 {
		value.Elems = make([]Value, len(from.Elems))
		for i := range from.Elems {
			value.Elems[i] = newValue(from.Elems[i])
		}
	}
	return value
}

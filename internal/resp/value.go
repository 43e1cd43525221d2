package resp

import "strings"

// Kind says what a [Value] is.
type Kind uint8

// The kinds, with the fields of Value that each uses.
const (
	// KindNull is the absence of a value or of an array, in either protocol.
	KindNull Kind = iota
	// KindSimple is a one-line string: Bytes.
	KindSimple
	// KindError is an error, of one line or not: Bytes.
	KindError
	// KindInt is an integer: Int.
	KindInt
	// KindBulk is a string of any bytes: Bytes.
	KindBulk
	// KindBool is a truth value: Int is 1 or 0.
	KindBool
	// KindDouble is a floating-point number: Double.
	KindDouble
	// KindBigNumber is an integer of any length: Bytes, its decimal digits after an optional sign.
	KindBigNumber
	// KindVerbatim is text for a person: Bytes, and Format.
	KindVerbatim
	// KindArray is a sequence: Elems.
	KindArray
	// KindMap is a sequence of pairs: Elems, keys and values in turn.
	KindMap
	// KindSet is an unordered collection: Elems.
	KindSet
	// KindPush is a message that is no reply: Elems, the first being its kind.
	KindPush
	kindCount
)

var kindNames = [kindCount]string{
	"null", "simple", "error", "int", "bulk", "bool", "double", "big-number", "verbatim", "array", "map", "set",
	"push",
}

// String returns the kind's name, such as "bulk".
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "unknown"
}

// Value is a reply. Its slices belong to whoever received it from [ReplyParser.Next].
type Value struct {
	Kind   Kind
	Int    int64
	Double float64
	// Bytes is never nil for the kinds that use it.
	Bytes []byte
	// Format is the three letters before a verbatim string.
	Format string
	Elems  []Value
	// Attributes are keys and values in turn that the server sent ahead of the value (RESP3 only).
	Attributes []Value
}

// IsNull reports whether v is the absence of a value.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// Err returns a [*ReplyError] if v is an error, and nil otherwise.
func (v Value) Err() error {
	if v.Kind != KindError {
		return nil
	}
	return &ReplyError{Text: string(v.Bytes)}
}

// ReplyError is an error that the server answered.
type ReplyError struct {
	// Text is the whole of it: "MOVED 3999 127.0.0.1:6381".
	Text string
}

// Error returns the text.
func (e *ReplyError) Error() string { return e.Text }

// Prefix returns the first word, which says what kind of error it is: "MOVED".
func (e *ReplyError) Prefix() string {
	prefix, _, _ := strings.Cut(e.Text, " ")
	return prefix
}

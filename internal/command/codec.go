package command

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// The binary form of an operation. It travels in Raft entries and forwarded requests, and is versioned by
// whatever holds it; a kind keeps its number and shape for ever.
//
//	+------+-------+----------------+---------------+-----------------+---------------+-----------------+
//	| kind | flags | delta (varint) | keys (uvarint)| values (uvarint)| key * keys    | value * values  |
//	| 1 B  | 1 B   | 1..10 B        | 1..3 B        | 1..3 B          | uvarint+bytes | uvarint + bytes |
//	+------+-------+----------------+---------------+-----------------+---------------+-----------------+
//
// A request id stands before it; see once.go.

// ErrMalformed is wrapped by every decoding error of this package.
var ErrMalformed = errors.New("malformed encoding")

// shape says how many keys and values operations of one kind have.
type shape struct {
	known                bool
	minKeys, maxKeys     int
	minValues, maxValues int
	paired               bool // as many values as keys
	flags                Flags
}

// shapes holds one row a kind. The decoder checks it, so that nothing that executes operations has to.
var shapes = [256]shape{
	KindGet:             oneKey(0),
	KindMGet:            manyKeys(),
	KindExists:          manyKeys(),
	KindStrlen:          oneKey(0),
	KindCountKeysInSlot: {known: true},
	KindGetRecord:       oneKey(0),
	KindScan:            {known: true, minValues: 2, maxValues: 2},
	KindSet:             oneKey(1).with(FlagNX | FlagXX | FlagGet),
	KindMSet: {
		known: true, minKeys: 1, maxKeys: katakv.MaxCommandArgs / 2,
		minValues: 1, maxValues: katakv.MaxCommandArgs / 2, paired: true,
	},
	KindDel:       manyKeys(),
	KindIncrBy:    oneKey(0),
	KindAppend:    oneKey(1),
	KindSetNX:     oneKey(1),
	KindSetIf:     oneKey(1).with(conditions),
	KindDelIf:     oneKey(0).with(FlagXX | FlagRevision),
	KindMapChange: {known: true, minValues: 1, maxValues: 1},
}

func oneKey(values int) shape {
	return shape{known: true, minKeys: 1, maxKeys: 1, minValues: values, maxValues: values}
}

func manyKeys() shape {
	return shape{known: true, minKeys: 1, maxKeys: katakv.MaxCommandArgs}
}

// with returns s for a kind that may have flags.
func (s shape) with(flags Flags) shape {
	s.flags = flags
	return s
}

// conditions exclude each other.
const conditions = FlagNX | FlagXX | FlagRevision

// AppendOperation appends the binary form of op to dst and returns the longer slice. It keeps nothing of op,
// which must be well formed for its kind (see [Operation.Check]).
func AppendOperation(dst []byte, op *Operation) []byte {
	if op.Once != nil {
		dst = appendOnce(dst, op.Once)
	}
	dst = append(dst, byte(op.Kind), byte(op.Flags))
	dst = binary.AppendVarint(dst, op.Delta)
	dst = binary.AppendUvarint(dst, uint64(len(op.Keys)))
	dst = binary.AppendUvarint(dst, uint64(len(op.Values)))
	for _, key := range op.Keys {
		dst = appendBytes(dst, key)
	}
	for _, value := range op.Values {
		dst = appendBytes(dst, value)
	}
	return dst
}

// DecodeOperation reads one operation from the front of data and returns what follows it. The operation's
// slices alias data. Errors wrap [ErrMalformed].
func DecodeOperation(data []byte) (op Operation, rest []byte, err error) {
	rest, err = DecodeOperationInto(&op, data)
	return op, rest, err
}

// DecodeOperationInto is [DecodeOperation] into op, reusing the room of op.Keys and op.Values: decoding many
// operations one after the other allocates nothing. After an error op holds nothing useful.
func DecodeOperationInto(op *Operation, data []byte) (rest []byte, err error) {
	op.Once = nil
	if len(data) > 0 && data[0] == onceMark {
		if op.Once, data, err = takeOnce(data); err != nil {
			return nil, err
		}
	}
	if len(data) < 2 {
		return nil, malformed("operation of %d bytes", len(data))
	}
	op.Kind, op.Flags = Kind(data[0]), Flags(data[1])
	var ok bool
	if op.Delta, data, ok = takeVarint(data[2:]); !ok {
		return nil, malformed("delta of a %d operation", op.Kind)
	}
	keys, data, ok := takeCount(data)
	if !ok {
		return nil, malformed("number of keys of a %d operation", op.Kind)
	}
	values, data, ok := takeCount(data)
	if !ok {
		return nil, malformed("number of values of a %d operation", op.Kind)
	}
	if err := checkShape(op, keys, values); err != nil {
		return nil, err
	}
	if keys+values > len(data) { // each takes a byte at least
		return nil, malformed("%d keys and %d values in %d bytes", keys, values, len(data))
	}
	if keys+values > cap(op.Keys)+cap(op.Values) {
		room := make([][]byte, keys+values)
		op.Keys, op.Values = room[:0:keys], room[keys:keys:keys+values]
	}
	if op.Keys, data, err = takeSlices(op.Keys, keys, data, katakv.MaxKeyBytes); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if op.Values, data, err = takeSlices(op.Values, values, data, katakv.MaxValueBytes); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return data, nil
}

// Check reports whether op has the keys, values and flags that its kind demands, and is within the limits on
// sizes: whether its binary form would decode. The error wraps [ErrMalformed].
func (op *Operation) Check() error {
	if err := checkShape(op, len(op.Keys), len(op.Values)); err != nil {
		return err
	}
	for _, key := range op.Keys {
		if len(key) > katakv.MaxKeyBytes {
			return malformed("key of %d bytes", len(key))
		}
	}
	for _, value := range op.Values {
		if len(value) > katakv.MaxValueBytes {
			return malformed("value of %d bytes", len(value))
		}
	}
	return nil
}

// checkShape reports whether an operation of op's kind and flags may have so many keys and values.
func checkShape(op *Operation, keys, values int) error {
	s := &shapes[op.Kind]
	switch {
	case !s.known:
		return malformed("unknown kind %d: a newer version wrote it", op.Kind)
	case keys < s.minKeys || keys > s.maxKeys || values < s.minValues || values > s.maxValues,
		s.paired && keys != values:
		return malformed("%d keys and %d values for kind %d", keys, values, op.Kind)
	case op.Flags&^s.flags != 0:
		return malformed("flags %#x for kind %d", op.Flags, op.Kind)
	case bits.OnesCount8(uint8(op.Flags&conditions)) > 1:
		return malformed("conditions %#x exclude each other", op.Flags&conditions)
	case op.Flags&FlagRevision != 0 && (op.Delta <= 0 || op.Delta > int64(katakv.MaxRevision)):
		return malformed("revision %d", op.Delta)
	case (op.Kind == KindCountKeysInSlot || op.Kind == KindScan) && (op.Delta < 0 || op.Delta >= katakv.SlotCount):
		return malformed("slot %d", op.Delta)
	}
	return checkOnce(op)
}

// takeSlices reads n length-prefixed slices of at most limit bytes into dst[:0].
func takeSlices(dst [][]byte, n int, data []byte, limit int) ([][]byte, []byte, error) {
	dst = dst[:0]
	for range n {
		b, rest, ok := takeBytes(data, limit)
		if !ok {
			return nil, nil, malformed("length with %d bytes left", len(data))
		}
		dst = append(dst, b)
		data = rest
	}
	return dst, data, nil
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// takeBytes reads a length-prefixed slice of at most limit bytes; the slice's capacity ends with it.
func takeBytes(data []byte, limit int) (b, rest []byte, ok bool) {
	n, data, ok := takeUvarint(data)
	if !ok || n > uint64(limit) || n > uint64(len(data)) {
		return nil, nil, false
	}
	return data[:n:n], data[n:], true
}

// takeCount reads a number of things, each at least a byte long, and at most MaxCommandArgs of them.
func takeCount(data []byte) (n int, rest []byte, ok bool) {
	u, rest, ok := takeUvarint(data)
	if !ok || u > katakv.MaxCommandArgs {
		return 0, nil, false
	}
	return int(u), rest, true
}

func takeUvarint(data []byte) (n uint64, rest []byte, ok bool) {
	if len(data) > 0 && data[0] < 0x80 { // nearly always
		return uint64(data[0]), data[1:], true
	}
	n, size := binary.Uvarint(data)
	if size <= 0 {
		return 0, nil, false
	}
	return n, data[size:], true
}

func takeVarint(data []byte) (n int64, rest []byte, ok bool) {
	n, size := binary.Varint(data)
	if size <= 0 {
		return 0, nil, false
	}
	return n, data[size:], true
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

func checkEncodable(ok bool, what string) { invariant.Check(ok, "encode reply: %s", what) }

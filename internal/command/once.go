package command

import (
	"encoding/binary"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

// Once makes the retry of a write safe: the shard remembers the request by its id for some time, executes it no
// second time, and answers it alike. It belongs to a write on keys of one slot, because requests are remembered by
// slot: the router divides operations by slot where it would otherwise divide them by shard.
type Once struct {
	// ID is what the client chose: 1 to katakv.MaxRequestIDBytes bytes of any kind.
	ID []byte
	// Retention is how long the request is remembered, in whole milliseconds of the shard's clock. It travels in the log,
	// so that all replicas forget alike; the router fills it in.
	Retention time.Duration
}

// The binary form of an operation with a request id is that of the operation behind
//
//	+------+----------------------------+---------------+
//	| 0x80 | retention in ms (uvarint)  | id            |
//	| 1 B  | 1..4 B                     | uvarint+bytes |
//	+------+----------------------------+---------------+
//
// 0x80 stands where a kind would, and is none.
const onceMark = 0x80

func appendOnce(dst []byte, o *Once) []byte {
	dst = append(dst, onceMark)
	dst = binary.AppendUvarint(dst, uint64(o.Retention.Milliseconds()))
	return appendBytes(dst, o.ID)
}

// takeOnce reads what stands before an operation with a request id. The id aliases data.
func takeOnce(data []byte) (o *Once, rest []byte, err error) {
	ms, data, ok := takeUvarint(data[1:])
	if !ok || ms > uint64(katakv.MaxRequestRetention.Milliseconds()) {
		return nil, nil, malformed("retention of a request")
	}
	id, data, ok := takeBytes(data, katakv.MaxRequestIDBytes)
	if !ok {
		return nil, nil, malformed("request id with %d bytes left", len(data))
	}
	return &Once{ID: id, Retention: time.Duration(ms) * time.Millisecond}, data, nil
}

// checkOnce reports whether an operation of op's kind may carry a request id, and that one.
func checkOnce(op *Operation) error {
	o := op.Once
	switch {
	case o == nil:
		return nil
	case !op.Kind.Writes() || shapes[op.Kind].minKeys == 0:
		return malformed("request id of an operation of kind %d", op.Kind)
	case len(o.ID) == 0 || len(o.ID) > katakv.MaxRequestIDBytes:
		return malformed("request id of %d bytes", len(o.ID))
	case o.Retention < 0 || o.Retention > katakv.MaxRequestRetention || o.Retention%time.Millisecond != 0:
		return malformed("retention of %v", o.Retention)
	}
	return nil
}

// OneSlot reports whether all keys of op, at least one, lie in one slot.
func (op *Operation) OneSlot() bool {
	first := slot.Of(op.Keys[0])
	for _, key := range op.Keys[1:] {
		if slot.Of(key) != first {
			return false
		}
	}
	return true
}

// WithID gives op the request id, which op aliases. A read is left as it is, for it may be repeated freely.
func (op *Operation) WithID(id []byte) *katakv.Error {
	if len(id) == 0 || len(id) > katakv.MaxRequestIDBytes {
		return katakv.Errorf(katakv.CodeInvalid, "request id of %d bytes: it must have 1 to %d",
			len(id), katakv.MaxRequestIDBytes)
	}
	if op.Kind.Writes() {
		op.Once = &Once{ID: id}
	}
	return nil
}

// parseOnce reads KATA ONCE id command [argument ...].
func parseOnce(args [][]byte) (Operation, *katakv.Error) {
	spec, err := Resolve(args[onceBehind:])
	if err != nil {
		return Operation{}, err
	}
	if spec.Parse == nil || spec.FirstKey == 0 || spec.Behind > 0 {
		return Operation{}, katakv.Errorf(katakv.CodeInvalid,
			"KATA ONCE takes a command on keys, not '%s'", printable(args[onceBehind]))
	}
	op, err := spec.Parse(args[onceBehind:])
	if err == nil {
		err = op.WithID(args[onceBehind-1])
	}
	return op, err
}

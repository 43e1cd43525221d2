package kv

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/placement"
)

// execution is one entry in hand.
type execution struct {
	w           *Writer
	m           *Machine
	index       katakv.Index
	position    int // of the operation in hand
	reads       bool
	wantReplies bool
	view        view
}

// The errors that operations meet, in Redis's words: clients match on them.
var (
	errNotInteger = &katakv.Error{Code: katakv.CodeInvalid, Message: "value is not an integer or out of range"}
	errOverflow   = &katakv.Error{Code: katakv.CodeInvalid, Message: "increment or decrement would overflow"}
	errTooLong    = &katakv.Error{Code: katakv.CodeTooLarge, Message: "string exceeds maximum allowed size"}
	errNoMeta     = &katakv.Error{Code: katakv.CodeInvalid, Message: "only the meta shard holds the cluster map"}
)

// execute applies one operation. An error reply means that it changed nothing. An error stops the node.
func (x *execution) execute(op *command.Operation) (command.Reply, error) {
	if op.Reads() && !x.reads {
		return command.Reply{}, fmt.Errorf("kind %d reads in an entry that says none does", op.Kind)
	}
	if op.Once != nil {
		return x.once(op)
	}
	return x.executePlain(op)
}

// executePlain is execute without regard to a request id.
func (x *execution) executePlain(op *command.Operation) (command.Reply, error) {
	if !op.Kind.Writes() {
		if !x.wantReplies {
			return command.Reply{}, nil // nobody asks, and it changes nothing
		}
		return x.m.answer(&x.view, op)
	}
	if op.Kind == command.KindMapChange {
		return x.mapChange(op)
	}
	if refusal := x.m.checkSlots(op); refusal != nil {
		return command.ErrorReply(refusal), nil
	}
	switch op.Kind {
	case command.KindSet:
		return x.set(op)
	case command.KindMSet:
		for i, key := range op.Keys {
			x.put(key, op.Values[i])
		}
		return command.OKReply(), nil
	case command.KindDel:
		return x.del(op)
	case command.KindIncrBy:
		return x.incrBy(op)
	case command.KindAppend:
		return x.append(op)
	case command.KindSetNX:
		_, found, err := x.view.lookup(op.Keys[0])
		if err != nil || found {
			return command.IntReply(0), err
		}
		x.put(op.Keys[0], op.Values[0])
		return command.IntReply(1), nil
	case command.KindSetIf:
		return x.setIf(op)
	case command.KindDelIf:
		return x.delIf(op)
	default:
		return command.Reply{}, fmt.Errorf("operation of unknown kind %d", op.Kind)
	}
}

// set is SET. Without flags it writes blindly.
func (x *execution) set(op *command.Operation) (command.Reply, error) {
	if op.Flags == 0 {
		x.put(op.Keys[0], op.Values[0])
		return command.OKReply(), nil
	}
	old, found, err := x.view.lookup(op.Keys[0])
	if err != nil {
		return command.Reply{}, err
	}
	set := (op.Flags&command.FlagNX == 0 || !found) && (op.Flags&command.FlagXX == 0 || found)
	if set {
		x.put(op.Keys[0], op.Values[0])
	}
	switch {
	case op.Flags&command.FlagGet != 0 && found:
		return command.BulkReply(old.payload), nil
	case op.Flags&command.FlagGet != 0 || !set:
		return command.Reply{}, nil
	default:
		return command.OKReply(), nil
	}
}

func (x *execution) del(op *command.Operation) (command.Reply, error) {
	n := int64(0)
	for _, key := range op.Keys {
		_, found, err := x.view.lookup(key)
		if err != nil {
			return command.Reply{}, err
		}
		if found { // a repeated key is gone by now: the overlay says so
			x.remove(key)
			n++
		}
	}
	return command.IntReply(n), nil
}

func (x *execution) incrBy(op *command.Operation) (command.Reply, error) {
	old, found, err := x.view.lookup(op.Keys[0])
	if err != nil {
		return command.Reply{}, err
	}
	n := int64(0)
	if found {
		var ok bool
		if n, ok = parseInteger(old.payload); !ok {
			return command.ErrorReply(errNotInteger), nil
		}
	}
	if (op.Delta > 0 && n > math.MaxInt64-op.Delta) || (op.Delta < 0 && n < math.MinInt64-op.Delta) {
		return command.ErrorReply(errOverflow), nil
	}
	n += op.Delta
	x.put(op.Keys[0], strconv.AppendInt(nil, n, 10))
	return command.IntReply(n), nil
}

// parseInteger reads an integer as Redis does: exactly as it would write it.
func parseInteger(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, false
	}
	var room [20]byte
	return n, bytes.Equal(strconv.AppendInt(room[:0], n, 10), b)
}

func (x *execution) append(op *command.Operation) (command.Reply, error) {
	old, _, err := x.view.lookup(op.Keys[0])
	if err != nil {
		return command.Reply{}, err
	}
	limit := int64(katakv.MaxValueBytes)
	if op.Delta > 0 {
		limit = min(limit, op.Delta)
	}
	if int64(len(old.payload)+len(op.Values[0])) > limit {
		return command.ErrorReply(errTooLong), nil
	}
	value := append(old.payload, op.Values[0]...)
	x.put(op.Keys[0], value)
	return command.IntReply(int64(len(value))), nil
}

// mapChange takes the cluster map one step on.
func (x *execution) mapChange(op *command.Operation) (command.Reply, error) {
	if x.m.shard != katakv.MetaShard {
		return command.ErrorReply(errNoMeta), nil
	}
	encoded := x.w.openMap
	if encoded == nil {
		var err error
		encoded, err = ReadMap(x.w.engine)
		if errors.Is(err, engine.ErrNotFound) {
			return command.ErrorReply(katakv.Errorf(katakv.CodeInvalid, "there is no cluster map yet")), nil
		}
		if err != nil {
			return command.Reply{}, err
		}
	}
	old, err := placement.Decode(encoded)
	if err != nil {
		return command.Reply{}, err
	}
	change, err := placement.DecodeChange(op.Values[0])
	if err != nil {
		return command.ErrorReply(katakv.Errorf(katakv.CodeInvalid, "%v", err)), nil
	}
	next, err := old.Apply(change)
	if err != nil {
		return command.ErrorReply(katakv.Errorf(katakv.CodeInvalid, "%v", err)), nil
	}
	x.w.openMap = next.Encode()
	WriteMap(x.w.batch, x.w.openMap)
	return command.OKReply(), nil
}

// revision is that of what the operation in hand writes.
func (x *execution) revision() katakv.Revision { return katakv.NewRevision(x.index, x.position) }

// put writes a string straight into the batch. value is kept until the entry ends.
func (x *execution) put(key, value []byte) {
	k, v := x.w.batch.SetDeferred(slotKeyBytes+len(key), recordHeaderBytes+len(value))
	putRecordKey(k, key)
	revision := x.revision()
	putRecordHeader(v, revision)
	copy(v[recordHeaderBytes:], value)
	x.m.wrote = true
	if x.reads {
		x.w.overlay[string(k)] = change{present: true, value: value, revision: revision}
	}
}

func (x *execution) remove(key []byte) {
	x.view.key = appendRecordKey(x.view.key[:0], key)
	x.w.batch.Delete(x.view.key)
	x.m.wrote = true
	x.w.overlay[string(x.view.key)] = change{}
}

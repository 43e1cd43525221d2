package kv

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/slot"
)

// Machine is one replica's state machine: where in its shard's history the engine is. The data itself lies in
// the engine. It is plain data.
type Machine struct {
	shard katakv.ShardID
	meta  Meta

	// conf is the encoded form of confOf, which is meta.ConfState unless that was replaced since.
	conf   []byte
	confOf *raftpb.ConfState

	// touched is set while the Writer holds something of this machine that is not committed; wrote, while
	// that changes records.
	touched, wrote bool
}

// Open returns the machine of shard's replica in r, or engine.ErrNotFound, wrapped, when there is none.
func Open(r engine.Reader, shard katakv.ShardID) (*Machine, error) {
	meta, err := ReadMeta(r, shard)
	if err != nil {
		return nil, err
	}
	return &Machine{shard: shard, meta: meta}, nil
}

// Shard returns the shard's id.
func (m *Machine) Shard() katakv.ShardID { return m.shard }

// Meta returns the machine's Meta, with what was applied and not committed yet. It is the machine's own:
// read it, and change nothing in it.
func (m *Machine) Meta() *Meta { return &m.meta }

// Read answers op, of a kind that reads, from r, which must hold everything that was applied: between Commit
// and the next Apply, or a snapshot of such a moment. Keys outside the shard's slots are refused with
// CodeNotLeader. The reply's slices belong to the caller.
func (m *Machine) Read(r engine.Reader, op *command.Operation) command.Reply {
	return m.read(&view{reader: r, room: maxOperationReplyBytes}, op)
}

// ReadAll is Read of several operations. Together their values take at most katakv.MaxReplyBytes, or are one
// operation's: those for which there is no room are refused with CodeNoRoom, to be read again.
func (m *Machine) ReadAll(r engine.Reader, ops []command.Operation) []command.Reply {
	replies := make([]command.Reply, len(ops))
	v := view{reader: r}
	room := katakv.MaxReplyBytes
	for i := range ops {
		if room <= 0 {
			replies[i] = command.ErrorReply(errNoRoom)
			continue
		}
		v.room = maxOperationReplyBytes
		replies[i] = m.read(&v, &ops[i])
		room -= maxOperationReplyBytes - v.room
		if room < 0 && i > 0 {
			replies[i] = command.ErrorReply(errNoRoom)
		}
	}
	return replies
}

// maxOperationReplyBytes bounds the values of one operation: any single one fits, and so does what comes back in
// one frame from another node.
const maxOperationReplyBytes = katakv.MaxValueBytes

func (m *Machine) read(v *view, op *command.Operation) command.Reply {
	if op.Kind.Writes() {
		return command.ErrorReply(katakv.Errorf(katakv.CodeInternal, "operation of kind %d is no read", op.Kind))
	}
	reply, err := m.answer(v, op)
	if err != nil {
		return command.ErrorReply(katakv.Errorf(katakv.CodeInternal, "%v", err))
	}
	return reply
}

// answer executes a read kind.
func (m *Machine) answer(v *view, op *command.Operation) (command.Reply, error) {
	if refusal := m.checkSlots(op); refusal != nil {
		return command.ErrorReply(refusal), nil
	}
	switch op.Kind {
	case command.KindGet:
		return v.bulk(op.Keys[0])
	case command.KindMGet:
		return readMGet(v, op)
	case command.KindExists:
		return readExists(v, op)
	case command.KindStrlen:
		r, _, err := v.lookup(op.Keys[0])
		return command.IntReply(int64(len(r.payload))), err
	case command.KindCountKeysInSlot:
		n, err := v.countKeys(katakv.Slot(op.Delta))
		return command.IntReply(n), err
	case command.KindGetRecord:
		return v.record(op.Keys[0])
	case command.KindScan:
		return v.scan(command.ScanOf(op), m.meta.Slots.Last)
	default:
		return command.Reply{}, fmt.Errorf("operation of unknown kind %d", op.Kind)
	}
}

// checkSlots refuses an operation that concerns slots which the shard does not have.
func (m *Machine) checkSlots(op *command.Operation) *katakv.Error {
	if op.Kind == command.KindCountKeysInSlot || op.Kind == command.KindScan {
		return m.checkSlot(katakv.Slot(op.Delta))
	}
	for _, key := range op.Keys {
		if refusal := m.checkSlot(slot.Of(key)); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (m *Machine) checkSlot(s katakv.Slot) *katakv.Error {
	if m.meta.Slots != nil && m.meta.Slots.Contains(s) {
		return nil
	}
	return katakv.Errorf(katakv.CodeNotLeader, "slot %d is not in %v: refresh the map and ask again", s, m.shard)
}

func readMGet(v *view, op *command.Operation) (command.Reply, error) {
	array := make([]command.Reply, len(op.Keys))
	for i, key := range op.Keys {
		var err error
		if array[i], err = v.bulk(key); err != nil {
			return command.Reply{}, err
		}
		if array[i].Kind == command.ReplyError {
			return array[i], nil
		}
	}
	return command.Reply{Kind: command.ReplyArray, Array: array}, nil
}

func readExists(v *view, op *command.Operation) (command.Reply, error) {
	n := int64(0)
	for _, key := range op.Keys {
		_, found, err := v.lookup(key)
		if err != nil {
			return command.Reply{}, err
		}
		if found {
			n++
		}
	}
	return command.IntReply(n), nil
}

// maxCountedKeys is where counting the keys of a slot stops, and then answers that number: the count runs in
// the core, where other shards wait.
const maxCountedKeys = 100_000

// view reads records: from an engine, under what the entry in hand has changed so far.
type view struct {
	reader engine.Reader
	// overlay holds the changes by engine key; nil for none.
	overlay map[string]change
	// key is room for building engine keys.
	key []byte
	// room is how many bytes of values the replies may still take.
	room int
}

var (
	// errTooMuch refuses an operation that reads more than one reply may hold.
	errTooMuch = &katakv.Error{Code: katakv.CodeTooLarge, Message: fmt.Sprintf(
		"the values read together take more than %d MiB: read fewer keys at a time", maxOperationReplyBytes>>20)}
	errNoRoom = &katakv.Error{Code: katakv.CodeNoRoom, Message: "the replies before this one are large: read it again"}
)

// change is a record written or deleted in this entry. Its value aliases the entry.
type change struct {
	present  bool
	value    []byte
	revision katakv.Revision
}

// lookup returns the record under key in memory of its own, and whether there is one.
func (v *view) lookup(key []byte) (record, bool, error) {
	v.key = appendRecordKey(v.key[:0], key)
	if c, ok := v.overlay[string(v.key)]; ok {
		return record{revision: c.revision, payload: append([]byte{}, c.value...)}, c.present, nil
	}
	data, err := v.reader.Get(v.key)
	if errors.Is(err, engine.ErrNotFound) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, fmt.Errorf("read key %q: %w", key, err)
	}
	r, err := decodeRecord(data)
	if err != nil {
		return record{}, false, fmt.Errorf("read key %q: %w", key, err)
	}
	return r, true, nil
}

// bulk is a GET.
func (v *view) bulk(key []byte) (command.Reply, error) {
	return v.show(key, func(r record) command.Reply { return command.BulkReply(r.payload) })
}

// show replies with the record of a key, as far as there is room; nil if there is none.
func (v *view) show(key []byte, reply func(record) command.Reply) (command.Reply, error) {
	r, found, err := v.lookup(key)
	if err != nil || !found {
		return command.Reply{}, err
	}
	if len(r.payload) > v.room {
		return command.ErrorReply(errTooMuch), nil
	}
	v.room -= len(r.payload)
	return reply(r), nil
}

// countKeys counts the keys of a slot, up to maxCountedKeys.
func (v *view) countKeys(s katakv.Slot) (int64, error) {
	span := slotSpan(prefixRecord, slot.Range{First: s, Last: s})
	n := int64(0)
	count := func(key, _ []byte) bool {
		if _, changed := v.overlay[string(key)]; !changed {
			n++
		}
		return n < maxCountedKeys
	}
	if err := v.reader.Scan(span, count); err != nil {
		return 0, fmt.Errorf("count keys of slot %d: %w", s, err)
	}
	for key, c := range v.overlay { // a sum: the order of the map does not matter
		if c.present && span.Contains([]byte(key)) {
			n++
		}
	}
	return min(n, maxCountedKeys), nil
}

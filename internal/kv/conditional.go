package kv

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// setIf writes a value if its condition holds. Without one it writes blindly.
func (x *execution) setIf(op *command.Operation) (command.Reply, error) {
	if op.Flags != 0 {
		old, found, err := x.view.lookup(op.Keys[0])
		if err != nil {
			return command.Reply{}, err
		}
		if !holds(op, &old, found) {
			return command.Change{Revision: old.revision}.Reply(), nil
		}
	}
	x.put(op.Keys[0], op.Values[0])
	return command.Change{Applied: true, Revision: x.revision()}.Reply(), nil
}

// delIf deletes a key if it is there and the condition holds.
func (x *execution) delIf(op *command.Operation) (command.Reply, error) {
	old, found, err := x.view.lookup(op.Keys[0])
	if err != nil {
		return command.Reply{}, err
	}
	if !found || !holds(op, &old, found) {
		return command.Change{Revision: old.revision}.Reply(), nil
	}
	x.remove(op.Keys[0])
	return command.Change{Applied: true}.Reply(), nil
}

// holds judges op's condition by its key's record. The revision of an absent key is zero, which no condition names.
func holds(op *command.Operation, old *record, found bool) bool {
	switch {
	case op.Flags&command.FlagNX != 0:
		return !found
	case op.Flags&command.FlagXX != 0:
		return found
	case op.Flags&command.FlagRevision != 0:
		return old.revision == katakv.Revision(op.Delta)
	default:
		return true
	}
}

// record is a GET that tells the revision, too.
func (v *view) record(key []byte) (command.Reply, error) {
	return v.show(key, func(r record) command.Reply { return command.RecordReply(r.revision, r.payload) })
}

package sim

import (
	"strings"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
)

// records are what a client saw of registers last: it writes over them on the condition that they are still the same.
type records map[string]seenRecord

type seenRecord struct {
	value    string
	revision katakv.Revision
}

// compareAndSet makes op replace the record that was last seen of its key; without one, op reads it. No value of a register
// is written twice, so the checker can compare values where the cluster compares revisions.
func (g *generator) compareAndSet(op *check.Operation) {
	old, seen := g.records[op.Keys[0]]
	if !seen {
		op.Kind = check.Get
		return
	}
	op.Kind, op.Values, op.Delta = check.CompareAndSet, []string{old.value, g.value()}, int64(old.revision)
}

// withRevision makes a command of the kinds that deal with revisions: every read of a register asks for it.
func withRevision(op *check.Operation, out *command.Operation) {
	switch {
	case op.Kind == check.Get && strings.HasPrefix(op.Keys[0], "register:"):
		out.Kind = command.KindGetRecord
	case op.Kind == check.CompareAndSet:
		out.Kind, out.Flags, out.Values = command.KindSetIf, command.FlagRevision, out.Values[1:]
	}
}

// reply turns an answer into a recorded one, and remembers the record that it tells of. An answer of a wrong shape
// becomes an error, which no model expects.
func (known records) reply(op *check.Operation, r *command.Reply) check.Reply {
	if r.Kind == command.ReplyError {
		return toReply(r)
	}
	var now seenRecord
	var out check.Reply
	switch out = toReply(r); {
	case op.Kind == check.CompareAndSet:
		change, err := r.Change()
		if err != nil {
			return check.Reply{Kind: check.ReplyError, Error: err.Error()}
		}
		out = check.Reply{Kind: check.Int}
		if change.Applied {
			out.Int = 1
			now = seenRecord{op.Values[1], change.Revision}
		}
	case op.Kind == check.Get && r.Kind == command.ReplyArray:
		record, _, err := r.Record()
		if err != nil {
			return check.Reply{Kind: check.ReplyError, Error: err.Error()}
		}
		now = seenRecord{string(record.Value), record.Revision}
		out = check.Reply{Kind: check.Bulk, Bulk: now.value}
	default:
		return out
	}
	if now.revision == 0 {
		delete(known, op.Keys[0])
	} else {
		known[op.Keys[0]] = now
	}
	return out
}

package kv_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/slot"
)

// every is the range of all slots.
func every() *slot.Range { r := slot.All; return &r }

// makeReplica writes the meta record of a fresh replica, durably, and opens its machine.
func makeReplica(t testing.TB, e engine.Engine, shard katakv.ShardID, slots *slot.Range) *kv.Machine {
	t.Helper()
	b := e.NewBatch()
	kv.WriteMeta(b, shard, &kv.Meta{
		Replica: 10 + katakv.ReplicaID(shard), Slots: slots, Applied: 10, AppliedTerm: 1,
		ConfState: &raftpb.ConfState{Voters: []uint64{11, 12, 13}},
	})
	if err := errors.Join(e.Commit(b), e.Flush()); err != nil {
		t.Fatal(err)
	}
	return openMachine(t, e, shard)
}

func openMachine(t testing.TB, r engine.Reader, shard katakv.ShardID) *kv.Machine {
	t.Helper()
	m, err := kv.Open(r, shard)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// apply applies one entry of ops next to what m has, and commits it.
func apply(t testing.TB, w *kv.Writer, m *kv.Machine, ops ...*command.Operation) []command.Reply {
	t.Helper()
	return applyAt(t, w, m, 0, ops...)
}

// applyAt is apply of an entry with a stamp.
func applyAt(t testing.TB, w *kv.Writer, m *kv.Machine, stamp int64, ops ...*command.Operation) []command.Reply {
	t.Helper()
	meta := m.Meta()
	replies, err := w.Apply(m, meta.Applied+1, meta.AppliedTerm, kv.AppendEntry(nil, stamp, ops), true)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	if err := w.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	return replies
}

// once gives op a request id.
func once(id string, retention time.Duration, op *command.Operation) *command.Operation {
	op.Once = &command.Once{ID: []byte(id), Retention: retention}
	return op
}

func bytesOf(list []string) [][]byte {
	var out [][]byte
	for _, s := range list {
		out = append(out, []byte(s))
	}
	return out
}

func onKeys(kind command.Kind, keys ...string) *command.Operation {
	return &command.Operation{Kind: kind, Keys: bytesOf(keys)}
}

func withValue(kind command.Kind, key, value string) *command.Operation {
	return &command.Operation{Kind: kind, Keys: [][]byte{[]byte(key)}, Values: [][]byte{[]byte(value)}}
}

func set(key, value string) *command.Operation { return withValue(command.KindSet, key, value) }

func setWith(flags command.Flags, key, value string) *command.Operation {
	op := set(key, value)
	op.Flags = flags
	return op
}

func get(key string) *command.Operation { return onKeys(command.KindGet, key) }

func incrBy(key string, delta int64) *command.Operation {
	op := onKeys(command.KindIncrBy, key)
	op.Delta = delta
	return op
}

func countKeys(s katakv.Slot) *command.Operation {
	return &command.Operation{Kind: command.KindCountKeysInSlot, Delta: int64(s)}
}

// text shows a reply as redis-cli would, in one line.
func text(r command.Reply) string {
	switch r.Kind {
	case command.ReplyNil:
		return "nil"
	case command.ReplyOK:
		return "OK"
	case command.ReplyInt:
		return fmt.Sprint(r.Int)
	case command.ReplyBulk:
		return fmt.Sprintf("%q", r.Bulk)
	case command.ReplyError:
		return "error " + r.Err.Code.String() + ": " + r.Err.Message
	}
	s := "["
	for i := range r.Array {
		s += text(r.Array[i]) + " "
	}
	return s + "]"
}

func texts(replies []command.Reply) string {
	s := ""
	for _, r := range replies {
		s += text(r) + "; "
	}
	return s
}

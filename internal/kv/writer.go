package kv

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/invariant"
)

// Writer applies entries of many machines into one engine batch.
//
// Operations that need present values must see what was applied before them. Shards have disjoint keys, so
// the engine lacks only what this machine wrote into the open batch: then the batch is committed first (between
// entries it may always be). What the entry itself wrote is in an overlay.
type Writer struct {
	engine engine.Engine
	batch  engine.Batch

	// touched are the machines whose Meta the open batch must carry, in order of their first entry.
	touched []*Machine
	// openMap is the encoded map as the open batch leaves it, and newMap what MapChanged hands out; nil for
	// no change.
	openMap, newMap []byte
	// failed is the error after which nothing may be committed: the batch may hold half an entry.
	failed error

	// Room that entries share.
	op      command.Operation
	overlay map[string]change
	key     []byte
}

// NewWriter returns a writer into e. Nobody else commits to the keys of its machines meanwhile.
func NewWriter(e engine.Engine) *Writer {
	return &Writer{engine: e, batch: e.NewBatch(), overlay: make(map[string]change)}
}

// Apply applies the entry at index, which must be the next after m's applied index. data is its payload: none
// for Raft's empty entry. It returns a reply for each operation if wantReplies, which may be sent after Commit;
// they do not alias data. An error means that the entry or the engine is not to be believed: nothing of the
// open batch is ever committed then, and the node must stop.
func (w *Writer) Apply(
	m *Machine, index katakv.Index, term katakv.Term, data []byte, wantReplies bool,
) ([]command.Reply, error) {
	checkNext(m, index, term)
	if w.failed != nil {
		return nil, w.failed
	}
	replies, err := w.applyEntry(m, index, data, wantReplies)
	if err != nil {
		w.failed = fmt.Errorf("apply entry %d of %v: %w", index, m.shard, err)
		return nil, w.failed
	}
	w.advance(m, index, term)
	return replies, nil
}

// ApplyConf applies an entry that changed the configuration to cs, which it keeps and which must not change
// any more.
func (w *Writer) ApplyConf(m *Machine, index katakv.Index, term katakv.Term, cs *raftpb.ConfState) error {
	checkNext(m, index, term)
	if w.failed != nil {
		return w.failed
	}
	m.meta.ConfState = cs
	w.advance(m, index, term)
	return nil
}

// Commit commits everything that was applied since the last Commit, with the Meta of each machine concerned.
// It is visible on return, and durable with the engine's next flush. It does nothing when nothing was applied.
func (w *Writer) Commit() error {
	if w.failed != nil {
		return w.failed
	}
	if len(w.touched) == 0 {
		return nil
	}
	for _, m := range w.touched {
		w.writeMeta(m)
	}
	if err := w.engine.Commit(w.batch); err != nil {
		w.failed = fmt.Errorf("commit applied entries: %w", err)
		return w.failed
	}
	for i, m := range w.touched {
		m.touched, m.wrote = false, false
		w.touched[i] = nil
	}
	w.touched = w.touched[:0]
	if w.openMap != nil {
		w.newMap, w.openMap = w.openMap, nil
	}
	return nil
}

// MapChanged returns the encoded cluster map if a committed entry changed it since the last call, else nil.
// The slice belongs to the caller.
func (w *Writer) MapChanged() []byte {
	encoded := w.newMap
	w.newMap = nil
	return encoded
}

func checkNext(m *Machine, index katakv.Index, term katakv.Term) {
	invariant.Check(index <= katakv.MaxRevision.Index(), "%v: index %d is too high for a revision", m.shard, index)
	invariant.Check(index == m.meta.Applied+1, "%v: apply index %d after %d", m.shard, index, m.meta.Applied)
	invariant.Check(term >= m.meta.AppliedTerm, "%v: apply term %d after %d at index %d",
		m.shard, term, m.meta.AppliedTerm, index)
}

// advance notes that m has applied the entry at index.
func (w *Writer) advance(m *Machine, index katakv.Index, term katakv.Term) {
	m.meta.Applied, m.meta.AppliedTerm = index, term
	if !m.touched {
		m.touched = true
		w.touched = append(w.touched, m)
	}
}

func (w *Writer) writeMeta(m *Machine) {
	if m.confOf != m.meta.ConfState {
		m.conf, m.confOf = appendConf(m.conf[:0], m.meta.ConfState), m.meta.ConfState
	}
	key, value := w.batch.SetDeferred(metaKeyBytes, metaHeaderBytes+len(m.conf))
	putMetaKey(key, m.shard, subMeta)
	putMetaHeader(value, &m.meta)
	copy(value[metaHeaderBytes:], m.conf)
}

func (w *Writer) applyEntry(m *Machine, index katakv.Index, data []byte, wantReplies bool) ([]command.Reply, error) {
	if len(data) == 0 {
		return nil, nil
	}
	h, data, err := takeEntryHeader(data)
	if err != nil {
		return nil, err
	}
	now := max(m.meta.Clock, h.stamp)
	sweep := h.stamp > 0 && m.sweepDue(now)
	if (h.reads || sweep) && m.wrote {
		if err := w.Commit(); err != nil {
			return nil, err
		}
	}
	m.meta.Clock = now
	x := execution{w: w, m: m, index: index, reads: h.reads, wantReplies: wantReplies}
	if h.reads {
		clear(w.overlay)
		x.view = view{reader: w.engine, overlay: w.overlay, key: w.key, room: maxOperationReplyBytes}
	}
	if sweep {
		if err := x.sweep(sweepSteps + sweepStepsPerOperation*h.count); err != nil {
			return nil, err
		}
	}
	var replies []command.Reply
	if wantReplies {
		replies = make([]command.Reply, 0, h.count)
	}
	for i := range h.count {
		x.position = i
		if data, err = command.DecodeOperationInto(&w.op, data); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
		reply, err := x.execute(&w.op)
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
		if wantReplies {
			replies = append(replies, reply)
		}
	}
	if len(data) != 0 {
		return nil, fmt.Errorf("%d bytes behind the last of %d operations", len(data), h.count)
	}
	w.key = x.view.key
	return replies, nil
}

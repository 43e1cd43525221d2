package replica

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// entryOverheadBytes is what an entry costs in memory beside its data: the struct, its pointers, its scalars.
const entryOverheadBytes = 160

// window is the part of a replica's log that is held in memory, and Raft's Storage: it never reads a disk. A
// follower that needs an entry from before the window gets a snapshot.
//
//	        base                                        last
//	---------|=============|============================|
//	dropped    applied       not applied: always held
//
// Entries enter when they are handed to the log writer, not when they are durable: until then Raft reads them
// from its own unstable log, which shadows the window.
//
// Invariant: entries[i].Index == base + 1 + i.
type window struct {
	initialHard *raftpb.HardState
	initialConf *raftpb.ConfState

	base     uint64 // index of the entry before the first one held
	baseTerm uint64
	entries  []*raftpb.Entry
	bytes    int

	// takeSnapshot is called when Raft wants to send a snapshot.
	takeSnapshot func() (*raftpb.Snapshot, error)
}

var _ raft.Storage = (*window)(nil)

// InitialState implements raft.Storage.
func (w *window) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return w.initialHard, w.initialConf, nil
}

// FirstIndex implements raft.Storage.
func (w *window) FirstIndex() (uint64, error) { return w.base + 1, nil }

// LastIndex implements raft.Storage.
func (w *window) LastIndex() (uint64, error) { return w.last(), nil }

func (w *window) last() uint64 { return w.base + uint64(len(w.entries)) }

// Term implements raft.Storage.
func (w *window) Term(i uint64) (uint64, error) {
	switch {
	case i == w.base:
		return w.baseTerm, nil
	case i < w.base:
		return 0, raft.ErrCompacted
	case i > w.last():
		return 0, raft.ErrUnavailable
	}
	return w.entries[i-w.base-1].GetTerm(), nil
}

// Entries implements raft.Storage.
func (w *window) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	if lo <= w.base {
		return nil, raft.ErrCompacted
	}
	if hi > w.last()+1 {
		return nil, raft.ErrUnavailable
	}
	from, to := lo-w.base-1, hi-w.base-1
	size := uint64(0)
	for n := from; n < to; n++ {
		size += uint64(len(w.entries[n].GetData()) + entryFramingBytes)
		if size > maxSize && n > from {
			to = n
			break
		}
	}
	return w.entries[from:to:to], nil
}

// entryFramingBytes approximates the encoded size of an entry beside its data, as Raft's own limits count it.
const entryFramingBytes = 12

// Snapshot implements raft.Storage.
func (w *window) Snapshot() (*raftpb.Snapshot, error) { return w.takeSnapshot() }

// append adds entries that are on their way to the log. They replace whatever the window holds from their
// first index on.
func (w *window) append(entries []*raftpb.Entry) {
	if len(entries) == 0 {
		return
	}
	first := entries[0].GetIndex()
	invariant.Check(first > w.base && first <= w.last()+1,
		"append at index %d to a window of (%d, %d]", first, w.base, w.last())
	if first <= w.last() {
		w.truncate(first - 1)
	}
	w.entries = append(w.entries, entries...)
	for _, e := range entries {
		w.bytes += len(e.GetData()) + entryOverheadBytes
	}
}

// truncate drops the entries above index. Slices that Entries gave out may still be in Raft's messages, so their
// memory is never written again: what follows goes to new memory.
func (w *window) truncate(index uint64) {
	keep := index - w.base
	for _, e := range w.entries[keep:] {
		w.bytes -= len(e.GetData()) + entryOverheadBytes
	}
	w.entries = w.entries[:keep:keep]
}

// trim drops the oldest entries, up to and including index limit, once more than budget bytes are held. It makes
// some room beyond that, because it moves what stays to new memory (see truncate).
func (w *window) trim(limit uint64, budget int) {
	if w.bytes <= budget {
		return
	}
	n := 0
	for n < len(w.entries) && w.bytes > budget-budget/trimFraction && w.entries[n].GetIndex() <= limit {
		w.bytes -= len(w.entries[n].GetData()) + entryOverheadBytes
		n++
	}
	if n == 0 {
		return
	}
	w.base, w.baseTerm = w.entries[n-1].GetIndex(), w.entries[n-1].GetTerm()
	w.entries = slices.Clone(w.entries[n:])
}

// trimFraction is the part of its budget by which a window is trimmed below it.
const trimFraction = 4

// reset empties the window: the state engine holds everything up to index.
func (w *window) reset(index katakv.Index, term katakv.Term) {
	w.base, w.baseTerm = uint64(index), uint64(term)
	w.entries, w.bytes = nil, 0
}

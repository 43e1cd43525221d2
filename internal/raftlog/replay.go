package raftlog

import (
	"bytes"
	"sort"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
)

// replay rebuilds the replicas from the records in the order of the log.
//
// A normal record replaces: a HardState the one before, a snapshot mark every older entry, entries those at or
// above the first of them. A moved record fills: it counts only where there is nothing. See the package comment
// for why that is right whatever was removed. Because the entries between may have been removed and moved, a
// replica's entries are runs with gaps until the end, when the run that ends at the last index is what remains.
type replay struct {
	replicas   map[ReplicaKey]*replayed
	tombstones map[ReplicaKey]uint64
	oldest     uint64 // as the last batch names it
	empty      bool   // the last batch holds no records, so the one before is known to be synced
}

// replayed is one replica while its records are read.
type replayed struct {
	hardState      hardState
	hardStatePlace place
	mark           SnapshotMark
	markPlace      place
	runs           []run // by first index, disjoint, maybe adjacent
}

// run is a run of entries with consecutive indexes; it is never empty.
type run struct {
	first   katakv.Index
	entries []replayedEntry
}

type replayedEntry struct {
	entry *raftpb.Entry
	place place
}

// end is the index after the last.
func (r *run) end() katakv.Index { return r.first + katakv.Index(len(r.entries)) }

func newReplay() *replay {
	return &replay{replicas: map[ReplicaKey]*replayed{}, tombstones: map[ReplicaKey]uint64{}}
}

// batch takes the records of b, which lies in segment.
func (p *replay) batch(segment uint64, b batch) error {
	p.oldest, p.empty = b.oldest, true
	d, base := decoder{in: b.records}, b.offset+batchHeaderBytes
	var rec record
	for {
		ok, err := d.next(&rec)
		if !ok || err != nil {
			return err
		}
		p.empty = false
		if _, buried := p.tombstones[rec.key]; buried && rec.kind != kindTombstone {
			return errBuried
		}
		p.record(segment, base, &rec)
	}
}

func (p *replay) record(segment uint64, base int, rec *record) {
	if rec.kind == kindTombstone {
		delete(p.replicas, rec.key)
		p.tombstones[rec.key] = segment
		return
	}
	r := p.replicas[rec.key]
	if r == nil {
		r = &replayed{}
		p.replicas[rec.key] = r
	}
	at := func(start, end int) place {
		return place{segment: uint32(segment), offset: uint32(base + start), bytes: uint32(end - start)}
	}
	switch rec.kind {
	case kindHardState:
		if !rec.moved || r.hardStatePlace.segment == 0 {
			r.hardState, r.hardStatePlace = rec.hardState, at(rec.start, rec.end)
		}
	case kindSnapshot:
		if !rec.moved {
			r.runs = nil
		}
		if !rec.moved || r.markPlace.segment == 0 {
			r.mark, r.markPlace = rec.mark, at(rec.start, rec.end)
		}
	case kindEntries:
		if !rec.moved {
			r.truncateFrom(rec.first)
		}
		for i := range rec.entries {
			e := &rec.entries[i]
			r.fill(rec.first+katakv.Index(i), e, at(e.start, e.end))
		}
	}
}

// truncateFrom drops every entry at or above first.
func (r *replayed) truncateFrom(first katakv.Index) {
	for n := len(r.runs); n > 0 && r.runs[n-1].end() > first; n = len(r.runs) {
		last := &r.runs[n-1]
		if last.first >= first {
			r.runs = r.runs[:n-1]
			continue
		}
		last.entries = last.entries[:first-last.first]
	}
}

// fill takes the entry unless there is one at its index.
func (r *replayed) fill(index katakv.Index, e *rawEntry, at place) {
	// after is the first run that ends at or above index: the only one that can hold it or be extended by it.
	after := sort.Search(len(r.runs), func(i int) bool { return r.runs[i].end() >= index })
	if after < len(r.runs) && r.runs[after].first <= index && index < r.runs[after].end() {
		return
	}
	next := after // where a run that begins at index belongs
	if after < len(r.runs) && r.runs[after].end() == index {
		next = after + 1
		if next == len(r.runs) || r.runs[next].first > index {
			r.runs[after].entries = append(r.runs[after].entries, replayedEntry{e.build(index), at})
		}
		return
	}
	r.runs = append(r.runs, run{})
	copy(r.runs[next+1:], r.runs[next:])
	r.runs[next] = run{first: index, entries: []replayedEntry{{e.build(index), at}}}
}

// build copies the entry out of the segment's bytes.
func (e *rawEntry) build(index katakv.Index) *raftpb.Entry {
	// One allocation for the message and what its pointers point to.
	box := &struct {
		entry     raftpb.Entry
		term      uint64
		index     uint64
		entryType raftpb.EntryType
	}{term: e.term, index: uint64(index), entryType: raftpb.EntryType(e.entryType)}
	box.entry.Term, box.entry.Index, box.entry.Type = &box.term, &box.index, &box.entryType
	box.entry.Data = bytes.Clone(e.data)
	return &box.entry
}

// lastRun merges adjacent runs and returns the one that ends at the last index, as far as it is above the mark.
func (r *replayed) lastRun() run {
	n := len(r.runs)
	if n == 0 {
		return run{}
	}
	start := n - 1
	for start > 0 && r.runs[start-1].end() == r.runs[start].first {
		start--
	}
	merged := r.runs[start]
	for _, next := range r.runs[start+1:] {
		merged.entries = append(merged.entries, next.entries...)
	}
	if merged.first <= r.mark.Index {
		drop := min(r.mark.Index+1-merged.first, katakv.Index(len(merged.entries)))
		merged.first, merged.entries = merged.first+drop, merged.entries[drop:]
	}
	return merged
}

// recovered returns what the caller of Open sees.
func (r *replayed) recovered(key ReplicaKey, entries run) RecoveredReplica {
	out := RecoveredReplica{Shard: key.Shard, Replica: key.Replica, Snapshot: r.mark}
	last := r.mark.Index
	if n := len(entries.entries); n > 0 {
		last = entries.end() - 1
		out.Entries = make([]*raftpb.Entry, n)
		for i, e := range entries.entries {
			out.Entries[i] = e.entry
		}
	}
	if r.hardStatePlace.segment != 0 {
		// Commit above the last index would stop raft. It happens when the entries were released and removed,
		// so the applied index says more.
		term, vote, commit := r.hardState.term, r.hardState.vote, min(r.hardState.commit, uint64(last))
		out.HardState = &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
	}
	return out
}

// finish fills the index of l, whose segments are set, and returns what the caller of Open sees.
func (p *replay) finish(l *Log) Recovered {
	var out Recovered
	for _, key := range sortedKeys(p.replicas) {
		from := p.replicas[key]
		entries := from.lastRun()
		out.Replicas = append(out.Replicas, from.recovered(key, entries))
		r := l.replica(key)
		r.hardState, r.snapshot, r.mark = from.hardStatePlace, from.markPlace, from.mark
		l.addLive(r.hardState)
		l.addLive(r.snapshot)
		if from.mark.Index != 0 {
			r.first, r.next = from.mark.Index+1, from.mark.Index+1
		}
		if len(entries.entries) > 0 {
			r.first, r.next = entries.first, entries.first
		}
		for _, e := range entries.entries {
			l.pushEntry(r, e.place)
		}
	}
	l.tombstones = p.tombstones
	out.Tombstones = sortedKeys(p.tombstones)
	return out
}

// sortedKeys returns the keys of m by shard, then replica.
func sortedKeys[V any](m map[ReplicaKey]V) []ReplicaKey {
	keys := make([]ReplicaKey, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		return a.Shard < b.Shard || a.Shard == b.Shard && a.Replica < b.Replica
	})
	return keys
}

package raftlog

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// The checks on the path of every append stand behind an if: their arguments would be allocated each time.

// place is where a live record, or one live entry of a record, lies. The zero place is nowhere: ids begin at 1.
type place struct{ segment, offset, bytes uint32 }

// replicaState says where a replica's live records are.
//
//	mark            entries[0]              entries[len-1]
//	  |                 |                        |
//	--+---- released ---+------------------------+---> next
//	                  first
//
// Invariant: entries is empty or first+len(entries) == next; mark.Index < first.
// Invariant: the last entry is live until it is truncated, superseded by a mark, or buried. So a run that is recovered
// ends at the last index, never at an older one that happened to lie in a younger segment.
type replicaState struct {
	key       ReplicaKey
	hardState place
	snapshot  place
	mark      SnapshotMark
	first     katakv.Index
	next      katakv.Index // 0 while the last index is not known
	entries   []place
}

func (l *Log) replica(key ReplicaKey) *replicaState {
	r := l.replicas[key]
	if r == nil {
		r = &replicaState{key: key}
		l.replicas[key] = r
	}
	return r
}

// segmentOf returns the segment in which p lies, or nil for nowhere.
func (l *Log) segmentOf(p place) *segment {
	if p.segment == 0 {
		return nil
	}
	at := uint64(p.segment) - l.segments[0].id
	if at >= uint64(len(l.segments)) {
		invariant.Check(false, "raft log: live record in segment %d, which is gone", p.segment)
	}
	return &l.segments[at]
}

func (l *Log) addLive(p place) {
	if s := l.segmentOf(p); s != nil {
		s.live += int64(p.bytes)
	}
}

func (l *Log) dropLive(p place) {
	if s := l.segmentOf(p); s != nil {
		s.live -= int64(p.bytes)
		if s.live < 0 {
			invariant.Check(false, "raft log: segment %d has %d live bytes", s.id, s.live)
		}
	}
}

func (l *Log) setHardState(r *replicaState, p place) {
	l.dropLive(r.hardState)
	r.hardState = p
	l.addLive(p)
}

// setSnapshot makes mark the base of r's log: no older entry survives it.
func (l *Log) setSnapshot(r *replicaState, mark SnapshotMark, p place) {
	invariant.Check(mark.Index >= r.mark.Index, "raft log: %v %v: snapshot mark %d follows %d",
		r.key.Shard, r.key.Replica, mark.Index, r.mark.Index)
	for _, e := range r.entries {
		l.dropLive(e)
	}
	l.dropLive(r.snapshot)
	r.snapshot, r.mark = p, mark
	r.entries, r.first, r.next = nil, mark.Index+1, mark.Index+1
	l.addLive(p)
}

// truncateFrom drops the entries at or above first, where new ones are about to go.
func (l *Log) truncateFrom(r *replicaState, first katakv.Index) {
	if first <= r.mark.Index || r.next != 0 && first > r.next {
		invariant.Check(false, "raft log: %v %v: entry %d does not continue a log at %d, snapshot mark %d",
			r.key.Shard, r.key.Replica, first, r.next-1, r.mark.Index)
	}
	keep := 0
	if first > r.first {
		keep = min(len(r.entries), int(first-r.first))
	}
	for _, e := range r.entries[keep:] {
		l.dropLive(e)
	}
	r.entries = r.entries[:keep]
	if keep == 0 {
		r.first = first
	}
	r.next = first
}

// pushEntry adds the place of entry r.next.
func (l *Log) pushEntry(r *replicaState, p place) {
	r.entries = append(r.entries, p)
	r.next++
	l.addLive(p)
}

// releaseTo drops the entries below upTo and below the last. The entry at upTo stays as the anchor of those after it:
// its term lets the core check that the log continues what the engine holds, and the last index is never forgotten.
func (l *Log) releaseTo(r *replicaState, upTo katakv.Index) {
	if len(r.entries) == 0 || upTo <= r.first {
		return
	}
	n := len(r.entries) - 1
	if count := upTo - r.first; count < katakv.Index(n) {
		n = int(count)
	}
	for _, e := range r.entries[:n] {
		l.dropLive(e)
	}
	r.entries = r.entries[n:]
	r.first += katakv.Index(n)
}

// bury forgets a destroyed replica; its tombstone lies in the active segment.
func (l *Log) bury(key ReplicaKey) {
	if r := l.replicas[key]; r != nil {
		for _, e := range r.entries {
			l.dropLive(e)
		}
		l.dropLive(r.hardState)
		l.dropLive(r.snapshot)
		delete(l.replicas, key)
	}
	l.tombstones[key] = l.active().id
}

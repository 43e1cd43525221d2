package raftlog

import (
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

const (
	// moveBelow: a segment is worth emptying when at most one part in moveBelow of it is live; what is written
	// is then little beside what is freed.
	moveBelow = 4

	// oversizedFactor and oversizedSlack say when the log is too large for what is live in it, so that the oldest
	// segment is emptied however full it is: each byte moved is then paid for by several bytes appended.
	oversizedFactor = 4
	oversizedSlack  = 8 // segments

	// movedBatchBytes is where a batch of moved records ends, at the next record.
	movedBatchBytes = 1 << 20
)

// Tidy is for the log writer to call when nothing waits to be appended. It empties the oldest segment if that is
// worthwhile (one segment a call, so that the next Append waits for little), removes segments without live
// records, and writes an empty batch when the last one is not recorded as synced yet. A second call in a row with
// nothing in between costs nothing once all that is done. Any error is final.
func (l *Log) Tidy() error {
	if l.err != nil {
		return l.err
	}
	return l.tidy()
}

func (l *Log) tidy() error {
	if l.worthMoving() {
		if err := l.moveOldest(); err != nil {
			return l.fail("move records", err)
		}
	}
	if !l.recordedSynced || l.oldestNeeded() > l.recordedOldest {
		err := l.begin(0)
		if err == nil {
			err = l.write()
		}
		if err != nil {
			return l.fail("write empty batch", err)
		}
	}
	if err := l.removeUnneeded(); err != nil {
		return l.fail("remove segments", err)
	}
	return nil
}

// firstLive returns the first segment with anything live; the dead ones before it go without moving.
func (l *Log) firstLive() *segment { return l.segmentOf(place{segment: uint32(l.oldestNeeded())}) }

func (l *Log) worthMoving() bool {
	s := l.firstLive()
	if s.id == l.active().id {
		return false
	}
	return s.live <= s.end/moveBelow || l.oversized()
}

// oversized reports whether the log is much larger than what is live in it.
func (l *Log) oversized() bool {
	var live, size int64
	for i := range l.segments {
		live += l.segments[i].live
		size += l.segments[i].size
	}
	return size > oversizedFactor*live+oversizedSlack*l.opts.SegmentBytes
}

// moveOldest appends the live records of the first live segment again, in their order. The segment is dead when it
// returns; it goes with removeUnneeded, after the sync.
func (l *Log) moveOldest() error {
	source := *l.firstLive()
	name := segmentName(source.id)
	img, err := l.load(source.id)
	if err != nil {
		return err
	}
	m := mover{log: l, source: source.id, img: img}
	for offset := segmentHeaderBytes; int64(offset) < source.end; {
		b, err := parseBatch(img.data, offset, source.id)
		if err == nil {
			err = m.batch(b)
		}
		if err != nil {
			return l.damaged(name, offset, err)
		}
		offset = b.end
	}
	if err := m.flush(); err != nil {
		return err
	}
	left := l.segmentOf(place{segment: uint32(source.id)}).live
	invariant.Check(left == 0, "raft log: %d live bytes left in segment %d after moving", left, source.id)
	l.counters.movedBytes += source.live
	return nil
}

// mover collects live records of one segment into batches.
type mover struct {
	log    *Log
	source uint64
	img    image
	rec    record
	// open: a batch is begun; room is what is left of what it was begun for.
	open bool
	room int
}

// batch moves the live records of b, which lies in the source.
func (m *mover) batch(b batch) error {
	d := decoder{in: b.records}
	base := b.offset + batchHeaderBytes
	for {
		ok, err := d.next(&m.rec)
		if !ok || err != nil {
			return err
		}
		if err := m.record(base); err != nil {
			return err
		}
	}
}

// record moves m.rec as far as it is live. A record is live when the index says that it lies exactly here.
func (m *mover) record(base int) error {
	l, rec := m.log, &m.rec
	r := l.replicas[rec.key]
	if r == nil {
		return nil
	}
	here := place{segment: uint32(m.source), offset: uint32(base + rec.start), bytes: uint32(rec.end - rec.start)}
	switch {
	case rec.kind == kindHardState && r.hardState == here:
		if err := m.reserve(0); err != nil {
			return err
		}
		start := len(l.buf)
		l.buf = appendHardState(l.buf, kindMoved, rec.key, rec.hardState)
		l.setHardState(r, l.placeOf(start, len(l.buf)))
	case rec.kind == kindSnapshot && r.snapshot == here:
		if err := m.reserve(0); err != nil {
			return err
		}
		start := len(l.buf)
		l.buf = appendSnapshot(l.buf, kindMoved, rec.key, rec.mark)
		l.dropLive(r.snapshot)
		r.snapshot = l.placeOf(start, len(l.buf))
		l.addLive(r.snapshot)
	case rec.kind == kindEntries:
		return m.entries(r, base)
	}
	return nil
}

// entries moves each contiguous run of live entries of m.rec.
func (m *mover) entries(r *replicaState, base int) error {
	rec := &m.rec
	live := func(i int) bool {
		index := rec.first + katakv.Index(i)
		if index < r.first || index >= r.first+katakv.Index(len(r.entries)) {
			return false
		}
		p := r.entries[index-r.first]
		return uint64(p.segment) == m.source && p.offset == uint32(base+rec.entries[i].start)
	}
	for i := 0; i < len(rec.entries); i++ {
		if !live(i) {
			continue
		}
		end := i + 1
		for end < len(rec.entries) && live(end) {
			end++
		}
		if err := m.run(r, base, i, end); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// run moves the entries [i, end) of m.rec, whose encoded bytes are contiguous, as one record.
func (m *mover) run(r *replicaState, base, i, end int) error {
	l, rec := m.log, &m.rec
	raw := m.img.data[base+rec.entries[i].start : base+rec.entries[end-1].end]
	if err := m.reserve(len(raw)); err != nil {
		return err
	}
	first := rec.first + katakv.Index(i)
	l.buf = appendEntriesHead(l.buf, kindMoved, rec.key, first, end-i)
	shift := len(l.buf) - rec.entries[i].start
	l.buf = append(l.buf, raw...)
	for j, e := range rec.entries[i:end] {
		at := &r.entries[first-r.first+katakv.Index(j)]
		l.dropLive(*at)
		*at = l.placeOf(e.start+shift, e.end+shift)
		l.addLive(*at)
	}
	return nil
}

// reserve makes room in the batch begun for a record with size bytes beside its head, in a new batch if need be.
func (m *mover) reserve(size int) error {
	size += maxRecordHeadBytes
	if m.open && size > m.room {
		if err := m.flush(); err != nil {
			return err
		}
	}
	if !m.open {
		// What is live is bounded by the source; do not ask a tiny segment for a whole large batch.
		m.room = max(size, int(min(movedBatchBytes, m.log.opts.SegmentBytes/moveBelow)))
		if err := m.log.begin(int64(m.room)); err != nil {
			return err
		}
		m.open = true
	}
	m.room -= size
	m.log.counters.movedRecords++
	return nil
}

// flush makes the batch begun durable.
func (m *mover) flush() error {
	if !m.open {
		return nil
	}
	m.open = false
	if err := m.log.commit(); err != nil {
		return fmt.Errorf("batch of moved records: %w", err)
	}
	return nil
}

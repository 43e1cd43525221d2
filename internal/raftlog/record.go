package raftlog

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
)

// The records of a batch. Integers are unsigned varints.
//
//	+------+-------+---------+-- - - --+
//	| kind | shard | replica | body    |
//	+------+-------+---------+-- - - --+
//
//	kind   one byte; bit 7: moved, a copy of an older record that fills what is absent and replaces nothing
//	0      the end: only zeroes follow
//	1      HardState   body: term vote commit
//	2      snapshot    body: index term
//	3      entries     body: first count, then for each: type term size data; size is 0 for nil, else bytes + 1
//	4      tombstone   body: none
const (
	kindEnd       = 0
	kindHardState = 1
	kindSnapshot  = 2
	kindEntries   = 3
	kindTombstone = 4
	kindMoved     = 0x80

	// minEntryBytes is what the shortest entry takes: it bounds a count before anything is allocated.
	minEntryBytes = 3

	// Upper bounds of encoded sizes: a kind, two ids and at most three more varints; an entry without data.
	maxRecordHeadBytes = 1 + 5*binary.MaxVarintLen64
	maxEntryHeadBytes  = 3 * binary.MaxVarintLen64
)

// record is one decoded record. Its entries are reused by the next call of decode and alias the input.
type record struct {
	kind      byte
	moved     bool
	key       ReplicaKey
	hardState hardState
	mark      SnapshotMark
	first     katakv.Index
	entries   []rawEntry
	// start and end are offsets in the decoder's input.
	start, end int
}

// hardState is a HardState without pointers.
type hardState struct{ term, vote, commit uint64 }

// rawEntry is an encoded entry; start and end are its offsets in the decoder's input.
type rawEntry struct {
	entryType  uint64
	term       uint64
	data       []byte // nil stays nil
	start, end int
}

func appendRecordHead(b []byte, kind byte, key ReplicaKey) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(key.Shard))
	return binary.AppendUvarint(b, uint64(key.Replica))
}

func appendHardState(b []byte, flags byte, key ReplicaKey, hs hardState) []byte {
	b = appendRecordHead(b, kindHardState|flags, key)
	b = binary.AppendUvarint(b, hs.term)
	b = binary.AppendUvarint(b, hs.vote)
	return binary.AppendUvarint(b, hs.commit)
}

func appendSnapshot(b []byte, flags byte, key ReplicaKey, mark SnapshotMark) []byte {
	b = appendRecordHead(b, kindSnapshot|flags, key)
	b = binary.AppendUvarint(b, uint64(mark.Index))
	return binary.AppendUvarint(b, uint64(mark.Term))
}

func appendTombstone(b []byte, key ReplicaKey) []byte {
	return appendRecordHead(b, kindTombstone, key)
}

// appendEntriesHead is followed by count calls of appendEntry.
func appendEntriesHead(b []byte, flags byte, key ReplicaKey, first katakv.Index, count int) []byte {
	b = appendRecordHead(b, kindEntries|flags, key)
	b = binary.AppendUvarint(b, uint64(first))
	return binary.AppendUvarint(b, uint64(count))
}

func appendEntry(b []byte, e *raftpb.Entry) []byte {
	b = binary.AppendUvarint(b, uint64(e.GetType()))
	b = binary.AppendUvarint(b, e.GetTerm())
	if e.Data == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Data))+1)
	return append(b, e.Data...)
}

// maxUpdateBytes bounds the encoded size of u from above.
func maxUpdateBytes(u *Update) int64 {
	size := int64(4 * maxRecordHeadBytes)
	for _, e := range u.Entries {
		size += maxEntryHeadBytes + int64(len(e.Data))
	}
	return size
}

// decoder reads the records of one batch.
type decoder struct {
	in []byte
	at int
}

// next decodes one record into rec. It returns false at the end, and an error that wraps errRecord for bytes that
// are not records. It allocates at most in proportion to the input.
func (d *decoder) next(rec *record) (bool, error) {
	if d.at == len(d.in) || d.in[d.at] == kindEnd {
		for _, b := range d.in[d.at:] {
			if b != 0 {
				return false, fmt.Errorf("%w: bytes after the last record", errRecord)
			}
		}
		return false, nil
	}
	start, kind := d.at, d.in[d.at]
	d.at++
	*rec = record{kind: kind &^ kindMoved, moved: kind&kindMoved != 0, entries: rec.entries[:0], start: start}
	var head [2]uint64
	if err := d.uvarints(head[:]); err != nil {
		return false, err
	}
	rec.key = ReplicaKey{Shard: katakv.ShardID(head[0]), Replica: katakv.ReplicaID(head[1])}
	err := d.body(rec)
	rec.end = d.at
	return err == nil, err
}

func (d *decoder) body(rec *record) error {
	var v [3]uint64
	switch rec.kind {
	case kindHardState:
		err := d.uvarints(v[:3])
		rec.hardState = hardState{term: v[0], vote: v[1], commit: v[2]}
		return err
	case kindSnapshot:
		err := d.uvarints(v[:2])
		rec.mark = SnapshotMark{Index: katakv.Index(v[0]), Term: katakv.Term(v[1])}
		if err == nil && rec.mark.Index == 0 {
			return fmt.Errorf("%w: snapshot mark at index 0", errRecord)
		}
		return err
	case kindEntries:
		if err := d.uvarints(v[:2]); err != nil {
			return err
		}
		return d.entries(rec, v[0], v[1])
	case kindTombstone:
		if rec.moved {
			return fmt.Errorf("%w: moved tombstone", errRecord)
		}
		return nil
	}
	return fmt.Errorf("%w: kind %d", errRecord, rec.kind)
}

func (d *decoder) entries(rec *record, first, count uint64) error {
	if count == 0 || count > uint64(len(d.in)-d.at)/minEntryBytes || first == 0 || first+count < first {
		return fmt.Errorf("%w: %d entries from index %d in %d bytes", errRecord, count, first, len(d.in)-d.at)
	}
	rec.first = katakv.Index(first)
	for range count {
		e, v := rawEntry{start: d.at}, [3]uint64{}
		if err := d.uvarints(v[:]); err != nil {
			return err
		}
		e.entryType, e.term = v[0], v[1]
		if e.entryType > maxEntryType {
			return fmt.Errorf("%w: entry type %d", errRecord, e.entryType)
		}
		if v[2] > 0 {
			size := v[2] - 1
			if size > uint64(len(d.in)-d.at) {
				return fmt.Errorf("%w: entry of %d bytes in %d", errRecord, size, len(d.in)-d.at)
			}
			e.data = d.in[d.at : d.at+int(size) : d.at+int(size)]
			d.at += int(size)
		}
		e.end = d.at
		rec.entries = append(rec.entries, e)
	}
	return nil
}

// maxEntryType bounds an entry's type to what the protobuf enumeration can hold.
const maxEntryType = 1<<31 - 1

func (d *decoder) uvarints(out []uint64) error {
	for i := range out {
		v, n := binary.Uvarint(d.in[d.at:])
		if n <= 0 {
			return fmt.Errorf("%w: bad integer", errRecord)
		}
		out[i] = v
		d.at += n
	}
	return nil
}

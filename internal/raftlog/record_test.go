package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
)

// sampleRecords encodes one record of every kind.
func sampleRecords() []byte {
	key := ReplicaKey{Shard: 300, Replica: 5}
	term, index := uint64(3), uint64(12)
	e := &raftpb.Entry{Term: &term, Index: &index, Data: []byte("data")}
	b := appendHardState(nil, 0, key, hardState{term: 9, vote: 1 << 40, commit: 7})
	b = appendSnapshot(b, kindMoved, key, SnapshotMark{Index: 11, Term: 3})
	b = appendEntriesHead(b, 0, key, 12, 2)
	b = appendEntry(b, e)
	b = appendEntry(b, &raftpb.Entry{})
	return appendTombstone(b, ReplicaKey{Shard: 1, Replica: 1})
}

func TestDecoder(t *testing.T) {
	key := ReplicaKey{Shard: 1, Replica: 2}
	entriesOf := func(first, count uint64, rest ...byte) []byte {
		b := appendRecordHead(nil, kindEntries, key)
		return append(binary.AppendUvarint(binary.AppendUvarint(b, first), count), rest...)
	}
	cases := []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"empty", nil, true},
		{"padding", make([]byte, 7), true},
		{"every kind", append(sampleRecords(), 0, 0, 0), true},
		{"bytes after the end", []byte{0, 0, 1}, false},
		{"kind alone", []byte{kindHardState}, false},
		{"unknown kind", []byte{9, 1, 1}, false},
		{"moved tombstone", []byte{kindTombstone | kindMoved, 1, 1}, false},
		{"mark at 0", []byte{kindSnapshot, 1, 1, 0, 1}, false},
		{"integer too long", append([]byte{kindTombstone}, bytes.Repeat([]byte{0xff}, 11)...), false},
		{"no entries", entriesOf(1, 0), false},
		{"entry at 0", entriesOf(0, 1, 0, 0, 0), false},
		{"more entries than bytes", entriesOf(1, 1<<40, 0, 0, 0), false},
		{"indexes overflow", entriesOf(1<<64-1, 1, 0, 0, 0), false},
		{"entry longer than the input", entriesOf(1, 1, 0, 0, 0xff, 0xff, 0x7f), false},
		{"entry type too large", entriesOf(1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0), false},
		{"entry", entriesOf(1, 1, 0, 0, 2, 'x'), true},
	}
	for _, c := range cases {
		var rec record
		var err error
		for d, ok := (decoder{in: c.in}), true; ok && err == nil; {
			ok, err = d.next(&rec)
		}
		if (err == nil) != c.ok || err != nil && !errors.Is(err, errRecord) {
			t.Errorf("%s: got %v, want ok %v", c.name, err, c.ok)
		}
	}
}

// FuzzRecords: no input makes the decoder panic, run past its input, or disagree with the encoder.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{})
	f.Add(sampleRecords())
	f.Add(append(sampleRecords(), 0, 0, 0, 0))
	f.Add([]byte{kindEntries, 1, 1, 1, 0xff, 0xff, 0x03, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		d, rec, again := decoder{in: in}, record{}, []byte(nil)
		for {
			ok, err := d.next(&rec)
			if err != nil {
				return
			}
			if !ok {
				break
			}
			again = encodeAgain(again, &rec)
		}
		// Integers may have been longer than need be, so compare what the second pass decodes.
		first, second := decoder{in: in}, decoder{in: again}
		var a, b record
		for {
			okA, _ := first.next(&a)
			okB, err := second.next(&b)
			if err != nil || okA != okB {
				t.Fatalf("encoded again: got %v %v, want %v", okB, err, okA)
			}
			if !okA {
				return
			}
			if !bytes.Equal(encodeAgain(nil, &a), encodeAgain(nil, &b)) {
				t.Fatalf("got %+v, want %+v", b, a)
			}
		}
	})
}

func encodeAgain(b []byte, rec *record) []byte {
	flags := byte(0)
	if rec.moved {
		flags = kindMoved
	}
	switch rec.kind {
	case kindHardState:
		return appendHardState(b, flags, rec.key, rec.hardState)
	case kindSnapshot:
		return appendSnapshot(b, flags, rec.key, rec.mark)
	case kindEntries:
		b = appendEntriesHead(b, flags, rec.key, rec.first, len(rec.entries))
		for i := range rec.entries {
			b = appendEntry(b, rec.entries[i].build(rec.first))
		}
		return b
	}
	return appendTombstone(b, rec.key)
}

// FuzzSegment: any bytes as a segment are refused or replayed, never a panic.
func FuzzSegment(f *testing.F) {
	seed := appendSegmentHeader(nil, segmentHeader{segment: 1, oldest: 1})
	b := finishBatch(append(beginBatch(nil), sampleRecords()...), 1, int64(len(seed)), 1, 0)
	seed = append(seed, b...)
	f.Add(append(seed, make([]byte, 64)...), true)
	f.Add(seed[:len(seed)-3], false)
	f.Fuzz(func(t *testing.T, data []byte, fix bool) {
		if fix && len(data) > segmentHeaderBytes+batchHeaderBytes {
			// Let the fuzzer get past the checksum.
			b := data[segmentHeaderBytes:]
			if end := batchHeaderBytes + int64(binary.LittleEndian.Uint32(b[8:])); end <= int64(len(b)) {
				binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:end], castagnoli))
			}
		}
		img := image{id: 1, data: data}
		if _, err := parseSegmentHeader(data, 1); err != nil {
			return
		}
		p := newReplay()
		end, _, _, err := (&Log{opts: Options{FS: nil}}).replayForTest(img, p)
		if err == nil && (end < segmentHeaderBytes || end > len(data)) {
			t.Fatalf("replay ended at %d of %d", end, len(data))
		}
		for _, r := range p.replicas {
			r.lastRun()
		}
	})
}

// replayForTest is readBatches without a directory to name in errors.
func (l *Log) replayForTest(img image, p *replay) (int, bool, error, error) {
	l.opts, _ = l.opts.withDefaults()
	return l.readBatches(img, p)
}

// TestVersions: an intact header or batch of another version is refused, and not as damage.
func TestVersions(t *testing.T) {
	header := appendSegmentHeader(nil, segmentHeader{segment: 1, oldest: 1})
	header[12] = 2
	binary.LittleEndian.PutUint32(header[8:], crc32.Checksum(header[12:], castagnoli))
	if _, err := parseSegmentHeader(header, 1); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
	b := finishBatch(beginBatch(nil), 1, 0, 1, 0)
	b[12] = 2
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	if _, err := parseBatch(b, 0, 1); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
	l := &Log{opts: Options{}}
	l.opts, _ = l.opts.withDefaults()
	if err := l.damaged("x", 0, ErrVersion); errors.As(err, new(*DamagedError)) {
		t.Errorf("got %v, want no DamagedError", err)
	}
}

// TestReplayOrder: moved records fill gaps and change nothing else, in whatever order segments left them.
func TestReplayOrder(t *testing.T) {
	key := ReplicaKey{Shard: 1, Replica: 1}
	put := func(first, last, term uint64, flags byte) []byte {
		b := appendEntriesHead(nil, flags, key, katakv.Index(first), int(last-first+1))
		for i := first; i <= last; i++ {
			b = appendEntry(b, &raftpb.Entry{Term: &term})
		}
		return b
	}
	hs := func(term uint64, flags byte) []byte { return appendHardState(nil, flags, key, hardState{term: term}) }
	mark := func(index uint64, flags byte) []byte {
		return appendSnapshot(nil, flags, key, SnapshotMark{Index: katakv.Index(index), Term: 1})
	}
	cases := []struct {
		name        string
		records     [][]byte
		first, last uint64
		terms       []uint64
		hardState   uint64
		mark        uint64
	}{
		{"in order", [][]byte{put(1, 3, 1, 0), put(4, 5, 2, 0)}, 1, 5, []uint64{1, 1, 1, 2, 2}, 0, 0},
		{"a gap is filled from below", [][]byte{put(4, 5, 2, 0), put(1, 3, 1, kindMoved)}, 1, 5, []uint64{1, 1, 1, 2, 2}, 0, 0},
		{"copy and original", [][]byte{put(1, 3, 1, 0), put(4, 4, 2, 0), put(1, 3, 1, kindMoved)}, 1, 4, []uint64{1, 1, 1, 2}, 0, 0},
		{"a copy never truncates", [][]byte{put(2, 5, 2, 0), put(1, 2, 1, kindMoved)}, 1, 5, []uint64{1, 2, 2, 2, 2}, 0, 0},
		{
			"truncation in between",
			[][]byte{put(4, 6, 2, 0), put(5, 5, 3, 0), put(3, 3, 1, kindMoved), put(6, 6, 4, 0)},
			3, 6,
			[]uint64{1, 2, 3, 4},
			0, 0,
		},
		{"a copy is truncated later", [][]byte{put(1, 4, 1, kindMoved), put(2, 2, 5, 0)}, 1, 2, []uint64{1, 5}, 0, 0},
		{"copies in pieces", [][]byte{put(7, 7, 3, 0), put(3, 4, 1, kindMoved), put(5, 6, 2, kindMoved)}, 3, 7, []uint64{1, 1, 2, 2, 3}, 0, 0},
		{"copies out of order", [][]byte{put(5, 6, 2, kindMoved), put(3, 4, 1, kindMoved), put(7, 7, 3, 0)}, 3, 7, []uint64{1, 1, 2, 2, 3}, 0, 0},
		{"only the run at the end counts", [][]byte{put(1, 2, 1, kindMoved), put(8, 9, 2, 0)}, 8, 9, []uint64{2, 2}, 0, 0},
		{"a moved hard state fills", [][]byte{hs(3, kindMoved)}, 0, 0, nil, 3, 0},
		{"a moved hard state never replaces", [][]byte{hs(4, 0), hs(3, kindMoved)}, 0, 0, nil, 4, 0},
		{"a hard state replaces a moved one", [][]byte{hs(3, kindMoved), hs(4, 0)}, 0, 0, nil, 4, 0},
		{"a moved mark drops nothing above it", [][]byte{put(6, 7, 2, 0), mark(5, kindMoved)}, 6, 7, []uint64{2, 2}, 0, 5},
		{"a moved mark never replaces", [][]byte{mark(9, 0), mark(5, kindMoved)}, 0, 0, nil, 0, 9},
		{"a mark drops what is above it too", [][]byte{put(1, 9, 1, 0), mark(5, 0)}, 0, 0, nil, 0, 5},
	}
	for _, c := range cases {
		p := newReplay()
		for i, rec := range c.records {
			if err := p.batch(uint64(i+1), batch{records: rec, oldest: 1}); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		r := p.replicas[key]
		got := r.lastRun()
		var terms []uint64
		for i, e := range got.entries {
			if terms = append(terms, e.entry.GetTerm()); e.entry.GetIndex() != uint64(got.first)+uint64(i) {
				t.Errorf("%s: got index %d at %d", c.name, e.entry.GetIndex(), i)
			}
		}
		if len(c.terms) > 0 && (uint64(got.first) != c.first || uint64(got.end()-1) != c.last) || !slices.Equal(terms, c.terms) {
			t.Errorf("%s: got %v from %d, want %v from %d", c.name, terms, got.first, c.terms, c.first)
		}
		if r.hardState.term != c.hardState || uint64(r.mark.Index) != c.mark {
			t.Errorf("%s: got term %d mark %d, want %d %d", c.name, r.hardState.term, r.mark.Index, c.hardState, c.mark)
		}
	}
}

package kv

import (
	"bytes"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv/internal/slot"
)

func metas() []Meta {
	return []Meta{
		{},
		{Replica: 1 << 60, Applied: 7, AppliedTerm: 3, Clock: -1, Slots: &slot.Range{First: 0, Last: 16383}},
		{Replica: 4, ConfState: &raftpb.ConfState{}},
		{Remembered: 1 << 40, SweepAt: 1 << 41, SweepSlot: 16384},
		{Slots: &slot.Range{First: 5, Last: 5}, ConfState: &raftpb.ConfState{
			Voters: []uint64{3, 1 << 40, 1}, Learners: []uint64{9}, VotersOutgoing: []uint64{1, 2},
			LearnersNext: []uint64{2}, AutoLeave: new(true),
		}},
	}
}

func TestMetaRoundTrip(t *testing.T) {
	for i, m := range metas() {
		data := encodeMeta(&m)
		got, err := decodeMeta(data)
		if err != nil || !bytes.Equal(encodeMeta(&got), data) {
			t.Fatalf("meta %d: got %+v, %v; want %+v", i, got, err, m)
		}
		if got.Replica != m.Replica || got.Clock != m.Clock || (got.Slots == nil) != (m.Slots == nil) ||
			(got.ConfState == nil) != (m.ConfState == nil) || got.ConfState.GetAutoLeave() != m.ConfState.GetAutoLeave() ||
			len(got.ConfState.GetVoters()) != len(m.ConfState.GetVoters()) {
			t.Fatalf("meta %d: got %+v; want %+v", i, got, m)
		}
		for n := range data {
			if _, err := decodeMeta(data[:n]); err == nil {
				t.Fatalf("meta %d cut to %d of %d bytes: no error", i, n, len(data))
			}
		}
		if _, err := decodeMeta(append(data, 0)); err == nil {
			t.Fatalf("meta %d with a byte too many: no error", i)
		}
	}
}

func TestRecordRefuses(t *testing.T) {
	good := make([]byte, recordHeaderBytes)
	putRecordHeader(good, 77)
	if r, err := decodeRecord(append(good, "payload"...)); err != nil || r.revision != 77 || string(r.payload) != "payload" {
		t.Fatalf("got %+v, %v", r, err)
	}
	for i, bad := range []byte{0x21, 0x80} { // another version, then a flag
		data := bytes.Clone(good)
		data[i] = bad
		if _, err := decodeRecord(data); err == nil {
			t.Errorf("byte %d is %#x: no error", i, bad)
		}
	}
	if _, err := decodeRecord(good[:recordHeaderBytes-1]); err == nil {
		t.Error("a record without its header: no error")
	}
}

func FuzzDecodeMeta(f *testing.F) {
	for _, m := range metas() {
		f.Add(encodeMeta(&m))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMeta(data)
		if err != nil {
			return
		}
		again, err := decodeMeta(encodeMeta(&m))
		if err != nil || !bytes.Equal(encodeMeta(&again), encodeMeta(&m)) {
			t.Fatalf("got %+v, %v; want %+v", again, err, m)
		}
	})
}

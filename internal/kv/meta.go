package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/slot"
)

// Meta is what a replica remembers of itself beside its data. It is written with every batch.
//
//	+---------+---------+---------+------+-------+-------+-------+------+------------+----------+------------+---------------+
//	| version | replica | applied | term | clock | flags | first | last | remembered | sweep at | sweep slot | configuration |
//	| 1 B     | u64     | u64     | u64  | u64   | 1 B   | u16   | u16  | u64        | u64      | u16        | see below     |
//	+---------+---------+---------+------+-------+-------+-------+------+------------+----------+------------+---------------+
//
// Version 1 has no fields for remembered requests. Numbers are big endian. Flag 1: there are slots, first to last; flag 2: there is a configuration, which is
// four lists of replica ids (voters, learners, outgoing voters, next learners), each a uvarint count and then
// uvarints, ascending, and a byte that is 1 when the joint configuration is left by itself.
type Meta struct {
	Replica     katakv.ReplicaID
	Applied     katakv.Index
	AppliedTerm katakv.Term
	// ConfState is replaced, never changed in place.
	ConfState *raftpb.ConfState
	// Slots is nil for the meta shard.
	Slots *slot.Range
	// Clock is the shard's hybrid clock in milliseconds since 1970; zero: it was never set. It never goes back, and only
	// the stamps of entries move it.
	Clock int64
	// Remembered is how many bytes the remembered requests take, and so zero when there are none.
	Remembered int64
	// SweepAt is the clock from which the next entry looks for requests to forget, and SweepSlot the slot where it does:
	// before the shard's first one, it begins there.
	SweepAt   int64
	SweepSlot katakv.Slot
}

const (
	metaVersion        = 2
	oldMetaVersion     = 1
	metaHeaderBytes    = 56
	oldMetaHeaderBytes = 38
	metaHasSlots       = 1
	metaHasConf        = 2

	// maxConfMembers bounds each list of a configuration that is read: far above any real one.
	maxConfMembers = 1024
)

// ShardMeta is the Meta of one shard's replica.
type ShardMeta struct {
	Shard katakv.ShardID
	Meta
}

// putMetaHeader fills the fixed part of m's encoded form.
func putMetaHeader(dst []byte, m *Meta) {
	dst[0] = metaVersion
	binary.BigEndian.PutUint64(dst[1:], uint64(m.Replica))
	binary.BigEndian.PutUint64(dst[9:], uint64(m.Applied))
	binary.BigEndian.PutUint64(dst[17:], uint64(m.AppliedTerm))
	binary.BigEndian.PutUint64(dst[25:], uint64(m.Clock))
	clear(dst[33:metaHeaderBytes])
	if m.Slots != nil {
		dst[33] |= metaHasSlots
		binary.BigEndian.PutUint16(dst[34:], uint16(m.Slots.First))
		binary.BigEndian.PutUint16(dst[36:], uint16(m.Slots.Last))
	}
	binary.BigEndian.PutUint64(dst[38:], uint64(m.Remembered))
	binary.BigEndian.PutUint64(dst[46:], uint64(m.SweepAt))
	binary.BigEndian.PutUint16(dst[54:], uint16(m.SweepSlot))
	if m.ConfState != nil {
		dst[33] |= metaHasConf
	}
}

func appendConf(dst []byte, cs *raftpb.ConfState) []byte {
	if cs == nil {
		return dst
	}
	for _, ids := range [][]uint64{cs.GetVoters(), cs.GetLearners(), cs.GetVotersOutgoing(), cs.GetLearnersNext()} {
		dst = binary.AppendUvarint(dst, uint64(len(ids)))
		for _, id := range slices.Sorted(slices.Values(ids)) {
			dst = binary.AppendUvarint(dst, id)
		}
	}
	if cs.GetAutoLeave() {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func encodeMeta(m *Meta) []byte {
	data := make([]byte, metaHeaderBytes, metaHeaderBytes+32)
	putMetaHeader(data, m)
	return appendConf(data, m.ConfState)
}

func decodeMeta(data []byte) (Meta, error) {
	if len(data) == 0 {
		return Meta{}, errors.New("meta record of 0 bytes")
	}
	header := metaHeaderBytes
	switch data[0] {
	case metaVersion:
	case oldMetaVersion:
		header = oldMetaHeaderBytes
	default:
		return Meta{}, fmt.Errorf("meta record of version %d, want %d: a newer version wrote it", data[0], metaVersion)
	}
	if len(data) < header {
		return Meta{}, fmt.Errorf("meta record of %d bytes, shorter than its header", len(data))
	}
	m := Meta{
		Replica:     katakv.ReplicaID(binary.BigEndian.Uint64(data[1:])),
		Applied:     katakv.Index(binary.BigEndian.Uint64(data[9:])),
		AppliedTerm: katakv.Term(binary.BigEndian.Uint64(data[17:])),
		Clock:       int64(binary.BigEndian.Uint64(data[25:])),
	}
	flags := data[33]
	if flags&^(metaHasSlots|metaHasConf) != 0 {
		return Meta{}, fmt.Errorf("meta record with flags %#x", flags)
	}
	if flags&metaHasSlots != 0 {
		m.Slots = &slot.Range{
			First: katakv.Slot(binary.BigEndian.Uint16(data[34:])),
			Last:  katakv.Slot(binary.BigEndian.Uint16(data[36:])),
		}
		if !m.Slots.Valid() {
			return Meta{}, fmt.Errorf("meta record with slots %v", *m.Slots)
		}
	}
	if data[0] == metaVersion {
		m.Remembered = int64(binary.BigEndian.Uint64(data[38:]))
		m.SweepAt = int64(binary.BigEndian.Uint64(data[46:]))
		m.SweepSlot = katakv.Slot(binary.BigEndian.Uint16(data[54:]))
	}
	rest := data[header:]
	if flags&metaHasConf != 0 {
		var err error
		if m.ConfState, rest, err = decodeConf(rest); err != nil {
			return Meta{}, err
		}
	}
	if len(rest) != 0 {
		return Meta{}, fmt.Errorf("meta record with %d bytes too many", len(rest))
	}
	return m, nil
}

func decodeConf(data []byte) (*raftpb.ConfState, []byte, error) {
	cs := &raftpb.ConfState{}
	for _, ids := range []*[]uint64{&cs.Voters, &cs.Learners, &cs.VotersOutgoing, &cs.LearnersNext} {
		count, size := binary.Uvarint(data)
		if size <= 0 || count > maxConfMembers {
			return nil, nil, fmt.Errorf("meta record with a configuration that is cut short or too large")
		}
		data = data[size:]
		for range count {
			id, size := binary.Uvarint(data)
			if size <= 0 {
				return nil, nil, fmt.Errorf("meta record with a configuration that is cut short")
			}
			*ids = append(*ids, id)
			data = data[size:]
		}
	}
	if len(data) == 0 || data[0] > 1 {
		return nil, nil, fmt.Errorf("meta record with a configuration that does not end")
	}
	if data[0] == 1 {
		cs.AutoLeave = new(true)
	}
	return cs, data[1:], nil
}

// ListMetas returns the Meta of every replica in the engine, by ascending shard.
func ListMetas(r engine.Reader) ([]ShardMeta, error) {
	var metas []ShardMeta
	var failed error
	all := engine.Span{Start: []byte{prefixMeta}, End: []byte{prefixMeta + 1}}
	err := r.Scan(all, func(key, value []byte) bool {
		if len(key) != metaKeyBytes || key[9] != subMeta {
			return true
		}
		shard := katakv.ShardID(binary.BigEndian.Uint64(key[1:]))
		meta, err := decodeMeta(value)
		if err != nil {
			failed = fmt.Errorf("%v: %w", shard, err)
			return false
		}
		metas = append(metas, ShardMeta{Shard: shard, Meta: meta})
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, fmt.Errorf("list replicas: %w", err)
	}
	return metas, nil
}

// ListDurableMetas returns what ListMetas would after a crash at this moment: what a log may forget rests on it.
func ListDurableMetas(e engine.Engine) ([]ShardMeta, error) {
	view, err := e.Durable()
	if err != nil {
		return nil, fmt.Errorf("view durable state: %w", err)
	}
	metas, err := ListMetas(view)
	return metas, errors.Join(err, view.Close())
}

// ReadMeta returns the Meta of shard's replica, or engine.ErrNotFound, wrapped, when there is none.
func ReadMeta(r engine.Reader, shard katakv.ShardID) (Meta, error) {
	data, err := r.Get(metaKey(shard, subMeta))
	if err != nil {
		return Meta{}, fmt.Errorf("read meta record of %v: %w", shard, err)
	}
	m, err := decodeMeta(data)
	if err != nil {
		return Meta{}, fmt.Errorf("%v: %w", shard, err)
	}
	return m, nil
}

// WriteMeta adds shard's Meta to b: for a replica that is being made. Afterwards the Writer keeps it.
func WriteMeta(b engine.Batch, shard katakv.ShardID, m *Meta) {
	b.Set(metaKey(shard, subMeta), encodeMeta(m))
}

// ReadMap returns the encoded cluster map of the meta shard, or engine.ErrNotFound, wrapped, when there is
// none here.
func ReadMap(r engine.Reader) ([]byte, error) {
	data, err := r.Get(metaKey(katakv.MetaShard, subMap))
	if err != nil {
		return nil, fmt.Errorf("read cluster map: %w", err)
	}
	return data, nil
}

// NewestMap returns the map that a node starts with: cached, or the meta shard's own copy where that is here and newer.
func NewestMap(r engine.Reader, cached *placement.Map) *placement.Map {
	encoded, err := ReadMap(r)
	if err != nil {
		return cached
	}
	if own, err := placement.Decode(encoded); err == nil && own.Epoch > cached.Epoch {
		return own
	}
	return cached
}

// WriteMap adds an encoded cluster map to b. It is how the first map gets there; later ones come by entries.
func WriteMap(b engine.Batch, encoded []byte) {
	b.Set(metaKey(katakv.MetaShard, subMap), encoded)
}

package kv

import (
	"encoding/binary"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/slot"
)

// The key space of an engine. The first byte says what a key holds; everything of a slot lies together under
// it, so a shard is a few spans and a split moves no bytes. Numbers are big endian, so that they sort.
//
//	'd' slot(u16) request id      a remembered request
//	'e' slot(u16) until request id  when to forget it
//	'k' slot(u16) key             a record
//	'm' shard(u64) 0              the replica's Meta
//	'm' shard(u64) 1              the cluster map, in the meta shard only
//	't' slot(u16) ...             transaction locks and decisions (reserved)
//	'x' slot(u16) expireAt key    expiry index (reserved)
const (
	prefixRequest     = 'd'
	prefixForget      = 'e'
	prefixRecord      = 'k'
	prefixMeta        = 'm'
	prefixTransaction = 't'
	prefixExpiry      = 'x'

	subMeta = 0
	subMap  = 1

	slotKeyBytes = 3  // a prefix and a slot
	metaKeyBytes = 10 // a prefix, a shard and a sub byte
)

// appendRecordKey appends the engine's key for a client's key.
func appendRecordKey(dst, key []byte) []byte {
	s := slot.Of(key)
	dst = append(dst, prefixRecord, byte(s>>8), byte(s))
	return append(dst, key...)
}

// splitRecordKey returns the slot and the client's key of an engine key.
func splitRecordKey(key []byte) (katakv.Slot, []byte) {
	return katakv.Slot(binary.BigEndian.Uint16(key[1:])), key[slotKeyBytes:]
}

// putRecordKey fills dst, of slotKeyBytes+len(key) bytes, likewise.
func putRecordKey(dst, key []byte) {
	dst[0] = prefixRecord
	binary.BigEndian.PutUint16(dst[1:], uint16(slot.Of(key)))
	copy(dst[slotKeyBytes:], key)
}

func metaKey(shard katakv.ShardID, sub byte) []byte {
	key := make([]byte, metaKeyBytes)
	putMetaKey(key, shard, sub)
	return key
}

func putMetaKey(dst []byte, shard katakv.ShardID, sub byte) {
	dst[0] = prefixMeta
	binary.BigEndian.PutUint64(dst[1:], uint64(shard))
	dst[9] = sub
}

// slotSpan is the span of the slots of r under prefix. Slots end below 16384, so Last+1 never overflows.
func slotSpan(prefix byte, r slot.Range) engine.Span {
	start := binary.BigEndian.AppendUint16([]byte{prefix}, uint16(r.First))
	end := binary.BigEndian.AppendUint16([]byte{prefix}, uint16(r.Last)+1)
	return engine.Span{Start: start, End: end}
}

func metaSpan(shard katakv.ShardID) engine.Span {
	return engine.Span{Start: metaKey(shard, 0), End: append(metaKey(shard, 0xff), 0)}
}

// spans returns everything that belongs to a replica of shard, ascending; slots is nil for the meta shard.
func spans(shard katakv.ShardID, slots *slot.Range) []engine.Span {
	if slots == nil {
		return []engine.Span{metaSpan(shard)}
	}
	return []engine.Span{
		slotSpan(prefixRequest, *slots),
		slotSpan(prefixForget, *slots),
		slotSpan(prefixRecord, *slots),
		metaSpan(shard),
		slotSpan(prefixTransaction, *slots),
		slotSpan(prefixExpiry, *slots),
	}
}

// DeleteShard adds to b the deletion of everything that a replica of shard holds, its Meta included. slots is
// nil for the meta shard.
func DeleteShard(b engine.Batch, shard katakv.ShardID, slots *slot.Range) {
	for _, span := range spans(shard, slots) {
		b.DeleteRange(span)
	}
}

package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
)

// A remembered request is the value under a 'd' key:
//
//	+---------+---------------+--------------+-------+-------------+--------------+
//	| version | until ms, u64 | made ms, u64 | index | fingerprint | reply        |
//	| 1 B     | 8 B           | 8 B          | 8 B   | 8 B         | see command  |
//	+---------+---------------+--------------+-------+-------------+--------------+
//
// Numbers are big endian. The times are the shard's clock: the request was executed at made, by the entry at index, and
// is remembered while the clock shows less than until. The fingerprint is a CRC-64 of what was asked for.
//
// An 'e' key says when to forget it: slot, until, request id. Its value is a uvarint, the bytes that both keys and the
// remembered request take, which are part of Meta.Remembered.
const (
	requestVersion     = 1
	requestHeaderBytes = 33
	forgetKeyBytes     = slotKeyBytes + 8 // without the id
)

// request is a decoded remembered request.
type request struct {
	until, made int64
	index       katakv.Index
	fingerprint uint64
	reply       command.Reply // aliases the encoded form
}

func appendRequestKey(dst []byte, s katakv.Slot, id []byte) []byte {
	dst = append(dst, prefixRequest, byte(s>>8), byte(s))
	return append(dst, id...)
}

func appendForgetKey(dst []byte, s katakv.Slot, until int64, id []byte) []byte {
	dst = append(dst, prefixForget, byte(s>>8), byte(s))
	dst = binary.BigEndian.AppendUint64(dst, uint64(until))
	return append(dst, id...)
}

// splitForgetKey takes an 'e' key apart. The id aliases it.
func splitForgetKey(key []byte) (s katakv.Slot, until int64, id []byte, err error) {
	if len(key) <= forgetKeyBytes || len(key) > forgetKeyBytes+katakv.MaxRequestIDBytes {
		return 0, 0, nil, fmt.Errorf("key %x is not one of a request to forget", key)
	}
	s = katakv.Slot(binary.BigEndian.Uint16(key[1:]))
	return s, int64(binary.BigEndian.Uint64(key[slotKeyBytes:])), key[forgetKeyBytes:], nil
}

func decodeCost(value []byte) (int64, error) {
	n, size := binary.Uvarint(value)
	if size <= 0 || size != len(value) || n > katakv.MaxRememberedBytes {
		return 0, fmt.Errorf("size of a remembered request: %x", value)
	}
	return int64(n), nil
}

func encodeRequest(r *request) []byte {
	data := make([]byte, requestHeaderBytes, requestHeaderBytes+16)
	data[0] = requestVersion
	binary.BigEndian.PutUint64(data[1:], uint64(r.until))
	binary.BigEndian.PutUint64(data[9:], uint64(r.made))
	binary.BigEndian.PutUint64(data[17:], uint64(r.index))
	binary.BigEndian.PutUint64(data[25:], r.fingerprint)
	return command.AppendReply(data, &r.reply)
}

func decodeRequest(data []byte) (request, error) {
	if len(data) < requestHeaderBytes {
		return request{}, fmt.Errorf("remembered request of %d bytes, shorter than its header", len(data))
	}
	if data[0] != requestVersion {
		return request{}, fmt.Errorf("remembered request of version %d: a newer version wrote it", data[0])
	}
	r := request{
		until:       int64(binary.BigEndian.Uint64(data[1:])),
		made:        int64(binary.BigEndian.Uint64(data[9:])),
		index:       katakv.Index(binary.BigEndian.Uint64(data[17:])),
		fingerprint: binary.BigEndian.Uint64(data[25:]),
	}
	var rest []byte
	var err error
	if r.reply, rest, err = command.DecodeReply(data[requestHeaderBytes:]); err != nil {
		return request{}, fmt.Errorf("reply of a remembered request: %w", err)
	}
	if len(rest) != 0 {
		return request{}, fmt.Errorf("remembered request with %d bytes too many", len(rest))
	}
	return r, nil
}

// lookupRequest returns the request that is remembered under an engine key, whether or not its time is over.
func (x *execution) lookupRequest(key []byte) (r request, found bool, err error) {
	data := []byte(nil)
	if c, ok := x.w.overlay[string(key)]; ok {
		if !c.present {
			return request{}, false, nil
		}
		data = c.value
	} else if data, err = x.w.engine.Get(key); errors.Is(err, engine.ErrNotFound) {
		return request{}, false, nil
	}
	if err == nil {
		r, err = decodeRequest(data)
	}
	if err != nil {
		return request{}, false, fmt.Errorf("read request %x: %w", key, err)
	}
	return r, true, nil
}

// fingerprint tells operations apart that ask for different things. What a setting adds to an operation is left out, so
// that a request stays the same when the setting changes between its attempts.
func fingerprint(op *command.Operation) uint64 {
	var room [64]byte
	b := append(room[:0], byte(op.Kind), byte(op.Flags))
	if op.Kind != command.KindAppend {
		b = binary.AppendVarint(b, op.Delta)
	}
	b = binary.AppendUvarint(b, uint64(len(op.Keys)))
	sum := crc64.Update(0, crcTable, b)
	for _, list := range [][][]byte{op.Keys, op.Values} {
		for _, item := range list {
			sum = crc64.Update(sum, crcTable, binary.AppendUvarint(room[:0], uint64(len(item))))
			sum = crc64.Update(sum, crcTable, item)
		}
	}
	return sum
}

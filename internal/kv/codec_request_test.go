package kv

import (
	"bytes"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// A meta record of version 1 is one without remembered requests.
func TestMetaOfVersion1(t *testing.T) {
	for i, m := range metas() {
		m.Remembered, m.SweepAt, m.SweepSlot = 0, 0, 0
		data := encodeMeta(&m)
		old := append([]byte{oldMetaVersion}, data[1:oldMetaHeaderBytes]...)
		old = append(old, data[metaHeaderBytes:]...)
		got, err := decodeMeta(old)
		if err != nil || !bytes.Equal(encodeMeta(&got), data) {
			t.Errorf("meta %d: got %+v, %v; want %+v", i, got, err, m)
		}
	}
}

func requests() []request {
	return []request{
		{},
		{until: 1 << 41, made: 1 << 40, index: 7, fingerprint: 1 << 63, reply: command.IntReply(-5)},
		{until: 2, reply: command.BulkReply([]byte("old"))},
		{until: 3, reply: command.ErrorReply(&katakv.Error{Code: katakv.CodeInvalid, Message: "value is not an integer"})},
	}
}

func TestRequestRoundTrip(t *testing.T) {
	for i, r := range requests() {
		data := encodeRequest(&r)
		got, err := decodeRequest(data)
		if err != nil || !bytes.Equal(encodeRequest(&got), data) || got.until != r.until || got.made != r.made ||
			got.index != r.index || got.fingerprint != r.fingerprint || got.reply.Kind != r.reply.Kind {
			t.Errorf("request %d: got %+v, %v; want %+v", i, got, err, r)
		}
		for n := range data {
			if _, err := decodeRequest(data[:n]); err == nil {
				t.Errorf("request %d cut to %d of %d bytes: no error", i, n, len(data))
			}
		}
		if _, err := decodeRequest(append(data, 0)); err == nil {
			t.Errorf("request %d with a byte too many: no error", i)
		}
	}
	if _, err := decodeRequest(append([]byte{9}, encodeRequest(&request{})[1:]...)); err == nil {
		t.Error("a request of another version: no error")
	}
}

func TestForgetKey(t *testing.T) {
	key := appendForgetKey(nil, 16383, 1<<41, []byte("id"))
	if s, until, id, err := splitForgetKey(key); err != nil || s != 16383 || until != 1<<41 || string(id) != "id" {
		t.Errorf("got %d, %d, %q, %v", s, until, id, err)
	}
	for _, bad := range [][]byte{nil, key[:forgetKeyBytes], append(key, make([]byte, katakv.MaxRequestIDBytes)...)} {
		if _, _, _, err := splitForgetKey(bad); err == nil {
			t.Errorf("%d bytes: no error", len(bad))
		}
	}
	for _, bad := range [][]byte{nil, {0x80}, {1, 1}, bytes.Repeat([]byte{0xff}, 9)} {
		if _, err := decodeCost(bad); err == nil {
			t.Errorf("cost %x: no error", bad)
		}
	}
}

// What differs in anything that a client says has another fingerprint.
func TestFingerprint(t *testing.T) {
	list := func(items ...string) (out [][]byte) {
		for _, item := range items {
			out = append(out, []byte(item))
		}
		return out
	}
	seen := map[uint64]int{}
	for i, op := range []command.Operation{
		{Kind: command.KindSet, Keys: list("k"), Values: list("v")},
		{Kind: command.KindSet, Flags: command.FlagGet, Keys: list("k"), Values: list("v")},
		{Kind: command.KindSetNX, Keys: list("k"), Values: list("v")},
		{Kind: command.KindSet, Keys: list("kv"), Values: list("")},
		{Kind: command.KindIncrBy, Delta: 1, Keys: list("k")},
		{Kind: command.KindIncrBy, Delta: -1, Keys: list("k")},
		{Kind: command.KindDel, Keys: list("k")},
		{Kind: command.KindDel, Keys: list("k", "v")},
		{Kind: command.KindDel, Keys: list("v", "k")},
		{Kind: command.KindMSet, Keys: list("k"), Values: list("v")},
	} {
		sum := fingerprint(&op)
		if before, ok := seen[sum]; ok {
			t.Errorf("operations %d and %d have one fingerprint", before, i)
		}
		seen[sum] = i
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, r := range requests() {
		f.Add(encodeRequest(&r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRequest(data)
		if err != nil {
			return
		}
		again, err := decodeRequest(encodeRequest(&r))
		if err != nil || !bytes.Equal(encodeRequest(&again), encodeRequest(&r)) {
			t.Fatalf("got %+v, %v; want %+v", again, err, r)
		}
	})
}

package wire_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/wire"
)

// readFrames takes frames apart as a receiver does.
func readFrames(t testing.TB, data []byte) []wire.Message {
	t.Helper()
	var found []wire.Message
	for len(data) > 0 {
		header, err := wire.ParseFrameHeader([wire.FrameHeaderBytes]byte(data), wire.MaxPayloadBytes)
		if err != nil {
			t.Fatalf("ParseFrameHeader: %v", err)
		}
		data = data[wire.FrameHeaderBytes:]
		payload := data[:header.Length]
		data = data[header.Length:]
		if err := header.Check(payload); err != nil {
			t.Fatalf("Check: %v", err)
		}
		m, err := wire.Decode(payload)
		if err != nil {
			t.Fatalf("Decode: %v", err)
		}
		found = append(found, m)
	}
	return found
}

func TestFrames(t *testing.T) {
	want := messages(rand.New(rand.NewPCG(3, 0)))
	data := []byte{}
	for _, m := range want {
		var err error
		if data, err = wire.AppendFrames(data, m); err != nil {
			t.Fatalf("AppendFrames(%T): %v", m, err)
		}
	}
	got := readFrames(t, data)
	if len(got) != len(want) {
		t.Fatalf("got %d messages, want %d", len(got), len(want))
	}
	for i := range want {
		if !equal(got[i], want[i]) {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

// entry returns an append of one entry with size bytes.
func entry(size int) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), To: proto.Uint64(2), From: proto.Uint64(1), Term: proto.Uint64(3),
		LogTerm: proto.Uint64(3), Index: proto.Uint64(1000), Commit: proto.Uint64(999),
		Entries: []*raftpb.Entry{{
			Term: proto.Uint64(3), Index: proto.Uint64(1001), Type: raftpb.EntryNormal.Enum(), Data: make([]byte, size),
		}},
	}
}

func TestLargeBatchTakesSeveralFrames(t *testing.T) {
	batch := &wire.RaftBatch{}
	for shard := range 60 {
		batch.Items = append(batch.Items, wire.RaftItem{Shard: katakv.ShardID(shard), Message: entry(3 << 20)})
	}
	data, err := wire.AppendFrames(nil, batch)
	if err != nil {
		t.Fatalf("AppendFrames: %v", err)
	}
	next := katakv.ShardID(0)
	parts := readFrames(t, data)
	for _, part := range parts {
		for _, item := range part.(*wire.RaftBatch).Items {
			if item.Shard != next || len(item.Message.Entries[0].Data) != 3<<20 {
				t.Fatalf("got shard %v, want %v", item.Shard, next)
			}
			next++
		}
	}
	if next != 60 || len(parts) != 60 {
		t.Errorf("got %d messages in %d frames, want 60 in 60", next, len(parts))
	}
}

func TestLargestEntryFits(t *testing.T) {
	batch := &wire.RaftBatch{Items: []wire.RaftItem{
		{Message: entry(1<<20 - 200)}, {Message: entry(katakv.MaxCommandBytes)},
	}}
	if _, err := wire.AppendFrames(nil, batch); err != nil {
		t.Errorf("AppendFrames: %v", err)
	}
}

func TestTooLargeIsRefusedWhole(t *testing.T) {
	for _, m := range []wire.Message{
		&wire.RaftBatch{Items: []wire.RaftItem{{Message: entry(1)}, {Message: entry(2 << 20)}, {Message: entry(wire.MaxPayloadBytes)}}},
		&wire.SnapshotChunk{Data: make([]byte, wire.MaxPayloadBytes)},
		&wire.Forward{Operations: make([]command.Operation, wire.MaxForwardOperations+1)},
		&wire.ForwardReply{Replies: make([]command.Reply, wire.MaxForwardOperations+1)},
		&wire.MapReply{Map: make([]byte, placement.MaxMapBytes+1)},
	} {
		got, err := wire.AppendFrames([]byte("before"), m)
		if !errors.Is(err, wire.ErrTooLarge) || string(got) != "before" {
			t.Errorf("%T: got %d bytes, %v", m, len(got), err)
		}
	}
}

func TestFrameHeaderRefuses(t *testing.T) {
	for _, text := range []string{"\x00\x00\x00\x00\x00\x00\x00\x00", "GET / HT", "*1\r\n$4\r\n"} {
		if h, err := wire.ParseFrameHeader([8]byte([]byte(text)), wire.MaxPayloadBytes); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%q: got %+v, %v", text, h, err)
		}
	}
	frame, err := wire.AppendFrames(nil, &wire.MapRequest{Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	header, err := wire.ParseFrameHeader([8]byte(frame), wire.MaxPayloadBytes)
	if err != nil {
		t.Fatal(err)
	}
	for i := wire.FrameHeaderBytes; i < len(frame); i++ {
		bad := bytes.Clone(frame)
		bad[i] ^= 1
		if header.Check(bad[wire.FrameHeaderBytes:]) == nil {
			t.Errorf("a flipped bit in byte %d passes", i)
		}
	}
}

func batchOf64() *wire.RaftBatch {
	batch := &wire.RaftBatch{}
	for shard := range 64 {
		batch.Items = append(batch.Items, wire.RaftItem{Shard: katakv.ShardID(shard), Message: entry(160)})
	}
	return batch
}

func BenchmarkAppendFrames(b *testing.B) {
	batch, dst := batchOf64(), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = wire.AppendFrames(dst[:0], batch)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkDecode(b *testing.B) {
	payload := wire.Append(nil, batchOf64())
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Decode(payload); err != nil {
			b.Fatal(err)
		}
	}
}

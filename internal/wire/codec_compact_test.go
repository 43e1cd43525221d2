package wire_test

import (
	"math/rand/v2"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/katakv/katakv/internal/wire"
)

// drawFrequent draws a message of a type that writes cause, with any of its fields present or not, zero or not.
func drawFrequent(rng *rand.Rand) *raftpb.Message {
	number := func() *uint64 {
		switch rng.IntN(4) {
		case 0:
			return nil
		case 1:
			return new(uint64)
		default:
			return new(rng.Uint64() >> rng.IntN(64))
		}
	}
	types := []raftpb.MessageType{raftpb.MsgApp, raftpb.MsgAppResp, raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp}
	m := &raftpb.Message{
		Type: types[rng.IntN(len(types))].Enum(),
		To:   number(), From: number(), Term: number(), LogTerm: number(), Index: number(), Commit: number(), RejectHint: number(),
	}
	if rng.IntN(3) == 0 {
		m.Vote = number()
	}
	if rng.IntN(2) == 0 {
		m.Reject = new(rng.IntN(2) == 0)
	}
	if rng.IntN(3) == 0 {
		m.Context = drawBytes(rng)
	}
	for range rng.IntN(5) {
		e := &raftpb.Entry{Term: number(), Index: number(), Data: drawBytes(rng)}
		if rng.IntN(4) == 0 {
			e.Data = nil
		}
		if rng.IntN(2) == 0 {
			e.Type = raftpb.EntryType(rng.IntN(3)).Enum()
		}
		m.Entries = append(m.Entries, e)
	}
	return m
}

func TestFrequentMessagesComeBackExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		want := drawFrequent(rng)
		payload := wire.Append(nil, &wire.RaftBatch{Items: []wire.RaftItem{{Shard: 7, Message: want}, {Shard: 9, Message: want}}})
		got, err := wire.Decode(payload)
		if err != nil {
			t.Fatalf("%v: %v", want, err)
		}
		clear(payload) // nothing may share memory with the frame
		for _, item := range got.(*wire.RaftBatch).Items {
			if !proto.Equal(item.Message, want) {
				t.Fatalf("got  %v\nwant %v", item.Message, want)
			}
		}
	}
}

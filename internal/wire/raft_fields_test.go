package wire_test

import (
	"math/rand/v2"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/katakv/katakv/internal/wire"
)

// remoteTypes are the types of Raft messages that travel.
var remoteTypes = []raftpb.MessageType{
	raftpb.MsgProp, raftpb.MsgApp, raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgSnap,
	raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp, raftpb.MsgTransferLeader, raftpb.MsgTimeoutNow,
	raftpb.MsgReadIndex, raftpb.MsgReadIndexResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp,
}

// wantTravels checks that m comes back exactly.
func wantTravels(t *testing.T, m *raftpb.Message) {
	t.Helper()
	payload := wire.Append(nil, &wire.RaftBatch{Items: []wire.RaftItem{{Shard: 3, Message: m}}})
	got, err := wire.Decode(payload)
	if err != nil {
		t.Fatalf("%v: %v", m, err)
	}
	clear(payload)
	if came := got.(*wire.RaftBatch).Items[0].Message; !proto.Equal(came, m) {
		t.Fatalf("got  %v\nwant %v", came, m)
	}
}

// TestEachRaftFieldTravelsAlone sets one field at a time in a message of each type, among them Context, whose loss
// broke the reads of another store (dgraph issue 2469).
func TestEachRaftFieldTravelsAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	fields := (&raftpb.Message{}).ProtoReflect().Descriptor().Fields()
	for _, kind := range remoteTypes {
		for i := range fields.Len() {
			full := &raftpb.Message{}
			fillProto(rng, full.ProtoReflect(), 1)
			m := &raftpb.Message{}
			m.ProtoReflect().Set(fields.Get(i), full.ProtoReflect().Get(fields.Get(i)))
			m.Type = kind.Enum()
			wantTravels(t, m)
		}
	}
}

// TestAnyRaftFieldsTravel takes fields away at random, also from entries, snapshots and nested messages.
func TestAnyRaftFieldsTravel(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		m := drawRaft(rng)
		kind := m.GetType()
		thin(rng, m.ProtoReflect())
		m.Type = kind.Enum()
		wantTravels(t, m)
	}
}

// thin clears about half of the fields of m and of what it holds. The types of nested messages stay.
func thin(rng *rand.Rand, m protoreflect.Message) {
	nested := m.Descriptor().FullName() == (&raftpb.Message{}).ProtoReflect().Descriptor().FullName()
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case rng.IntN(2) == 0 && !(nested && fd.Name() == "type"):
			m.Clear(fd)
		case fd.IsList() && fd.Message() != nil:
			for i := range v.List().Len() {
				thin(rng, v.List().Get(i).Message())
			}
		case fd.Message() != nil && !fd.IsList():
			thin(rng, v.Message())
		}
		return true
	})
}

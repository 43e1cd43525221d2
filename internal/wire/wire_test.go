package wire_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/internal/wire"
)

// fillProto sets every field of m, lists and nested messages included, to drawn values.
func fillProto(rng *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.IsList() {
			list := m.Mutable(fd).List()
			for range 1 + rng.IntN(3) {
				if fd.Message() == nil {
					list.Append(drawScalar(rng, fd))
				} else if element := list.NewElement(); depth > 0 || fd.Message() != m.Descriptor() {
					fillProto(rng, element.Message(), depth-1)
					list.Append(element)
				}
			}
			continue
		}
		if fd.Message() != nil {
			fillProto(rng, m.Mutable(fd).Message(), depth)
			continue
		}
		m.Set(fd, drawScalar(rng, fd))
	}
}

func drawScalar(rng *rand.Rand, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64([]uint64{0, 1, rng.Uint64(), math.MaxUint64}[rng.IntN(4)])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rng.IntN(2) == 0)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(drawBytes(rng))
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(rng.IntN(values.Len())).Number())
	default:
		panic("raftpb has a field of a new kind: " + fd.Kind().String())
	}
}

// drawBytes returns at least one byte: an empty field is the same as none to most messages.
func drawBytes(rng *rand.Rand) []byte {
	b := make([]byte, 1+rng.IntN(40))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func drawRaft(rng *rand.Rand) *raftpb.Message {
	m := &raftpb.Message{}
	fillProto(rng, m.ProtoReflect(), 1)
	m.Type = remoteTypes[rng.IntN(len(remoteTypes))].Enum()
	return m
}

// messages returns one of each type with every field set.
func messages(rng *rand.Rand) []wire.Message {
	text := func() string { return strings.Repeat("x", 1+rng.IntN(50)) }
	number := func() uint64 { return 1 + rng.Uint64N(math.MaxUint64) }
	report := journey.Report{Dropped: rng.IntN(9), Steps: []journey.Step{
		{Kind: journey.Proposed, Role: journey.Leader, Node: katakv.NodeID(number()), Term: katakv.Term(number()), Index: katakv.Index(number())},
		{
			Kind: journey.Refused, At: time.Duration(number() >> 20), Shard: katakv.ShardID(number()), Peer: katakv.NodeID(number()),
			Code: katakv.CodeTryAgain,
		},
	}}
	failure := &katakv.Error{Code: katakv.CodeMoved, Message: text(), Slot: 99, Leader: 7}
	return []wire.Message{
		&wire.Hello{
			Version: 1, Oldest: math.MaxUint32, Cluster: katakv.ClusterID(number()), From: katakv.NodeID(number()),
			To: katakv.NodeID(number()), Boot: katakv.BootID(number()), Carries: wire.ClassBulk, Purpose: wire.PurposeAdmin, Error: text(),
		},
		&wire.RaftBatch{Control: true, Items: []wire.RaftItem{
			{Shard: katakv.ShardID(number()), Message: drawRaft(rng)},
			{Shard: 1, Message: drawRaft(rng)},
			{Shard: 2, Message: drawRaft(rng), Session: wire.Session{Boot: katakv.BootID(number()), Count: number()}},
		}},
		&wire.Forward{ID: number(), Shard: katakv.ShardID(number()), Epoch: katakv.Epoch(number()), Read: drawRead(rng), Index: katakv.Index(number()), Operations: []command.Operation{
			{Kind: command.KindSet, Flags: command.FlagNX, Delta: -1, Keys: [][]byte{drawBytes(rng)}, Values: [][]byte{drawBytes(rng)}},
			{Kind: command.KindIncrBy, Delta: math.MinInt64, Keys: [][]byte{drawBytes(rng)}, Values: [][]byte{}},
		}},
		&wire.Forward{ID: number(), Shard: 1, Journey: true, Operations: []command.Operation{{Kind: command.KindGet, Keys: [][]byte{drawBytes(rng)}, Values: [][]byte{}}}},
		&wire.ForwardReply{ID: number(), Index: 1, Replies: []command.Reply{command.OKReply()}, Journey: report},
		&wire.ForwardReply{ID: number(), Err: failure, Journey: report},
		&wire.ForwardReply{ID: number(), Index: katakv.Index(number()), Level: 1 + drawRead(rng).Level%3, Age: time.Duration(rng.Int64()) - 1, Replies: []command.Reply{
			command.OKReply(), command.IntReply(-5), command.BulkReply(drawBytes(rng)), command.ErrorReply(failure),
			{Kind: command.ReplyArray, Array: []command.Reply{{}, command.OKReply()}},
		}},
		&wire.ForwardReply{ID: number(), Index: 1, Err: failure},
		&wire.Probe{Boot: katakv.BootID(number()), Sent: time.Duration(number() >> 1)},
		&wire.ProbeAnswer{
			Session: wire.Session{Boot: katakv.BootID(number()), Count: number()}, Boot: katakv.BootID(number()),
			Sent: time.Duration(number() >> 1), Promise: time.Duration(number() >> 1),
		},
		&wire.Gossip{Epoch: katakv.Epoch(number()), Leading: []wire.Leading{{Shard: 1, Term: katakv.Term(number())}, {Shard: 5, Term: 2}}, Peer: "10.0.0.9:7100"},
		&wire.MapRequest{Epoch: katakv.Epoch(number())},
		&wire.MapReply{Map: drawBytes(rng)},
		&wire.SnapshotChunk{
			Stream: number(), Shard: katakv.ShardID(number()), From: katakv.ReplicaID(number()), To: katakv.ReplicaID(number()),
			Sequence: math.MaxUint32, Message: drawRaft(rng), Data: drawBytes(rng), Final: true,
		},
		&wire.SnapshotAck{Stream: number(), Sequence: 1 + rng.Uint32N(9), Done: true, Error: text()},
		&wire.NodeStatusRequest{},
		&wire.NodeStatus{
			Active:  true,
			Cluster: katakv.ClusterID(number()), Node: katakv.NodeID(number()), Empty: true, Zone: text(),
			Addresses: placement.Addresses{Peer: text(), Cluster: text(), Plain: text(), HTTP: text()}, Map: drawBytes(rng), Version: text(),
		},
		&wire.BootstrapRequest{Activate: true, Node: katakv.NodeID(number()), Map: drawBytes(rng)},
		&wire.BootstrapReply{Error: text()},
		&wire.AdminError{Error: text()},
	}
}

// equal compares messages; protobuf ones by their own idea of equality.
func equal(a, b wire.Message) bool {
	a, raftA := cutRaft(a)
	b, raftB := cutRaft(b)
	if len(raftA) != len(raftB) || !reflect.DeepEqual(a, b) {
		return false
	}
	for i := range raftA {
		if !proto.Equal(raftA[i], raftB[i]) {
			return false
		}
	}
	return true
}

// cutRaft takes the Raft messages out of a copy of m.
func cutRaft(m wire.Message) (wire.Message, []*raftpb.Message) {
	switch m := m.(type) {
	case *wire.RaftBatch:
		c := &wire.RaftBatch{Control: m.Control}
		var found []*raftpb.Message
		for _, item := range m.Items {
			found = append(found, item.Message)
			c.Items = append(c.Items, wire.RaftItem{Shard: item.Shard, Session: item.Session})
		}
		return c, found
	case *wire.SnapshotChunk:
		c := *m
		c.Message = nil
		return &c, []*raftpb.Message{m.Message}
	default:
		return m, nil
	}
}

func TestRoundTrip(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		for _, m := range messages(rng) {
			payload := wire.Append(nil, m)
			got, err := wire.Decode(payload)
			if err != nil {
				t.Fatalf("seed %d: Decode(%T): %v", seed, m, err)
			}
			if !equal(got, m) {
				t.Fatalf("seed %d: got %+v, want %+v", seed, got, m)
			}
			for cut := range min(len(payload), 200) {
				if short, err := wire.Decode(payload[:cut]); err == nil && equal(short, m) {
					t.Fatalf("seed %d: %T of %d bytes decodes from its first %d", seed, m, len(payload), cut)
				}
			}
			if _, ok := m.(*wire.Hello); !ok && !isOpenEnded(m) {
				if _, err := wire.Decode(append(payload, 0)); err == nil {
					t.Fatalf("seed %d: %T decodes with a byte left over", seed, m)
				}
			}
		}
	}
}

// isOpenEnded says that the message's last field takes all that remains.
func isOpenEnded(m wire.Message) bool {
	_, ok := m.(*wire.SnapshotChunk)
	return ok
}

// A field that is added to a message must be added to the tests, and so to the codec.
func TestEveryFieldIsTested(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	seen := map[string]bool{}
	for _, m := range messages(rng) {
		v := reflect.ValueOf(m).Elem()
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			seen[name] = seen[name] || !v.Field(i).IsZero()
		}
	}
	for name, set := range seen {
		if !set {
			t.Errorf("%s is zero in every test message", name)
		}
	}
}

func TestAliasesIsTrue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for _, m := range messages(rng) {
		payload := wire.Append(nil, m)
		if wire.Aliases(payload) {
			continue
		}
		got, err := wire.Decode(payload)
		if err != nil {
			t.Fatal(err)
		}
		clear(payload)
		if !equal(got, m) {
			t.Errorf("%T changes with its payload, but Aliases said no", m)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	local := &raftpb.Message{Type: raftpb.MsgHup.Enum()}
	untyped := &raftpb.Message{To: proto.Uint64(1)}
	deep := &raftpb.Message{Type: raftpb.MsgApp.Enum()}
	for range 20 {
		deep = &raftpb.Message{Type: raftpb.MsgApp.Enum(), Responses: []*raftpb.Message{deep}}
	}
	batch := func(m *raftpb.Message) []byte {
		return wire.Append(nil, &wire.RaftBatch{Items: []wire.RaftItem{{Shard: 1, Message: m}}})
	}
	// Two bytes an entry, of which decoding would make a hundred.
	entries := bytes.Repeat([]byte{7<<3 | 2, 0}, 1<<18+1)
	many := append(batch(&raftpb.Message{})[:4], byte(len(entries)), byte(len(entries)>>8), byte(len(entries)>>16), byte(len(entries)>>24))
	many = append(many, entries...)
	for _, c := range []struct {
		name, want string
		payload    []byte
	}{
		{"empty", "empty", nil},
		{"kind 0", "unknown kind 0", []byte{0}},
		{"kind 200", "unknown kind 200", []byte{200, 1, 2}},
		{"too long", "limit", make([]byte, wire.MaxPayloadBytes+1)},
		{"local raft message", "MsgHup", batch(local)},
		{"raft message without type", "MsgHup", batch(untyped)},
		{"deep nesting", "recursion", batch(deep)},
		{"entries without end", "parts", many},
		{"raft length", "with 0 bytes left", []byte{2, 0, 1, 0, 255, 255, 255, 255}},
		{"raft form", "form 9", []byte{2, 0, 1, 9}},
		{"compact type", "in compact form", []byte{2, 0, 1, 1, byte(raftpb.MsgHup), 0, 0}},
		{"compact fields", "unknown fields", []byte{2, 0, 1, 1, byte(raftpb.MsgApp), 0, 255}},
		{"compact entries", "count", []byte{2, 0, 1, 1, byte(raftpb.MsgApp), 0, 4, 255, 255, 3}},
		{"huge count", "count", []byte{3, 1, 1, 1, 0, 0, 0, 0, 255, 255, 255, 15}},
		{"behind a forward", "2 behind the operations", append(wire.Append(nil, &wire.Forward{ID: 1}), 2)},
		{"empty report", "without steps", append(wire.Append(nil, &wire.ForwardReply{ID: 1, Replies: []command.Reply{{}}}), 0, 0)},
		{"step of a report", "kind 31", append(wire.Append(nil, &wire.ForwardReply{ID: 1, Replies: []command.Reply{{}}}), 1, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"truth", "truth value 7", []byte{2, 7}},
		{"sequence", "does not fit", []byte{9, 1, 255, 255, 255, 255, 255, 1}},
	} {
		m, err := wire.Decode(c.payload)
		if !errors.Is(err, wire.ErrMalformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %T, %v, want an error with %q", c.name, m, err, c.want)
		}
	}
}

// A Hello of a later version has more fields; it must still be readable.
func TestHelloFromTheFuture(t *testing.T) {
	want := &wire.Hello{Version: 9, Oldest: 3, From: 4, Error: "no"}
	got, err := wire.Decode(append(wire.Append(nil, want), 1, 2, 3))
	if err != nil || !equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// maxGrowth bounds how many bytes of memory one byte of a payload may become.
const maxGrowth = 128

func FuzzDecode(f *testing.F) {
	for _, m := range messages(rand.New(rand.NewPCG(1, 0))) {
		f.Add(wire.Append(nil, m))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var m wire.Message
		var err error
		require.AllocBelow(t, maxGrowth*len(payload), func() { m, err = wire.Decode(payload) })
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again, err := wire.Decode(wire.Append(nil, m))
		if err != nil || !equal(again, m) {
			t.Fatalf("round trip of %+v: got %+v, %v", m, again, err)
		}
	})
}

package wire

import (
	"encoding/binary"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// A RaftBatch is
//
//	kind control(1 B) item*      item: shard(uvarint) form(1 B) [session] message
//	form 0: length(u32 LE) protobuf raftpb.Message       form 1: see codec_compact.go
//	2 is added to the form when a session (boot and count, uvarints) stands before the message
//
// without a count, so that it can be cut between any two items. The length has a fixed width because it is
// known only when the message behind it is written.
func appendBatchHeader(dst []byte, b *RaftBatch) []byte {
	return appendBool(append(dst, byte(kindRaftBatch)), b.Control)
}

func appendItem(dst []byte, item *RaftItem) []byte {
	dst = binary.AppendUvarint(dst, uint64(item.Shard))
	invariant.Check(item.Message != nil, "encode a missing raft message")
	form := byte(formProtobuf)
	if fitsCompact(item.Message) {
		form = formCompact
	}
	if item.Session == (Session{}) {
		dst = append(dst, form)
	} else {
		dst = appendSession(append(dst, form|formStamped), item.Session)
	}
	if form == formCompact {
		return appendCompact(dst, item.Message)
	}
	return appendRaft(dst, item.Message)
}

// The forms of a message in a RaftBatch.
const (
	formProtobuf = 0
	formCompact  = 1
	formStamped  = 2 // added: a session stands before the message
)

func appendRaft(dst []byte, m *raftpb.Message) []byte {
	invariant.Check(m != nil, "encode a missing raft message")
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst, err := proto.MarshalOptions{}.MarshalAppend(dst, m)
	invariant.NoError(err, "encode raft message")
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func decodeBatch(d *decoder) Message {
	b := &RaftBatch{Control: d.bool()}
	for len(d.data) > 0 {
		if len(b.Items) == maxBatchItems {
			d.fail("more than %d raft messages", maxBatchItems)
			break
		}
		b.Items = append(b.Items, d.item())
	}
	return b
}

func (d *decoder) item() RaftItem {
	item := RaftItem{Shard: katakv.ShardID(d.uvarint())}
	form := d.byte()
	if form&formStamped != 0 {
		item.Session = d.session()
		if item.Session == (Session{}) {
			d.fail("an empty session before a raft message")
		}
	}
	switch form &^ formStamped {
	case formProtobuf:
		item.Message = d.raft()
	case formCompact:
		item.Message = d.compact()
	default:
		d.fail("raft message of form %d", form)
	}
	return item
}

// raft reads a Raft message that may come from another node.
func (d *decoder) raft() *raftpb.Message {
	if len(d.data) < 4 {
		d.fail("cut short")
		return nil
	}
	n := int(binary.LittleEndian.Uint32(d.data))
	if n > len(d.data)-4 {
		d.fail("raft message of %d bytes with %d bytes left", n, len(d.data)-4)
		return nil
	}
	data := d.data[4 : 4+n]
	d.data = d.data[4+n:]
	if parts := countParts(data, 0, 0); parts > maxRaftParts {
		d.fail("raft message with more than %d parts", maxRaftParts)
		return nil
	}
	m := &raftpb.Message{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxRaftDepth}).Unmarshal(data, m); err != nil {
		d.fail("raft message: %v", err)
		return nil
	}
	if m.Type == nil || isLocal[m.GetType()] {
		d.fail("raft message of type %v from another node", m.GetType())
		return nil
	}
	return m
}

// isLocal holds the types that raft sends to itself. A missing type would read as MsgHup: start an election.
var isLocal = map[raftpb.MessageType]bool{
	raftpb.MsgHup:               true,
	raftpb.MsgBeat:              true,
	raftpb.MsgUnreachable:       true,
	raftpb.MsgSnapStatus:        true,
	raftpb.MsgCheckQuorum:       true,
	raftpb.MsgStorageAppend:     true,
	raftpb.MsgStorageAppendResp: true,
	raftpb.MsgStorageApply:      true,
	raftpb.MsgStorageApplyResp:  true,
}

// Protobuf fields of raftpb.Message that repeat.
const (
	fieldEntries   = 7
	fieldResponses = 14
)

// countParts adds the entries and nested messages of an encoded Raft message to parts, before they are given
// any memory. It stops early at the limit and at anything malformed, which Unmarshal will refuse.
func countParts(data []byte, parts, depth int) int {
	for len(data) > 0 && parts <= maxRaftParts {
		field, wireType, n := protowire.ConsumeTag(data)
		if n < 0 {
			break
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(field, wireType, data); n < 0 {
			break
		}
		if field == fieldEntries || field == fieldResponses {
			parts++
		}
		if field == fieldResponses && depth < maxRaftDepth {
			if nested, size := protowire.ConsumeBytes(data); size >= 0 {
				parts = countParts(nested, parts, depth+1)
			}
		}
		data = data[n:]
	}
	return parts
}

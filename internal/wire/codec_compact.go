package wire

import (
	"encoding/binary"

	"go.etcd.io/raft/v3/raftpb"
)

// The messages that every write causes, appends and heartbeats and their answers, have a form of their own beside
// protobuf's: it is read with four allocations instead of some fifteen. What it cannot hold exactly goes as
// protobuf.
//
//	compact: type(1 B) present(u16 LE) scalar(uvarint)* [context] [count entry*]
//	entry:   type(1 B, 0: none, else 1 + value) term index (uvarints) data(bytes)
//
// present has a bit for each scalar, in the order of compactScalars, then one each for reject, its value, context
// and entries.
const (
	bitReject = 1 << (7 + iota)
	bitRejectValue
	bitContext
	bitEntries
	compactBits = 1<<(7+iota) - 1
)

// compactTypes are the types that may be compact.
func isCompactType(t raftpb.MessageType) bool {
	switch t {
	case raftpb.MsgApp, raftpb.MsgAppResp, raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp:
		return true
	default:
		return false
	}
}

// compactScalars lists the scalars of m in their order on the wire.
func compactScalars(m *raftpb.Message) [7]*uint64 {
	return [7]*uint64{m.To, m.From, m.Term, m.LogTerm, m.Index, m.Commit, m.RejectHint}
}

// fitsCompact reports whether the compact form holds m exactly.
func fitsCompact(m *raftpb.Message) bool {
	if m.Type == nil || !isCompactType(*m.Type) || m.Vote != nil || m.Snapshot != nil || len(m.Responses) > 0 ||
		len(m.ProtoReflect().GetUnknown()) > 0 {
		return false
	}
	for _, e := range m.Entries {
		if e.Term == nil || e.Index == nil || (e.Type != nil && (*e.Type < 0 || *e.Type > 100)) || (e.Data != nil && len(e.Data) == 0) {
			return false
		}
	}
	return m.Context == nil || len(m.Context) > 0
}

func appendCompact(dst []byte, m *raftpb.Message) []byte {
	dst = append(dst, byte(*m.Type), 0, 0)
	at := len(dst) - 2
	present := uint16(0)
	for i, v := range compactScalars(m) {
		if v != nil {
			present |= 1 << i
			dst = binary.AppendUvarint(dst, *v)
		}
	}
	if m.Reject != nil {
		present |= bitReject
		if *m.Reject {
			present |= bitRejectValue
		}
	}
	if m.Context != nil {
		present |= bitContext
		dst = appendBytes(dst, m.Context)
	}
	if len(m.Entries) > 0 {
		present |= bitEntries
		dst = binary.AppendUvarint(dst, uint64(len(m.Entries)))
		for _, e := range m.Entries {
			dst = appendCompactEntry(dst, e)
		}
	}
	binary.LittleEndian.PutUint16(dst[at:], present)
	return dst
}

func appendCompactEntry(dst []byte, e *raftpb.Entry) []byte {
	kind := byte(0)
	if e.Type != nil {
		kind = 1 + byte(*e.Type)
	}
	dst = append(dst, kind)
	dst = binary.AppendUvarint(dst, *e.Term)
	dst = binary.AppendUvarint(dst, *e.Index)
	return appendBytes(dst, e.Data)
}

// compactMessage is a decoded message together with what its pointers point to.
type compactMessage struct {
	message raftpb.Message
	scalars [7]uint64
	kind    raftpb.MessageType
	reject  bool
}

// compactEntry is likewise an entry.
type compactEntry struct {
	entry       raftpb.Entry
	term, index uint64
	kind        raftpb.EntryType
}

// compact reads a compact message. All of it is copied.
func (d *decoder) compact() *raftpb.Message {
	c := &compactMessage{kind: raftpb.MessageType(d.byte())}
	if !isCompactType(c.kind) {
		d.fail("raft message of type %v in compact form", c.kind)
		return nil
	}
	m := &c.message
	m.Type = &c.kind
	present := uint16(d.byte())
	present |= uint16(d.byte()) << 8
	if present&^compactBits != 0 {
		d.fail("raft message with unknown fields %b", present)
		return nil
	}
	fields := [7]**uint64{&m.To, &m.From, &m.Term, &m.LogTerm, &m.Index, &m.Commit, &m.RejectHint}
	for i, field := range fields {
		if present&(1<<i) != 0 {
			c.scalars[i] = d.uvarint()
			*field = &c.scalars[i]
		}
	}
	if present&bitReject != 0 {
		c.reject = present&bitRejectValue != 0
		m.Reject = &c.reject
	}
	if present&bitContext != 0 {
		m.Context = append([]byte(nil), d.bytes(MaxPayloadBytes)...)
	}
	if present&bitEntries != 0 {
		m.Entries = d.compactEntries()
	}
	if d.err != nil {
		return nil
	}
	return m
}

// smallestEntry is the size of an encoded entry without data.
const smallestEntry = 4

func (d *decoder) compactEntries() []*raftpb.Entry {
	count := d.count(min(maxRaftParts, len(d.data)/smallestEntry))
	if d.err != nil {
		return nil
	}
	entries := make([]compactEntry, count)
	out := make([]*raftpb.Entry, count)
	for i := range entries {
		c := &entries[i]
		if kind := d.byte(); kind > 0 {
			c.kind = raftpb.EntryType(kind - 1)
			c.entry.Type = &c.kind
		}
		c.term, c.index = d.uvarint(), d.uvarint()
		c.entry.Term, c.entry.Index = &c.term, &c.index
		if data := d.bytes(MaxPayloadBytes); len(data) > 0 {
			c.entry.Data = append(make([]byte, 0, len(data)), data...)
		}
		out[i] = &c.entry
	}
	return out
}

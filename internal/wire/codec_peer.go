package wire

import (
	"encoding/binary"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// A Forward is
//
//	kind id shard epoch (uvarints) read index count (uvarints) operation* [1]
//
// with a read as in codec_read.go, and a 1 at the end if a report is wanted.
func appendForward(dst []byte, m *Forward) []byte {
	dst = append(dst, byte(kindForward))
	dst = binary.AppendUvarint(dst, m.ID)
	dst = binary.AppendUvarint(dst, uint64(m.Shard))
	dst = binary.AppendUvarint(dst, uint64(m.Epoch))
	dst = appendConsistency(dst, m.Read)
	dst = binary.AppendUvarint(dst, uint64(m.Index))
	dst = binary.AppendUvarint(dst, uint64(len(m.Operations)))
	for i := range m.Operations {
		dst = command.AppendOperation(dst, &m.Operations[i])
	}
	if m.Journey {
		dst = append(dst, wantsReport)
	}
	return dst
}

func decodeForward(d *decoder) Message {
	m := &Forward{ID: d.uvarint(), Shard: katakv.ShardID(d.uvarint()), Epoch: katakv.Epoch(d.uvarint())}
	m.Read, m.Index = d.consistency(), katakv.Index(d.uvarint())
	count := d.count(MaxForwardOperations)
	if count > 0 {
		m.Operations = make([]command.Operation, 0, count)
	}
	for range count {
		op, rest, err := command.DecodeOperation(d.data)
		if err != nil {
			d.fail("operation %d: %v", len(m.Operations), err)
			break
		}
		m.Operations = append(m.Operations, op)
		d.data = rest
	}
	m.Journey = d.wantsReport()
	return m
}

// A ForwardReply is
//
//	kind id index (uvarints) level(1 B) age count (uvarints) reply* [report]
//
// where age is one more than the nanoseconds, 0 if it is not known, and a count of 0 is followed by one error reply, or by
// nothing. A report is as in codec_journey.go.
func appendForwardReply(dst []byte, m *ForwardReply) []byte {
	dst = append(dst, byte(kindForwardReply))
	dst = binary.AppendUvarint(dst, m.ID)
	dst = binary.AppendUvarint(dst, uint64(m.Index))
	dst = binary.AppendUvarint(append(dst, byte(m.Level)), uint64(m.Age+1))
	if m.Err != nil {
		dst = binary.AppendUvarint(dst, 0)
		reply := command.ErrorReply(m.Err)
		return appendReport(command.AppendReply(dst, &reply), &m.Journey)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.Replies)))
	for i := range m.Replies {
		dst = command.AppendReply(dst, &m.Replies[i])
	}
	return appendReport(dst, &m.Journey)
}

func decodeForwardReply(d *decoder) Message {
	m := &ForwardReply{ID: d.uvarint(), Index: katakv.Index(d.uvarint()), Level: d.level(), Age: d.age()}
	count := d.count(MaxForwardOperations)
	if count > 0 {
		m.Replies = make([]command.Reply, 0, count)
	} else if len(d.data) > 0 {
		reply := d.reply()
		if m.Err = reply.Err; m.Err == nil {
			d.fail("reply of kind %d without a count", reply.Kind)
		}
	}
	for range count {
		m.Replies = append(m.Replies, d.reply())
	}
	m.Journey = d.report()
	return m
}

func (d *decoder) reply() command.Reply {
	if d.err != nil {
		return command.Reply{}
	}
	reply, rest, err := command.DecodeReply(d.data)
	if err != nil {
		d.fail("reply: %v", err)
		return command.Reply{}
	}
	d.data = rest
	return reply
}

// A Gossip is
//
//	kind epoch count (uvarints), then shard term (uvarints) for each, then peer(text)
func appendGossip(dst []byte, m *Gossip) []byte {
	dst = append(dst, byte(kindGossip))
	dst = binary.AppendUvarint(dst, uint64(m.Epoch))
	dst = binary.AppendUvarint(dst, uint64(len(m.Leading)))
	for _, l := range m.Leading {
		dst = binary.AppendUvarint(dst, uint64(l.Shard))
		dst = binary.AppendUvarint(dst, uint64(l.Term))
	}
	return appendText(dst, m.Peer)
}

func decodeGossip(d *decoder) Message {
	m := &Gossip{Epoch: katakv.Epoch(d.uvarint())}
	count := d.count(katakv.MaxShards + 1)
	if count > 0 {
		m.Leading = make([]Leading, 0, count)
	}
	for range count {
		m.Leading = append(m.Leading, Leading{Shard: katakv.ShardID(d.uvarint()), Term: katakv.Term(d.uvarint())})
	}
	m.Peer = d.text()
	return m
}

// A SnapshotChunk is
//
//	kind stream shard from to sequence (uvarints) flags(1 B) [raft message] data
//
// where data is all that remains.
func appendSnapshotChunk(dst []byte, m *SnapshotChunk) []byte {
	dst = append(dst, byte(kindSnapshotChunk))
	dst = binary.AppendUvarint(dst, m.Stream)
	dst = binary.AppendUvarint(dst, uint64(m.Shard))
	dst = binary.AppendUvarint(dst, uint64(m.From))
	dst = binary.AppendUvarint(dst, uint64(m.To))
	dst = binary.AppendUvarint(dst, uint64(m.Sequence))
	dst = appendBool(dst, m.Final)
	dst = appendBool(dst, m.Message != nil)
	if m.Message != nil {
		dst = appendRaft(dst, m.Message)
	}
	return append(dst, m.Data...)
}

func decodeSnapshotChunk(d *decoder) Message {
	m := &SnapshotChunk{
		Stream:   d.uvarint(),
		Shard:    katakv.ShardID(d.uvarint()),
		From:     katakv.ReplicaID(d.uvarint()),
		To:       katakv.ReplicaID(d.uvarint()),
		Sequence: d.uint32(),
		Final:    d.bool(),
	}
	if d.bool() {
		m.Message = d.raft()
	}
	if len(d.data) > 0 {
		m.Data, d.data = d.data, nil
	}
	return m
}

func appendSnapshotAck(dst []byte, m *SnapshotAck) []byte {
	dst = append(dst, byte(kindSnapshotAck))
	dst = binary.AppendUvarint(dst, m.Stream)
	dst = binary.AppendUvarint(dst, uint64(m.Sequence))
	dst = appendBool(dst, m.Done)
	return appendText(dst, m.Error)
}

func decodeSnapshotAck(d *decoder) Message {
	return &SnapshotAck{Stream: d.uvarint(), Sequence: d.uint32(), Done: d.bool(), Error: d.text()}
}

// A Probe is
//
//	kind boot sent (uvarints)
//
// and a ProbeAnswer
//
//	kind session boot sent promise (uvarints)
//
// with a session of a boot and a count, and times in nanoseconds.
func appendProbe(dst []byte, m *Probe) []byte {
	dst = binary.AppendUvarint(append(dst, byte(kindProbe)), uint64(m.Boot))
	return binary.AppendUvarint(dst, uint64(m.Sent))
}

func decodeProbe(d *decoder) Message {
	return &Probe{Boot: katakv.BootID(d.uvarint()), Sent: time.Duration(d.uvarint())}
}

func appendProbeAnswer(dst []byte, m *ProbeAnswer) []byte {
	dst = appendSession(append(dst, byte(kindProbeAnswer)), m.Session)
	dst = binary.AppendUvarint(dst, uint64(m.Boot))
	dst = binary.AppendUvarint(dst, uint64(m.Sent))
	return binary.AppendUvarint(dst, uint64(m.Promise))
}

func decodeProbeAnswer(d *decoder) Message {
	return &ProbeAnswer{
		Session: d.session(), Boot: katakv.BootID(d.uvarint()), Sent: time.Duration(d.uvarint()), Promise: time.Duration(d.uvarint()),
	}
}

func appendSession(dst []byte, s Session) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.Boot))
	return binary.AppendUvarint(dst, s.Count)
}

func (d *decoder) session() Session {
	return Session{Boot: katakv.BootID(d.uvarint()), Count: d.uvarint()}
}

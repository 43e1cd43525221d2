package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/placement"
)

// kind is the first byte of a payload. Numbers never change meaning and are never used again.
type kind byte

const (
	kindHello             kind = 1
	kindRaftBatch         kind = 2
	kindForward           kind = 3
	kindForwardReply      kind = 4
	kindGossip            kind = 5
	kindMapRequest        kind = 6
	kindMapReply          kind = 7
	kindSnapshotChunk     kind = 8
	kindSnapshotAck       kind = 9
	kindProbe             kind = 10
	kindProbeAnswer       kind = 11
	kindNodeStatusRequest kind = 32
	kindNodeStatus        kind = 33
	kindBootstrapRequest  kind = 34
	kindBootstrapReply    kind = 35
	kindAdminError        kind = 36
)

// Append appends one payload, the kind and the body of m, to dst and returns the longer slice. It keeps
// nothing of m. A message over the limits of this package encodes, but no receiver will decode it:
// [AppendFrames] checks.
func Append(dst []byte, m Message) []byte {
	switch m := m.(type) {
	case *RaftBatch:
		dst = appendBatchHeader(dst, m)
		for i := range m.Items {
			dst = appendItem(dst, &m.Items[i])
		}
		return dst
	case *Forward:
		return appendForward(dst, m)
	case *ForwardReply:
		return appendForwardReply(dst, m)
	case *Gossip:
		return appendGossip(dst, m)
	case *MapRequest:
		return binary.AppendUvarint(append(dst, byte(kindMapRequest)), uint64(m.Epoch))
	case *MapReply:
		return appendBytes(append(dst, byte(kindMapReply)), m.Map)
	case *SnapshotChunk:
		return appendSnapshotChunk(dst, m)
	case *SnapshotAck:
		return appendSnapshotAck(dst, m)
	case *Probe:
		return appendProbe(dst, m)
	case *ProbeAnswer:
		return appendProbeAnswer(dst, m)
	default:
		return appendAdmin(dst, m)
	}
}

// appendAdmin encodes what opens a connection and what travels on admin connections.
func appendAdmin(dst []byte, m Message) []byte {
	switch m := m.(type) {
	case *Hello:
		return appendHello(dst, m)
	case *NodeStatusRequest:
		return append(dst, byte(kindNodeStatusRequest))
	case *NodeStatus:
		return appendNodeStatus(dst, m)
	case *BootstrapRequest:
		dst = append(dst, byte(kindBootstrapRequest))
		dst = binary.AppendUvarint(dst, uint64(m.Node))
		dst = appendBool(dst, m.Activate)
		return appendBytes(dst, m.Map)
	case *BootstrapReply:
		return appendText(append(dst, byte(kindBootstrapReply)), m.Error)
	case *AdminError:
		return appendText(append(dst, byte(kindAdminError)), m.Error)
	default:
		invariant.Check(false, "encode message of type %T", m)
		return dst
	}
}

// Decode parses one payload. The byte slices of Forward, ForwardReply, MapReply, SnapshotChunk, NodeStatus and
// BootstrapRequest share memory with payload (see [Aliases]); every other message is a copy. Errors wrap
// [ErrMalformed].
func Decode(payload []byte) (Message, error) {
	if len(payload) == 0 {
		return nil, malformed("empty")
	}
	if len(payload) > MaxPayloadBytes {
		return nil, malformed("%d bytes exceed the limit of %d", len(payload), MaxPayloadBytes)
	}
	k, d := kind(payload[0]), &decoder{data: payload[1:]}
	decode := decoders[k]
	if decode == nil {
		return nil, malformed("unknown kind %d: a newer version sent it", k)
	}
	m := decode(d)
	if d.err == nil && len(d.data) > 0 && k != kindHello {
		d.fail("%d bytes left over", len(d.data))
	}
	if d.err != nil {
		return nil, fmt.Errorf("decode %T: %w", m, d.err)
	}
	return m, nil
}

// Aliases reports whether a message decoded from payload may share its memory, so that payload must not be
// used again.
func Aliases(payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	switch kind(payload[0]) {
	case kindRaftBatch, kindGossip, kindMapRequest, kindSnapshotAck, kindHello, kindProbe, kindProbeAnswer:
		return false
	default:
		return true
	}
}

var decoders = [256]func(*decoder) Message{
	kindHello:             decodeHello,
	kindRaftBatch:         decodeBatch,
	kindForward:           decodeForward,
	kindForwardReply:      decodeForwardReply,
	kindGossip:            decodeGossip,
	kindMapRequest:        func(d *decoder) Message { return &MapRequest{Epoch: katakv.Epoch(d.uvarint())} },
	kindMapReply:          func(d *decoder) Message { return &MapReply{Map: d.bytes(placement.MaxMapBytes)} },
	kindSnapshotChunk:     decodeSnapshotChunk,
	kindSnapshotAck:       decodeSnapshotAck,
	kindProbe:             decodeProbe,
	kindProbeAnswer:       decodeProbeAnswer,
	kindNodeStatusRequest: func(*decoder) Message { return &NodeStatusRequest{} },
	kindNodeStatus:        decodeNodeStatus,
	kindBootstrapRequest: func(d *decoder) Message {
		return &BootstrapRequest{Node: katakv.NodeID(d.uvarint()), Activate: d.bool(), Map: d.bytes(placement.MaxMapBytes)}
	},
	kindBootstrapReply: func(d *decoder) Message { return &BootstrapReply{Error: d.text()} },
	kindAdminError:     func(d *decoder) Message { return &AdminError{Error: d.text()} },
}

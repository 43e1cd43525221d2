package wire

import (
	"encoding/binary"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// A Hello is
//
//	kind version oldest cluster from to boot (uvarints) carries(1 B) purpose(1 B) error(text)
//
// and nothing before its end ever changes, so that any two versions can tell each other why they part. Later
// versions add fields behind; bytes left over are ignored.
func appendHello(dst []byte, m *Hello) []byte {
	dst = append(dst, byte(kindHello))
	dst = binary.AppendUvarint(dst, uint64(m.Version))
	dst = binary.AppendUvarint(dst, uint64(m.Oldest))
	dst = binary.AppendUvarint(dst, uint64(m.Cluster))
	dst = binary.AppendUvarint(dst, uint64(m.From))
	dst = binary.AppendUvarint(dst, uint64(m.To))
	dst = binary.AppendUvarint(dst, uint64(m.Boot))
	dst = append(dst, byte(m.Carries), byte(m.Purpose))
	return appendText(dst, m.Error)
}

func decodeHello(d *decoder) Message {
	return &Hello{
		Version: d.uint32(),
		Oldest:  d.uint32(),
		Cluster: katakv.ClusterID(d.uvarint()),
		From:    katakv.NodeID(d.uvarint()),
		To:      katakv.NodeID(d.uvarint()),
		Boot:    katakv.BootID(d.uvarint()),
		Carries: Class(d.byte()),
		Purpose: Purpose(d.byte()),
		Error:   d.text(),
	}
}

func appendNodeStatus(dst []byte, m *NodeStatus) []byte {
	dst = append(dst, byte(kindNodeStatus))
	dst = binary.AppendUvarint(dst, uint64(m.Cluster))
	dst = binary.AppendUvarint(dst, uint64(m.Node))
	dst = appendBool(dst, m.Empty)
	dst = appendBool(dst, m.Active)
	dst = appendText(dst, m.Zone)
	dst = appendText(dst, m.Addresses.Peer)
	dst = appendText(dst, m.Addresses.Cluster)
	dst = appendText(dst, m.Addresses.Plain)
	dst = appendText(dst, m.Addresses.HTTP)
	dst = appendBytes(dst, m.Map)
	return appendText(dst, m.Version)
}

func decodeNodeStatus(d *decoder) Message {
	return &NodeStatus{
		Cluster: katakv.ClusterID(d.uvarint()),
		Node:    katakv.NodeID(d.uvarint()),
		Empty:   d.bool(),
		Active:  d.bool(),
		Zone:    d.text(),
		Addresses: placement.Addresses{
			Peer: d.text(), Cluster: d.text(), Plain: d.text(), HTTP: d.text(),
		},
		Map:     d.bytes(placement.MaxMapBytes),
		Version: d.text(),
	}
}

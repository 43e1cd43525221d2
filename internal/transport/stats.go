package transport

import (
	"cmp"
	"slices"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// PeerStats counts what passed between this node and another in one class, since Start.
type PeerStats struct {
	Node    katakv.NodeID
	Class   wire.Class
	Address string // of the last connection for sending

	Connected   bool   // for sending
	Connects    uint64 // how often a connection for sending was made
	Sent        uint64 // messages written
	SentBytes   uint64
	Writes      uint64 // system calls that wrote them
	Dropped     uint64 // messages refused by Send or lost with a connection
	QueuedBytes int

	Received      uint64 // messages
	ReceivedBytes uint64
}

// Stats returns the counters of all nodes and classes that were ever heard of, sorted by node and class.
func (t *Transport) Stats() []PeerStats {
	senders, byLane := map[lane]*sender{}, map[lane]*PeerStats{}
	t.mu.RLock()
	for l, s := range t.mu.senders {
		senders[l] = s
		byLane[l] = &PeerStats{Node: l.node, Class: l.class}
	}
	for l, r := range t.mu.receivers {
		if byLane[l] == nil {
			byLane[l] = &PeerStats{Node: l.node, Class: l.class}
		}
		byLane[l].Received, byLane[l].ReceivedBytes = r.messages.Load(), r.bytes.Load()
	}
	t.mu.RUnlock()
	for l, s := range senders {
		s.stats(byLane[l])
	}
	all := make([]PeerStats, 0, len(byLane))
	for _, s := range byLane {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b PeerStats) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Class, b.Class))
	})
	return all
}

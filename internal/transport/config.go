package transport

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

// Handler receives what happens on the connections. Its methods are called from several goroutines.
type Handler interface {
	// Receive is handed each message that from sent, in order for each class. It may block, which holds back
	// that connection only, but must return when its owner is stopping. It owns m.
	Receive(from katakv.NodeID, m wire.Message)

	// PeerUp says that the connection for sending to node is there.
	PeerUp(node katakv.NodeID, class wire.Class)

	// PeerDown says that it broke, or could not be made at first. Send answers false until PeerUp.
	PeerDown(node katakv.NodeID, class wire.Class)

	// PeerRefused says that nobody takes connections where node should listen.
	PeerRefused(node katakv.NodeID)

	// Admin answers a NodeStatusRequest or BootstrapRequest; nil means that it cannot.
	Admin(request wire.Message) wire.Message
}

// Identity is who a node is. Self and Cluster are zero until it is part of a cluster.
type Identity struct {
	Self    katakv.NodeID
	Cluster katakv.ClusterID
	Boot    katakv.BootID
}

// DialFunc makes a connection to an address ("host:port") until ctx ends.
type DialFunc func(ctx context.Context, address string) (net.Conn, error)

// Config builds a Transport.
type Config struct {
	Identity Identity
	// Listener accepts the connections of other nodes. The Transport closes it.
	Listener net.Listener
	// Dial makes connections; nil means [DialTCP].
	Dial DialFunc
	// Resolve says where a node is. It is asked before each attempt, from several goroutines, and must not block.
	Resolve func(katakv.NodeID) (address string, ok bool)
	Handler Handler
	Logger  *slog.Logger // nil discards
	// Seed feeds the jitter of reconnects, which keeps nodes from dialling in step.
	Seed   uint64
	Limits Limits
}

// Limits bound memory, connections and waiting. Zero values mean the defaults.
type Limits struct {
	// QueueBytes bounds, for each class, the encoded messages that wait for one node or are being written to it.
	// One message of any size always fits into an empty queue.
	QueueBytes [wire.ClassCount]int
	// QueueMessages bounds their number.
	QueueMessages int
	// MaxInbound bounds the connections that were accepted, those in their handshake included.
	MaxInbound int

	DialTimeout      time.Duration
	HandshakeTimeout time.Duration
	// WriteTimeout is how long one mebibyte may take.
	WriteTimeout time.Duration
	// AdminTimeout is how long an admin connection may be silent.
	AdminTimeout time.Duration
	// MinBackoff and MaxBackoff bound the wait between two attempts to connect.
	MinBackoff, MaxBackoff time.Duration
}

// Defaults for Limits.
const (
	// Control messages are small; this many bytes are minutes of heartbeats.
	defaultControlQueueBytes = 4 << 20
	// Log messages wait in bursts of a few of the largest entries.
	defaultLogQueueBytes = 64 << 20
	// Bulk has its own flow control; forwards are bounded where they are made.
	defaultBulkQueueBytes = 64 << 20

	defaultQueueMessages = 1 << 16

	// Three connections from each of the most nodes there may be, and room for administrators.
	defaultMaxInbound = int(wire.ClassCount)*katakv.MaxNodes + 1024

	defaultDialTimeout      = 3 * time.Second
	defaultHandshakeTimeout = 5 * time.Second
	defaultWriteTimeout     = 10 * time.Second
	defaultAdminTimeout     = 30 * time.Second

	// A peer that restarts is back within one election timeout of being reachable.
	defaultMinBackoff = 20 * time.Millisecond
	defaultMaxBackoff = time.Second
)

// Sizes that need no setting.
const (
	// writeBytes is how much is written under one deadline.
	writeBytes = 1 << 20

	// keptBytes is the largest buffer that is kept for the next use: after a burst the memory is given back.
	keptBytes = 2 << 20

	// readBufferBytes takes a busy pass of a peer in one system call.
	readBufferBytes = 64 << 10

	// firstPayloadBytes is what a frame gets before any of it has arrived; it doubles as bytes come in.
	firstPayloadBytes = 64 << 10

	// maxAcceptWait bounds the wait after a failed accept, for example without free descriptors.
	maxAcceptWait = time.Second
)

func (l *Limits) setDefaults() {
	l.QueueBytes[wire.ClassControl] = cmp.Or(l.QueueBytes[wire.ClassControl], defaultControlQueueBytes)
	l.QueueBytes[wire.ClassLog] = cmp.Or(l.QueueBytes[wire.ClassLog], defaultLogQueueBytes)
	l.QueueBytes[wire.ClassBulk] = cmp.Or(l.QueueBytes[wire.ClassBulk], defaultBulkQueueBytes)
	l.QueueMessages = cmp.Or(l.QueueMessages, defaultQueueMessages)
	l.MaxInbound = cmp.Or(l.MaxInbound, defaultMaxInbound)
	l.DialTimeout = cmp.Or(l.DialTimeout, defaultDialTimeout)
	l.HandshakeTimeout = cmp.Or(l.HandshakeTimeout, defaultHandshakeTimeout)
	l.WriteTimeout = cmp.Or(l.WriteTimeout, defaultWriteTimeout)
	l.AdminTimeout = cmp.Or(l.AdminTimeout, defaultAdminTimeout)
	l.MinBackoff = cmp.Or(l.MinBackoff, defaultMinBackoff)
	l.MaxBackoff = cmp.Or(l.MaxBackoff, defaultMaxBackoff)
}

package wire

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

// Versions of the language. A node speaks every version from OldestVersion to Version; two nodes use the
// highest that both speak.
const (
	Version       = 2
	OldestVersion = 2
)

// Magic opens every connection between nodes, in both directions, before the first frame. A stranger who
// speaks HTTP, TLS or Redis to the peer port is recognised by its first bytes.
const Magic = "KataPeer"

// Purpose says what a connection is for.
type Purpose uint8

// The purposes. Their numbers never change meaning.
const (
	// PurposePeer carries the messages of one class from one node to another, in one direction.
	PurposePeer Purpose = 0
	// PurposeAdmin carries requests and answers in turn, and needs no cluster.
	PurposeAdmin Purpose = 1
)

// Hello is the first frame in each direction. The side that dialled says who it is and whom it means to reach;
// the other answers with its own identity, or with Error set and closes.
type Hello struct {
	Version, Oldest uint32 // range of versions spoken by the sender
	Cluster         katakv.ClusterID
	From            katakv.NodeID // the sender; zero while it is in no cluster
	To              katakv.NodeID // whom the sender takes the receiver for
	Boot            katakv.BootID // which start of From this is
	Carries         Class         // class of the messages to follow; PurposePeer only
	Purpose         Purpose
	Error           string // answers only: why the connection is refused
}

// Class returns ClassControl.
func (*Hello) Class() Class { return ClassControl }

// NodeStatusRequest asks who a node is. It travels on admin connections.
type NodeStatusRequest struct{}

// Class returns ClassControl.
func (*NodeStatusRequest) Class() Class { return ClassControl }

// NodeStatus answers a NodeStatusRequest.
type NodeStatus struct {
	Cluster   katakv.ClusterID // zero while the node waits to be made part of a cluster
	Node      katakv.NodeID    // likewise
	Empty     bool             // nothing was ever stored in its data directory
	Active    bool             // it takes part; false between the two steps of a bootstrap
	Zone      string
	Addresses placement.Addresses // as the node advertises itself
	Map       []byte              // its encoded cluster map, if it has one; shares memory with the frame
	Version   string              // of the program
}

// Class returns ClassControl.
func (*NodeStatus) Class() Class { return ClassControl }

// BootstrapRequest makes an empty node a member of a new cluster: it is Node in Map. It comes twice: first
// every node learns its place, then, with Activate set, each is told that all have, and takes part. Repeating
// either is harmless.
type BootstrapRequest struct {
	Node     katakv.NodeID
	Map      []byte // an encoded placement.Map; shares memory with the frame
	Activate bool
}

// Class returns ClassControl.
func (*BootstrapRequest) Class() Class { return ClassControl }

// BootstrapReply answers a BootstrapRequest.
type BootstrapReply struct {
	Error string // why the node refused; empty when the map is durable on it
}

// Class returns ClassControl.
func (*BootstrapReply) Class() Class { return ClassControl }

// AdminError answers an admin request that the node does not know or could not handle.
type AdminError struct{ Error string }

// Class returns ClassControl.
func (*AdminError) Class() Class { return ClassControl }

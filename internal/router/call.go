package router

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// Mode says what happens to an operation whose shard is led by another node.
type Mode uint8

// The modes.
const (
	// Forward asks the leader on the client's behalf: the plain port and HTTP.
	Forward Mode = iota
	// Redirect answers CodeMoved with the leader's node: the cluster port.
	Redirect
)

// Call is one operation and, when its batch is done, its reply.
type Call struct {
	Operation command.Operation
	Reply     command.Reply
	// Served tells how it was answered. Of an operation that was split over shards Parts tells it for each of them, and
	// Served is empty.
	Served katakv.Served
	Parts  []katakv.Served
}

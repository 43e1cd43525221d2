package resp

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

const (
	// MaxInlineBytes bounds an inline command, as in Redis: a person types it, nobody types more.
	MaxInlineBytes = 64 << 10

	// maxHeaderBytes bounds a line such as "$128\r\n": no 64-bit number is longer, so more is garbage.
	maxHeaderBytes = 32

	// minBufferBytes is a read buffer's first size: a pipeline of sixteen small commands fits, and ten
	// thousand idle connections cost 40 MiB.
	minBufferBytes = 4 << 10

	// maxBufferBytes is the size to which a read buffer grows while reads fill it: beyond it a system call
	// costs little against its bytes.
	maxBufferBytes = 64 << 10

	// directBytes is how much of a large bulk must have arrived, and how much must be missing, before the
	// rest is read straight into its final place. Below it the copy is cheaper than one more read.
	directBytes = 16 << 10

	// defaultMaxSkipBytes is Redis' own limit for one bulk (proto-max-bulk-len): what a client of Redis may
	// think legal is answered by an error and not by a closed connection.
	defaultMaxSkipBytes = 512 << 20

	// maxDeclaredBytes bounds every configured size, so that the sum of two fits an int on any platform.
	maxDeclaredBytes = 1<<30 - 1

	// maxRetainedBytes is the largest buffer that a Writer keeps when it is reset: a large reply should not
	// cost its connection memory for ever.
	maxRetainedBytes = 64 << 10

	// keptMarks is the number of argument positions for which a Parser keeps its memory between commands.
	keptMarks = 1 << 10
)

// Limits bounds what a [Parser] accepts. All sizes are in bytes and all are positive and below 1 GiB.
type Limits struct {
	// MaxArgs bounds the arguments of one command, its name included. More is a protocol error.
	MaxArgs int
	// MaxBulkBytes bounds one argument. A larger one is discarded and reported as a [TooLargeError].
	MaxBulkBytes int
	// MaxCommandBytes bounds all arguments of one command together, in the same way.
	MaxCommandBytes int
	// MaxSkipBytes bounds the arguments of a command that is being discarded, together. Beyond it the
	// command is a protocol error: the connection is worth less than the bytes.
	MaxSkipBytes int
}

// DefaultLimits returns the limits of a server with default settings. Who configures a larger value limit sets
// MaxBulkBytes to it.
func DefaultLimits() Limits {
	return Limits{
		MaxArgs:         katakv.MaxCommandArgs,
		MaxBulkBytes:    katakv.DefaultMaxValueBytes,
		MaxCommandBytes: katakv.MaxCommandBytes,
		MaxSkipBytes:    defaultMaxSkipBytes,
	}
}

func (l Limits) check() {
	for _, size := range []int{l.MaxArgs, l.MaxBulkBytes, l.MaxCommandBytes, l.MaxSkipBytes} {
		invariant.Check(size > 0 && size <= maxDeclaredBytes, "limits of the parser out of range: %+v", l)
	}
}

// ReplyLimits bounds what a [ReplyParser] accepts; anything beyond is a [ProtocolError]. All are positive and
// below 2^30.
type ReplyLimits struct {
	// MaxDepth bounds how deep arrays, maps, sets, pushes and attributes nest.
	MaxDepth int
	// MaxElements bounds the elements of all aggregates of one reply together. A map counts two for a pair.
	MaxElements int
	// MaxBulkBytes bounds one bulk string, and a line too.
	MaxBulkBytes int
	// MaxReplyBytes bounds all bulk strings and lines of one reply together.
	MaxReplyBytes int
}

// DefaultReplyLimits returns limits that hold every reply of a KataKV or Redis server that a client should hold
// in memory whole.
func DefaultReplyLimits() ReplyLimits {
	return ReplyLimits{
		MaxDepth:      32,
		MaxElements:   4 << 20,
		MaxBulkBytes:  defaultMaxSkipBytes,
		MaxReplyBytes: maxDeclaredBytes,
	}
}

func (l ReplyLimits) check() {
	for _, size := range []int{l.MaxDepth, l.MaxElements, l.MaxBulkBytes, l.MaxReplyBytes} {
		invariant.Check(size > 0 && size <= maxDeclaredBytes, "limits of the reply parser out of range: %+v", l)
	}
}

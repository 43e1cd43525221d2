package wire

import "github.com/katakv/katakv"

const (
	// softPayloadBytes is where a batch of Raft messages is continued in another frame, so that the size of a
	// frame does not grow with the number of shards.
	softPayloadBytes = 1 << 20

	// MaxPayloadBytes bounds a frame's payload: one Raft entry or one forward with a command of the largest
	// size, and what may stand before and around it. More is refused before anything is allocated.
	MaxPayloadBytes = katakv.MaxCommandBytes + softPayloadBytes + 1<<20

	// MaxHelloBytes bounds the first frame of a connection, which comes from a stranger.
	MaxHelloBytes = 16 << 10

	// MaxForwardOperations bounds the operations of one Forward and the replies to it: decoded, each takes a
	// multiple of its smallest encoding.
	MaxForwardOperations = 1 << 16

	// maxBatchItems bounds the Raft messages of one frame: more than fit below softPayloadBytes.
	maxBatchItems = 1 << 18

	// maxRaftParts bounds the entries and nested messages of one Raft message, each of which takes some fifty
	// times its smallest encoding.
	maxRaftParts = 1 << 18

	// maxRaftDepth bounds nested protobuf messages: a message in a message, its snapshot, the snapshot's
	// metadata, their configuration, and one to spare.
	maxRaftDepth = 6

	// maxTextBytes bounds error sentences, addresses and other texts; longer ones are cut when encoded.
	maxTextBytes = 4 << 10
)

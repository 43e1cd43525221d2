package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Member is one replica of one shard: what the checkers of a trace keep a mirror of.
type Member struct {
	Shard   katakv.ShardID
	Replica katakv.ReplicaID
}

// String returns "s3/r7".
func (m Member) String() string { return fmt.Sprintf("%v/%v", m.Shard, m.Replica) }

// Position names an entry of a shard's log, or the state after it. The zero Position is before all entries.
type Position struct {
	Index katakv.Index
	Term  katakv.Term
}

// String returns "index 12 of term 3".
func (p Position) String() string { return fmt.Sprintf("index %d of term %d", p.Index, p.Term) }

// Entry is one entry of a log, as the checkers know it.
type Entry struct {
	Position
	// Hash tells the entry's type and data.
	Hash uint64
}

package katakv

import (
	"fmt"
	"time"
)

// Level says how fresh a read must be. Weaker levels can be answered by replicas that have not heard everything.
type Level uint8

// The levels, strongest first.
const (
	// LevelStrong is linearizable: the answer reflects every write acknowledged before the read was sent.
	LevelStrong Level = iota
	// LevelSession reflects everything that the session has written and seen: read-your-writes, monotonic reads.
	LevelSession
	// LevelBounded reflects every write acknowledged longer ago than a bound.
	LevelBounded
	// LevelEventual reflects some prefix of the writes.
	LevelEventual
	levelCount
)

var levelNames = [levelCount]string{"strong", "session", "bounded", "eventual"}

// String returns the level's name, such as "bounded".
func (l Level) String() string {
	if l < levelCount {
		return levelNames[l]
	}
	return fmt.Sprintf("level-%d", uint8(l))
}

// Valid reports whether l is one of the levels above; levels arrive from other nodes.
func (l Level) Valid() bool { return l < levelCount }

// Consistency is what a read asks for. The zero value is the default: strong, at the leader.
type Consistency struct {
	Level Level
	// Replica lets LevelStrong be answered by any replica, which asks its leader how far it must be. The other levels
	// always may.
	Replica bool
	// Bound is the greatest age of an answer with LevelBounded.
	Bound time.Duration
}

// Anywhere reports whether a replica that does not lead may answer.
func (c Consistency) Anywhere() bool { return c.Level != LevelStrong || c.Replica }

// String returns the consistency as KATA CONSISTENCY reads it, such as "strong replica" or "bounded 500ms".
func (c Consistency) String() string {
	switch {
	case c.Level == LevelStrong && c.Replica:
		return "strong replica"
	case c.Level == LevelBounded:
		return "bounded " + c.Bound.String()
	default:
		return c.Level.String()
	}
}

// Limits on the bound of LevelBounded.
const (
	// MinBound is the smallest bound: below a millisecond, asking the leader takes longer than the bound allows.
	MinBound = time.Millisecond
	// MaxBound is the largest one: who accepts an answer of an hour ago accepts any.
	MaxBound = time.Hour
)

// UnknownAge is the age of an answer when nothing is known of it.
const UnknownAge time.Duration = -1

// Served tells how an operation was answered.
type Served struct {
	Shard ShardID
	// Index is the shard's applied index that the answer reflects: its revision. Zero means that there was no answer.
	Index Index
	// Node is who answered.
	Node NodeID
	// Level is what the answer keeps to, which may be more than was asked for.
	Level Level
	// Age bounds how old the answer was when it was made: it reflects every write that was acknowledged longer ago.
	// UnknownAge if nothing is known.
	Age time.Duration
}

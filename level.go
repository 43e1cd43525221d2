package katakv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// String returns the consistency as [ParseConsistency] reads it, such as "strong replica" or "bounded 500ms".
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

// Valid reports whether c could be read by [ParseConsistency].
func (c Consistency) Valid() bool {
	bounded := c.Level == LevelBounded
	return c.Level.Valid() && (!c.Replica || c.Level == LevelStrong) &&
		bounded == (c.Bound != 0) && (!bounded || c.Bound >= MinBound && c.Bound <= MaxBound)
}

// MarshalText is String.
func (c Consistency) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is ParseConsistency.
func (c *Consistency) UnmarshalText(text []byte) error {
	parsed, err := ParseConsistency(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}

const consistencies = "strong, strong replica, session, bounded <age> or eventual"

// ParseConsistency reads "strong", "session", "bounded" with an age, or "eventual", and "replica" behind it, in any case.
// An age is a duration such as 500ms or 2s; a plain number counts milliseconds. Errors say what would be right.
func ParseConsistency(text string) (Consistency, error) {
	var c Consistency
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return c, errors.New("a level is needed: " + consistencies)
	}
	name, rest := words[0], words[1:]
	for c.Level.Valid() && c.Level.String() != name {
		c.Level++
	}
	if !c.Level.Valid() {
		return Consistency{}, fmt.Errorf("'%s' is no level: use %s", name, consistencies)
	}
	if c.Level == LevelBounded {
		if len(rest) == 0 {
			return Consistency{}, errors.New("bounded needs the greatest age of an answer, such as bounded 500ms")
		}
		var err error
		if c.Bound, err = parseBound(rest[0]); err != nil {
			return Consistency{}, err
		}
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0] == "replica" {
		c.Replica = c.Level == LevelStrong // any replica may answer at the other levels anyway
		rest = rest[1:]
	}
	if len(rest) > 0 {
		return Consistency{}, fmt.Errorf("'%s' does not belong there: use %s", rest[0], consistencies)
	}
	return c, nil
}

func parseBound(word string) (time.Duration, error) {
	bound, err := time.ParseDuration(word)
	if n, notNumber := strconv.ParseInt(word, 10, 64); notNumber == nil && n <= MaxBound.Milliseconds() {
		bound, err = time.Duration(n)*time.Millisecond, nil
	}
	if err != nil || bound < MinBound || bound > MaxBound {
		return 0, fmt.Errorf("'%s' is no age between 1ms and 1h: write milliseconds, or a duration such as 500ms or 2s", word)
	}
	return bound, nil
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

package client

import (
	"time"

	"github.com/katakv/katakv"
)

// Option chooses something for calls; see [Commands.With].
type Option func(*settings)

// settings are what the options of a call chose.
type settings struct {
	read    katakv.Consistency
	chosen  bool // read was; else the cluster's default holds
	session *Session
	id      string
	noID    bool
	served  *[]katakv.Served
}

// At chooses how fresh reads are. Writes are always strong. Without it the cluster's default holds, which is strong
// unless its operator chose otherwise; in a [Session] it is the session's.
func At(read katakv.Consistency) Option {
	return func(s *settings) { s.read, s.chosen = read, true }
}

// Strong reads reflect every write acknowledged before. The leader answers.
func Strong() Option { return At(katakv.Consistency{}) }

// StrongReplica reads are strong, and any replica answers, after it has asked the leader how far it must be.
func StrongReplica() Option { return At(katakv.Consistency{Replica: true}) }

// Bounded reads reflect every write acknowledged longer ago than age, which is 1 ms to 1 h. Any replica answers that is
// young enough.
func Bounded(age time.Duration) Option {
	return At(katakv.Consistency{Level: katakv.LevelBounded, Bound: age})
}

// Eventual reads reflect some state of the past. Any replica answers at once.
func Eventual() Option { return At(katakv.Consistency{Level: katakv.LevelEventual}) }

// WithoutRequestID sends writes without a request id: a little cheaper for the cluster, and not sent again by the client
// once they may have taken effect. Then the error is [ErrUnknown]. It is also what lets [Commands.GetSet] answer an old
// value of more than 64 KiB.
func WithoutRequestID() Option {
	return func(s *settings) { s.id, s.noID = "", true }
}

// RequestID names the one write for which it is chosen, so that the caller can send the same again later, even from
// another process: a command with an id takes effect once and is answered alike each time, for at least five minutes.
// An id has 1 to 128 bytes, and each write needs its own.
func RequestID(id string) Option {
	return func(s *settings) { s.id, s.noID = id, false }
}

// Tell has each call replace what dst points to by how it was answered, a row for each shard that took part: index, node,
// level and age. Rows are appended in the order of answers; after an error they are those that came. A caller who tells
// must not share the [Commands] with other goroutines.
func Tell(dst *[]katakv.Served) Option {
	return func(s *settings) { s.served = dst }
}

// prefixed reports whether a command on keys needs to say more than itself.
func (s *settings) prefixed(writes bool) bool {
	return s.session != nil || s.served != nil || s.chosen && !writes
}

// anywhere reports whether replicas that do not lead may answer reads.
func (s *settings) anywhere() bool { return s.chosen && s.read.Anywhere() }

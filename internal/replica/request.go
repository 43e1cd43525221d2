package replica

import (
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
)

// Request is a run of operations from one caller for one shard. They are executed in order and accepted or
// refused together. It is answered by exactly one [Completion]. The replica reads it and changes nothing but its Journey.
type Request struct {
	Shard      katakv.ShardID
	Operations []command.Operation
	// Read is what the operations ask for if none of them writes. The zero value asks the leader.
	Read katakv.Consistency
	// Index is what must be applied, with LevelSession.
	Index katakv.Index
	// Journey is told what becomes of the request here until it is completed; nil: nobody wants to know.
	Journey *journey.Leg
	// Caller is the submitter's own; it comes back in the completion untouched.
	Caller any
}

// Writes reports whether any operation must go through the log. Reads that are mixed with writes go with
// them, so that each sees exactly the writes before it.
func (r *Request) Writes() bool {
	for i := range r.Operations {
		if r.Operations[i].Kind.Writes() {
			return true
		}
	}
	return false
}

func (r *Request) bytes() int {
	n := 0
	for i := range r.Operations {
		n += r.Operations[i].Bytes()
	}
	return n
}

// Completion answers a request.
type Completion struct {
	Request *Request
	// Index is the shard's applied index that the replies reflect; zero with Err.
	Index katakv.Index
	// Level is what the replies keep to, and Age bounds how old they are; see [katakv.Served].
	Level katakv.Level
	Age   time.Duration
	// Replies holds one reply each operation, unless Err is set.
	Replies []command.Reply
	// Err refuses the whole request; its code tells the outcome.
	Err *katakv.Error
}

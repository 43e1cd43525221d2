package check

import (
	"math"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// Kind says what an operation of a history does.
type Kind uint8

// The kinds, in the words of the Redis commands that they stand for, but for the last.
const (
	Get    Kind = iota + 1 // Keys[0] -> Bulk or Nil
	MGet                   // Keys -> Array
	Exists                 // Keys, repeats counted -> Int
	Strlen                 // Keys[0] -> Int
	Set                    // Keys[0], Values[0], Options -> OK, Nil, or with WithGet the old value
	SetNX                  // Keys[0], Values[0] -> Int 1 or 0
	MSet                   // Keys, Values -> OK
	Del                    // Keys -> Int
	IncrBy                 // Keys[0], Delta -> Int
	Append                 // Keys[0], Values[0] -> Int, the length after

	// CompareAndSet writes Values[1] if Keys[0] holds Values[0] -> Int 1 or 0. It stands for a write that is conditional on
	// a revision: as long as no value of a key is written twice, a revision is as good as the value that it stands for.
	// Delta is the recorder's own.
	CompareAndSet
)

// Writes reports whether operations of this kind may change something.
func (k Kind) Writes() bool { return k >= Set }

// SetOptions refine Set.
type SetOptions uint8

// The options of Set.
const (
	IfAbsent SetOptions = 1 << iota
	IfPresent
	WithGet
)

// Never is the Return of an operation whose effect may come at any time after its Call, or not at all.
const Never = time.Duration(math.MaxInt64)

// Operation is one command of a client and what came of it. An operation on several keys is atomic: whoever
// records a command that the cluster splits over shards records one Operation for each part.
type Operation struct {
	// Client numbers the caller. A client has one operation, or one pipeline, in flight at a time.
	Client int
	// Call and Return are when the operation was sent and answered, on one clock for the whole history. Return is
	// Never unless the outcome is applied or not applied.
	Call, Return time.Duration
	Kind         Kind
	Options      SetOptions
	Keys, Values []string
	Delta        int64
	// Outcome is what the client was told. Of a read that failed, it is OutcomeNotApplied: it says nothing.
	Outcome katakv.Outcome
	// Reply is the answer, with OutcomeApplied.
	Reply Reply
	// Session numbers the session that the operation belongs to, one operation or pipeline after another; 0: none.
	Session int
	// Asked is what a read asked for, and Served what was said of the answer. Zero, they mean the default, and that
	// nothing was said.
	Asked  katakv.Consistency
	Served katakv.Served
}

// Reply is the answer to an operation.
type Reply struct {
	Kind  ReplyKind
	Int   int64
	Bulk  string
	Array []Reply
	// Error is the message with ReplyError: the operation took part in the order of all others and was refused
	// there, as INCR of a word is. It changed nothing.
	Error string
}

// ReplyKind is the shape of a reply.
type ReplyKind uint8

// The shapes.
const (
	Nil ReplyKind = iota
	OK
	Int
	Bulk
	Array
	ReplyError
)

// History is what the clients of a cluster did and saw, in any order.
type History []Operation

// matters reports whether the operation tells anything about what happened. A read without an answer does not. A
// write that was not applied does not either: it must have had no effect, so whoever sees its value is wrong. A read
// that claims less than LevelStrong is for others to judge.
func (op *Operation) matters() bool {
	if !op.Kind.Writes() && op.Served.Level != katakv.LevelStrong {
		return false
	}
	return op.Outcome == katakv.OutcomeApplied || op.Outcome == katakv.OutcomeUnknown && op.Kind.Writes()
}

// mustBeWellFormed stops the process where a recorder made a mistake: judging what did not happen helps nobody.
func (op *Operation) mustBeWellFormed() {
	want := 0
	switch op.Kind {
	case Set, SetNX, Append:
		want = 1
	case CompareAndSet:
		want = 2
	case MSet:
		want = len(op.Keys)
	}
	ended := op.Return != Never
	switch {
	case op.Kind < Get || op.Kind > CompareAndSet || len(op.Keys) == 0 || len(op.Values) != want:
		invariant.Check(false, "recorded %d keys and %d values: %v", len(op.Keys), len(op.Values), op)
	case op.Call > op.Return || op.matters() && ended == (op.Outcome == katakv.OutcomeUnknown):
		invariant.Check(false, "recorded from %v to %v with outcome %d: %v", op.Call, op.Return, op.Outcome, op)
	}
}

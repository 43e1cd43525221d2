package command

import "github.com/katakv/katakv"

// Kind says what an operation does. Kinds are written in Raft entries: their numbers never change meaning.
type Kind uint8

// The kinds. Reads first, so that a kind's nature is visible; see [Kind.Writes].
const (
	KindNone            Kind = 0
	KindGet             Kind = 1 // Keys[0] -> bulk or nil
	KindMGet            Kind = 2 // Keys -> array of bulk or nil
	KindExists          Kind = 3 // Keys -> integer, counting repeats
	KindStrlen          Kind = 4 // Keys[0] -> integer
	KindCountKeysInSlot Kind = 5 // Delta holds the slot -> integer
	KindGetRecord       Kind = 6 // Keys[0] -> see RecordReply
	KindScan            Kind = 7 // Delta holds the slot, Values are prefix and start -> see Scan and Page

	KindSet       Kind = 32 // Keys[0], Values[0], Flags -> OK, nil, or with FlagGet the old value
	KindMSet      Kind = 33 // Keys, Values -> OK
	KindDel       Kind = 34 // Keys -> integer
	KindIncrBy    Kind = 35 // Keys[0], Delta -> integer
	KindAppend    Kind = 36 // Keys[0], Values[0], Delta holds the largest size of the result -> integer
	KindSetNX     Kind = 37 // Keys[0], Values[0] -> integer 1 or 0
	KindSetIf     Kind = 38 // Keys[0], Values[0], Flags, Delta holds the revision -> see Change
	KindDelIf     Kind = 39 // Keys[0], Flags, Delta holds the revision -> see Change
	KindMapChange Kind = 64 // meta shard only: Values[0] is an encoded placement.Change -> OK
)

// Writes reports whether an operation of this kind changes state and so must go through the log.
func (k Kind) Writes() bool { return k >= KindSet }

// Flags refine KindSet, KindSetIf and KindDelIf.
type Flags uint8

// The flags. Of the conditions FlagNX, FlagXX and FlagRevision an operation has at most one.
const (
	FlagNX       Flags = 1 << iota // only if the key is absent
	FlagXX                         // only if the key is present
	FlagGet                        // answer the old value
	FlagRevision                   // only if the key's record has the revision in Delta
)

// Operation is a parsed and checked command, or the part of one that concerns one shard. Keys of one
// operation lie in one shard. Slices may alias the command's arguments; they are read-only.
type Operation struct {
	Kind   Kind
	Flags  Flags
	Delta  int64
	Keys   [][]byte
	Values [][]byte
	// Once is set for a write with a request id.
	Once *Once
}

// Reads reports whether applying op needs the present value of a key.
func (op *Operation) Reads() bool {
	if op.Once != nil {
		return true // whether the request is remembered
	}
	switch op.Kind {
	case KindSet, KindSetIf:
		return op.Flags != 0
	case KindMSet, KindMapChange:
		return false
	default:
		return true
	}
}

// Bytes is the approximate memory an operation holds, for bounding queues.
func (op *Operation) Bytes() int {
	n := 48
	for _, k := range op.Keys {
		n += 24 + len(k)
	}
	for _, v := range op.Values {
		n += 24 + len(v)
	}
	if op.Once != nil {
		n += 48 + len(op.Once.ID)
	}
	return n
}

// ReplyKind is the shape of a reply.
type ReplyKind uint8

// The shapes.
const (
	ReplyNil ReplyKind = iota
	ReplyOK
	ReplyInt
	ReplyBulk
	ReplyArray
	ReplyError
)

// Reply is the typed answer to one operation. Its slices belong to the receiver.
type Reply struct {
	Kind  ReplyKind
	Int   int64
	Bulk  []byte
	Array []Reply
	Err   *katakv.Error
}

// ErrorReply wraps err.
func ErrorReply(err *katakv.Error) Reply { return Reply{Kind: ReplyError, Err: err} }

// OKReply is the simple string OK.
func OKReply() Reply { return Reply{Kind: ReplyOK} }

// IntReply is an integer.
func IntReply(n int64) Reply { return Reply{Kind: ReplyInt, Int: n} }

// BulkReply is a value; it keeps b.
func BulkReply(b []byte) Reply { return Reply{Kind: ReplyBulk, Bulk: b} }

package command

import "github.com/katakv/katakv"

// Record is a key's value and the write that it comes from.
type Record struct {
	Key      []byte
	Revision katakv.Revision
	Value    []byte
}

// RecordReply answers KindGetRecord for a key that is present: an array of revision and value. It keeps value. A
// key that is absent is answered with nil.
func RecordReply(revision katakv.Revision, value []byte) Reply {
	return Reply{Kind: ReplyArray, Array: []Reply{IntReply(int64(revision)), BulkReply(value)}}
}

// Record reads a RecordReply; found is false for nil. Replies come from other nodes: any other reply is an error
// that wraps [ErrMalformed]. The record has no Key.
func (r *Reply) Record() (record Record, found bool, err error) {
	switch {
	case r.Kind == ReplyNil:
		return Record{}, false, nil
	case r.Kind != ReplyArray || len(r.Array) != 2 || r.Array[1].Kind != ReplyBulk:
		return Record{}, false, malformed("reply of kind %d is no record", r.Kind)
	}
	revision, err := r.Array[0].revision()
	return Record{Revision: revision, Value: r.Array[1].Bulk}, err == nil, err
}

// Change is what came of a conditional write.
type Change struct {
	// Applied says that the condition held, and for KindDelIf that there was something to delete.
	Applied bool
	// Revision is that of the record as the operation left it; zero when the key is absent now.
	Revision katakv.Revision
}

// Reply is the answer to KindSetIf and KindDelIf: an array of 1 or 0, and the revision.
func (c Change) Reply() Reply {
	applied := int64(0)
	if c.Applied {
		applied = 1
	}
	return Reply{Kind: ReplyArray, Array: []Reply{IntReply(applied), IntReply(int64(c.Revision))}}
}

// Change reads the reply of a Change. Any other reply is an error that wraps [ErrMalformed].
func (r *Reply) Change() (Change, error) {
	if r.Kind != ReplyArray || len(r.Array) != 2 || r.Array[0].Kind != ReplyInt {
		return Change{}, malformed("reply of kind %d is no change", r.Kind)
	}
	revision, err := r.Array[1].revision()
	return Change{Applied: r.Array[0].Int == 1, Revision: revision}, err
}

func (r *Reply) revision() (katakv.Revision, error) {
	if r.Kind != ReplyInt || r.Int < 0 || r.Int > int64(katakv.MaxRevision) {
		return 0, malformed("reply of kind %d is no revision", r.Kind)
	}
	return katakv.Revision(r.Int), nil
}

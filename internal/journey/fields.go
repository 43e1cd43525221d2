package journey

import (
	"time"

	"github.com/katakv/katakv"
)

// Field is one thing that a step says, for programs: a number, or a word.
type Field struct {
	Name   string
	Number int64
	Word   string // empty: it is a number
}

// Names of the fields, which never change.
const (
	fieldAt     = "at-us"
	fieldMargin = "margin-us"
	fieldNode   = "node"
	fieldRole   = "role"
	FieldStep   = "step" // the name of its kind
	fieldShard  = "shard"
	fieldPeer   = "peer"
	fieldTerm   = "term"
	fieldIndex  = "index"
	fieldCode   = "code"
)

// Fields appends what a step says to dst: at least when, by whom, and what. Margins are rounded up.
func (s *Step) Fields(dst []Field) []Field {
	number := func(name string, n uint64) {
		if n != 0 {
			dst = append(dst, Field{Name: name, Number: int64(n)})
		}
	}
	dst = append(dst, Field{Name: fieldAt, Number: s.At.Microseconds()})
	number(fieldMargin, uint64((s.Margin + time.Microsecond - 1).Microseconds()))
	dst = append(dst,
		Field{Name: fieldNode, Number: int64(s.Node)}, Field{Name: fieldRole, Word: s.Role.String()},
		Field{Name: FieldStep, Word: s.Kind.String()})
	number(fieldShard, uint64(s.Shard))
	number(fieldPeer, uint64(s.Peer))
	number(fieldTerm, uint64(s.Term))
	number(fieldIndex, uint64(s.Index))
	if s.Kind == Refused {
		dst = append(dst, Field{Name: fieldCode, Word: s.Code.String()})
	}
	return dst
}

// Set takes a field that [Step.Fields] wrote. One that this version does not know is ignored.
func (s *Step) Set(f Field) {
	switch f.Name {
	case fieldAt:
		s.At = time.Duration(f.Number) * time.Microsecond
	case fieldMargin:
		s.Margin = time.Duration(f.Number) * time.Microsecond
	case fieldNode:
		s.Node = katakv.NodeID(f.Number)
	case fieldRole:
		s.Role = ParseRole(f.Word)
	case FieldStep:
		s.Kind = ParseKind(f.Word)
	case fieldShard:
		s.Shard = katakv.ShardID(f.Number)
	case fieldPeer:
		s.Peer = katakv.NodeID(f.Number)
	case fieldTerm:
		s.Term = katakv.Term(f.Number)
	case fieldIndex:
		s.Index = katakv.Index(f.Number)
	case fieldCode:
		s.Code = parseCode(f.Word)
	}
}

// parseCode returns the code with a name, and CodeInternal for one that this version does not know.
func parseCode(name string) katakv.Code {
	for c := katakv.Code(0); c.Valid(); c++ {
		if c.String() == name {
			return c
		}
	}
	return katakv.CodeInternal
}

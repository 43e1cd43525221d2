package client

import "github.com/katakv/katakv"

// Record is a value and the write that it comes from.
type Record struct {
	// Revision names the write; zero when the key is absent.
	Revision katakv.Revision
	Value    []byte
}

// Change is what came of a conditional write.
type Change struct {
	// Applied says that the condition held; for a deletion, that there was something to delete.
	Applied bool
	// Revision is that of the record as it is now; zero when the key is absent.
	Revision katakv.Revision
}

// Condition says when a conditional write happens. The zero value is none: it always does.
type Condition struct{ word string }

// IfRevision holds while the record is the one with that revision: nobody has written it since. Revision zero stands for
// an absent key, as in a [Record].
func IfRevision(revision katakv.Revision) Condition {
	if revision == 0 {
		return IfAbsent()
	}
	return Condition{revision.String()}
}

// IfAbsent holds while there is no such key. To delete on it is refused.
func IfAbsent() Condition { return Condition{"ABSENT"} }

// IfPresent holds while the key is there, with whatever value.
func IfPresent() Condition { return Condition{"PRESENT"} }

func (c Condition) words() [][]byte {
	if c.word == "" {
		return nil
	}
	return text("IF", c.word)
}

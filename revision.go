package katakv

import (
	"fmt"
	"strconv"
	"strings"
)

// Revision names one write of a key: the index of the log entry that made it and the place of its operation in
// that entry. A later write of the same key has a higher one, also after the key was deleted; revisions of different
// keys do not compare. Zero is no revision.
//
//	+-------------------+-----------------------+
//	| index, 43 bits    | position, 20 bits     |   the highest bit is 0
//	+-------------------+-----------------------+
//
// The index alone would not do: one entry holds what many clients wrote at the same time, and two of them may have
// written the same key.
type Revision uint64

const (
	revisionPositionBits = 20 // an entry holds at most MaxCommandArgs operations
	revisionIndexBits    = 43 // at a thousand entries a second, 278 years

	// MaxRevision is the highest revision that there can be.
	MaxRevision Revision = 1<<(revisionIndexBits+revisionPositionBits) - 1
)

// NewRevision returns the revision of the operation at position in the entry at index. Both must fit.
func NewRevision(index Index, position int) Revision {
	return Revision(index)<<revisionPositionBits | Revision(position)
}

// Index returns the index of the entry.
func (r Revision) Index() Index { return Index(r >> revisionPositionBits) }

// Position returns the place of the operation in the entry, from zero.
func (r Revision) Position() int { return int(r & (1<<revisionPositionBits - 1)) }

// String returns "4711-3": index and position.
func (r Revision) String() string { return fmt.Sprintf("%d-%d", uint64(r.Index()), r.Position()) }

// ParseRevision reads what [Revision.String] returns, in exactly that form.
func ParseRevision(s string) (Revision, error) {
	left, right, _ := strings.Cut(s, "-")
	index, errIndex := strconv.ParseUint(left, 10, revisionIndexBits)
	position, errPosition := strconv.ParseUint(right, 10, revisionPositionBits)
	r := NewRevision(Index(index), int(position))
	if errIndex != nil || errPosition != nil || index == 0 || r.String() != s {
		return 0, fmt.Errorf("%q is no revision, which looks like 4711-0", s)
	}
	return r, nil
}

package resp

import (
	"bytes"

	"github.com/katakv/katakv/internal/invariant"
)

// buffer holds received bytes that are not parsed yet.
//
//	data: [ parsed | unread | free ]
//	      0      read  len(data)  cap(data)
//
// Invariant: read <= len(data).
type buffer struct {
	data []byte
	read int
	// scanned counts the unread bytes that are known to hold no line end, so that a long line that arrives
	// in small pieces is searched once.
	scanned int
	// want is the size of the next allocation; it doubles when a read fills the buffer.
	want int
}

func (b *buffer) unread() []byte { return b.data[b.read:] }

// consume moves past n unread bytes.
func (b *buffer) consume(n int) {
	b.read += n
	b.scanned = 0
	if b.read > len(b.data) {
		invariant.Check(false, "consumed %d of %d buffered bytes", b.read, len(b.data))
	}
}

// space returns at least minBytes of free room behind the unread bytes.
func (b *buffer) space(minBytes int) []byte {
	checkSpace(minBytes)
	if b.read == len(b.data) {
		b.data, b.read = b.data[:0], 0
		if cap(b.data) < b.want || cap(b.data) > max(maxBufferBytes, minBytes) {
			b.data = nil
		}
	}
	if cap(b.data)-len(b.data) >= minBytes {
		return b.data[len(b.data):cap(b.data)]
	}
	unread := b.unread()
	// Moving bytes to the front is worth it only when it frees half of the buffer; otherwise a long line
	// would be moved again for each of its pieces.
	if len(unread) <= cap(b.data)/2 && len(unread)+minBytes <= cap(b.data) && b.want <= cap(b.data) {
		b.data = b.data[:copy(b.data[:cap(b.data)], unread)]
	} else {
		size := max(b.want, minBufferBytes, 2*len(unread), len(unread)+minBytes)
		b.data = append(make([]byte, 0, size), unread...)
	}
	b.read = 0
	return b.data[len(b.data):cap(b.data)]
}

// commit takes over n bytes that were written into the last space.
func (b *buffer) commit(n int) {
	b.data = b.data[:len(b.data)+n]
	if n > 0 && len(b.data) == cap(b.data) {
		b.want = min(2*cap(b.data), maxBufferBytes)
	}
}

// line returns the first unread line without its "\n" and without consuming it. ok is false when no line end
// lies within the first limit bytes; then either more bytes are needed or, if limit bytes are there, the line is
// too long.
func (b *buffer) line(limit int) (line []byte, ok bool) {
	unread := b.unread()
	if len(unread) > limit {
		unread = unread[:limit]
	}
	if i := bytes.IndexByte(unread[b.scanned:], '\n'); i >= 0 {
		return unread[:b.scanned+i], true
	}
	b.scanned = len(unread)
	return nil, false
}

// checkSpace and checkCommit guard against the caller's mistakes. They test first, because handing numbers to
// invariant.Check allocates.
func checkSpace(minBytes int) {
	if minBytes <= 0 {
		invariant.Check(false, "space for %d bytes", minBytes)
	}
}

func checkCommit(n, room int) {
	if n < 0 || n > room {
		invariant.Check(false, "committed %d bytes of a space of %d", n, room)
	}
}

// reserve makes room for at least n more bytes behind data, which holds only bytes that were received. It grows
// to target bytes in all if that is no more than twice what was received, so the cost of copying stays linear
// and a declared length alone allocates nothing.
func reserve(data []byte, n, target int) []byte {
	free := cap(data) - len(data)
	if free > 0 && free >= n {
		return data
	}
	size := max(len(data)+n, min(2*(len(data)+n), target))
	return append(make([]byte, 0, size), data...)
}

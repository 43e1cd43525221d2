package kv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/slot"
)

// A page is read in the core, where other shards wait: it ends at whichever bound is met first.
const (
	// maxPageBytes bounds keys and values, but for a first record that is larger by itself.
	maxPageBytes = 256 << 10
	// maxPageRecords bounds what a page of tiny records costs in allocations.
	maxPageRecords = 1024
	// maxPageSeeks bounds the slots that are looked into for a prefix: on Pebble a seek costs some 40 microseconds, so
	// a page without a match holds the core up for little more than a millisecond.
	maxPageSeeks = 32
)

// errScanBesideWrites refuses a scan that would have to see what its own entry wrote. Nobody needs one.
var errScanBesideWrites = &katakv.Error{
	Code: katakv.CodeUnsupported, Message: "a scan cannot follow writes to the same shard in one batch: send it by itself",
}

// scan reads a page of a shard whose last slot is last.
func (v *view) scan(scan command.Scan, last katakv.Slot) (command.Reply, error) {
	if len(v.overlay) > 0 {
		return command.ErrorReply(errScanBesideWrites), nil
	}
	s := scanner{prefix: scan.Prefix, slot: scan.Slot, start: scan.Start}
	lastWanted := last
	if only, ok := slot.OfPrefix(scan.Prefix); ok {
		lastWanted = min(last, only)
		if only > s.slot {
			s.slot, s.start = only, nil
		}
	}
	for seeks := 0; s.slot <= lastWanted && !s.full && seeks < maxPageSeeks; seeks++ {
		if err := s.seek(v.reader, lastWanted); err != nil {
			return command.Reply{}, err
		}
	}
	if s.slot > lastWanted {
		s.slot, s.start = last+1, nil
	}
	v.room -= s.bytes
	s.page.Next, s.page.Start = int(s.slot), s.start
	return s.page.Reply(), nil
}

// scanner collects a page.
type scanner struct {
	prefix []byte
	// slot and start are where to go on.
	slot  katakv.Slot
	start []byte

	page  command.Page
	bytes int
	full  bool
}

// seek goes to where the scan stands, and reads from there up to the first key that does not belong to it, or until
// the page is full. Without such a key it arrives behind last.
func (s *scanner) seek(r engine.Reader, last katakv.Slot) error {
	span := slotSpan(prefixRecord, slot.Range{First: s.slot, Last: last})
	span.Start = append(span.Start, s.prefix...)
	if bytes.Compare(s.start, s.prefix) > 0 {
		span.Start = append(span.Start[:slotKeyBytes], s.start...)
	}
	ended := true
	var damage error
	err := r.Scan(span, func(engineKey, data []byte) bool {
		at, key := splitRecordKey(engineKey)
		if !bytes.HasPrefix(key, s.prefix) {
			s.skip(at, key)
			ended = false
			return false
		}
		record, err := decodeRecord(data)
		if err != nil {
			damage = fmt.Errorf("key %q: %w", key, err)
			return false
		}
		s.take(at, key, &record)
		ended = ended && !s.full
		return !s.full
	})
	if err := errors.Join(err, damage); err != nil {
		return fmt.Errorf("scan from slot %d: %w", s.slot, err)
	}
	if ended {
		s.slot = last + 1
	}
	return nil
}

// skip moves to the next place where a key with the prefix may be, from a key without it.
func (s *scanner) skip(at katakv.Slot, key []byte) {
	if bytes.Compare(key, s.prefix) > 0 {
		at++
	}
	s.slot, s.start = at, nil
}

// take adds a record to the page, unless it is full: then the next page begins with it.
func (s *scanner) take(at katakv.Slot, key []byte, r *record) {
	size := len(key) + len(r.payload)
	if n := len(s.page.Records); n == maxPageRecords || (n > 0 && s.bytes+size > maxPageBytes) {
		s.full = true
		s.slot, s.start = at, bytes.Clone(key)
		return
	}
	s.bytes += size
	s.page.Records = append(s.page.Records, command.Record{
		Key: bytes.Clone(key), Revision: r.revision, Value: append([]byte{}, r.payload...),
	})
}

package raftlog

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed is returned by every method after [Log.Close]. Nothing was written.
	ErrClosed = errors.New("raft log is closed")

	// ErrTooLarge is wrapped when one Update exceeds Options.MaxRecordBytes. Nothing of it was written; as with
	// every error of Append the log is poisoned.
	ErrTooLarge = errors.New("update exceeds the largest record")

	// ErrVersion is wrapped when a segment or batch is intact but of a version that this program does not
	// know. Nothing was changed; a newer program can open it.
	ErrVersion = errors.New("written by another version of the log format")
)

// What can be wrong with bytes that should be a segment header or a batch.
var (
	errShort    = errors.New("cut short")
	errMagic    = errors.New("no batch where one must begin")
	errSegment  = errors.New("batch belongs to another segment")
	errOffset   = errors.New("batch belongs to another offset")
	errLength   = errors.New("batch length is impossible")
	errChecksum = errors.New("checksum does not match")
	errHeader   = errors.New("segment header is damaged but batches follow it")
	errMissing  = errors.New("segment is missing")
	errUnsealed = errors.New("segment ends before it was sealed but its successor is in use")
	errRecord   = errors.New("record is malformed")
	errBuried   = errors.New("record follows the tombstone of its replica")
)

// DamagedError says that bytes which were durable once are missing or changed. It is never repaired here: the lost
// record may have been the vote of any replica in this log, so all of them are suspect. Match it with errors.As.
type DamagedError struct {
	// File is the path of the damaged or missing segment.
	File string
	// Offset is where in File, in bytes, the first invalid batch begins; 0 for the segment as a whole.
	Offset int64
	// Cause is what was found there.
	Cause error
}

// Error names file, offset, cause, and the way out.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("raft log damaged: %s at offset %d: %v; every replica in this log is suspect, rejoin as a new node",
		e.File, e.Offset, e.Cause)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Cause }

package faultfs

import (
	"errors"
	"time"
)

// Options are for the life of a mount.
type Options struct {
	// Seed is for the draws of jitter.
	Seed uint64
}

// Faults are what goes wrong. The zero value is nothing.
type Faults struct {
	// Within confines the faults to what lies in this directory, relative to the mount point: "node-1/data".
	// Empty means all.
	Within string

	// FailSyncs makes so many fsync and fdatasync fail with EIO, Forever all of them.
	FailSyncs int
	// DropUnsynced makes such a failure lose what was written since the last successful sync of the file.
	DropUnsynced bool
	// SyncDelay is added to each sync, and a further time from 0 to SyncJitter.
	SyncDelay, SyncJitter time.Duration
	// StallSyncs lets syncs hang until the next Set, Clear or Unmount; then they go on under the faults of then.
	StallSyncs bool

	// FailWrites and FailReads make so many fail with EIO, Forever all of them.
	FailWrites, FailReads int
	// WriteDelay is added to each write, and a further time from 0 to WriteJitter.
	WriteDelay, WriteJitter time.Duration

	// Full makes writes and allocations fail with ENOSPC once FullAfterBytes more were written or allocated, at
	// once if that is zero. Making files and directories fails too then.
	Full           bool
	FullAfterBytes int64
	// ShowFull lets statfs tell how much is left before Full; otherwise it comes without warning.
	ShowFull bool

	// ReadOnly makes everything that changes something fail with EROFS.
	ReadOnly bool
}

// Forever is for the counts of Faults: every time.
const Forever = -1

// Counters are what was asked for and what came of it since the mount.
type Counters struct {
	Reads, Writes, Syncs, DirSyncs         uint64 // asked for
	ReadBytes, WrittenBytes                uint64 // done
	FailedReads, FailedWrites, FailedSyncs uint64 // by a fault
	NoSpace, Refused                       uint64 // ENOSPC and EROFS by a fault
	Stalled                                uint64 // syncs that hang now
	DroppedBytes                           uint64 // by DropUnsynced
}

// Available returns nil if such a file system can be mounted here, and otherwise says in one sentence why not.
func Available() error { return errors.ErrUnsupported }

// Mount mounts the directory backing at mountpoint; both must exist. What a killed process left mounted there is
// taken away first.
func Mount(backing, mountpoint string, options Options) (*FS, error) {
	return nil, errors.ErrUnsupported
}

// SweepStale unmounts the file systems of this package at or below dir whose process has ended.
func SweepStale(dir string) error { return errors.ErrUnsupported }

// FS is a mounted file system.
type FS struct{}

// Set puts these faults in the place of those before.
func (f *FS) Set(faults Faults) {}

// Clear ends all faults.
func (f *FS) Clear() {}

// Faults returns the faults that are set, with the counts and bytes that are left of them.
func (f *FS) Faults() Faults { return Faults{} }

// Counters returns what has happened so far.
func (f *FS) Counters() Counters { return Counters{} }

// Dir returns the mount point.
func (f *FS) Dir() string { return "" }

// Unmount clears the faults and unmounts. If the mount is in use still it is taken away all the same, and its
// users get errors from then on; the error says so then. It is bounded in time and may be called again.
func (f *FS) Unmount() error { return nil }

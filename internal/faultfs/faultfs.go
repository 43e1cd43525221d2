package faultfs

import "time"

// Options are for the life of a mount.
type Options struct {
	// Seed is for the draws of jitter.
	Seed uint64
}

// Faults are what goes wrong. The zero value is nothing.
type Faults struct {
	// Within confines the faults to what lies in this directory, relative to the mount point: "node-1/data".
	// Empty means all. A file that is open still, but whose name was removed, lies in none.
	Within string

	// FailSyncs makes so many fsync and fdatasync, of files or directories, fail with EIO, Forever all of them.
	FailSyncs int
	// DropUnsynced makes such a failure lose what was written since the last successful sync of the file.
	DropUnsynced bool
	// SyncDelay is added to each sync, and a further time from 0 to SyncJitter.
	SyncDelay, SyncJitter time.Duration
	// StallSyncs lets syncs hang until the next Set, Clear or Unmount; then they go on under the faults of then.
	// A process that is killed meanwhile ends all the same.
	StallSyncs bool

	// FailWrites and FailReads make so many fail with EIO, Forever all of them.
	FailWrites, FailReads int
	// WriteDelay is added to each write, and a further time from 0 to WriteJitter.
	WriteDelay, WriteJitter time.Duration

	// Full makes writes and allocations fail with ENOSPC once FullAfterBytes more were written or allocated, at
	// once if that is zero; the write that meets the end is short. Making files and directories fails too then.
	// Writing over what is there counts alike, as on a disk that writes everything anew.
	Full           bool
	FullAfterBytes int64
	// ShowFull lets statfs tell how much is left before Full; otherwise it comes without warning.
	ShowFull bool

	// ReadOnly makes everything that changes something fail with EROFS, syncs included.
	ReadOnly bool
}

// Forever is for the counts of Faults: every time.
const Forever = -1

// Counters are what was asked for and what came of it since the mount.
type Counters struct {
	Reads, Writes, Syncs, DirSyncs         uint64 // asked for; Syncs are those of files
	ReadBytes, WrittenBytes                uint64 // done
	FailedReads, FailedWrites, FailedSyncs uint64 // EIO by a fault
	NoSpace, Refused                       uint64 // ENOSPC and EROFS by a fault
	Stalled                                uint64 // syncs that hang now
	DroppedBytes                           uint64 // by DropUnsynced
}

// Set puts these faults in the place of those before.
func (f *FS) Set(faults Faults) { f.state.set(faults) }

// Clear ends all faults.
func (f *FS) Clear() { f.state.set(Faults{}) }

// Faults returns the faults that are set, with the counts and bytes that are left of them.
func (f *FS) Faults() Faults { return f.state.get() }

// Counters returns what has happened so far.
func (f *FS) Counters() Counters { return f.state.counters() }

// Dir returns the mount point.
func (f *FS) Dir() string { return f.dir }

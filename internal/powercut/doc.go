// Package powercut is a disk that can lose its power: an ext4 file system of its own, in a file on a loop device,
// mounted at a directory. A cut makes every process on it fail at once and loses what was not synced, as far as
// ext4 itself would lose it; restoring mounts it again, with the recovery of ext4's journal.
//
//	disk, err := powercut.Create(dir, powercut.Options{SizeMiB: 512})
//	...
//	defer disk.Close()
//	// run a node with its data in dir
//	// signal the node to end at once
//	err = disk.Cut()      // who uses it still gets EIO from now on
//	// wait for the node's end
//	err = disk.Restore()  // what it had synced is there
//
// The disk can also run full (Fill, Free), with the real ENOSPC, and turn read-only as one does on which the
// kernel found an error (ReadOnly; Restore ends it).
//
// # Promises
//
//   - After Cut nothing more reaches the disk. What was synced before is there after Restore; what was not may be,
//     if the kernel happened to write it. The directory entries that ext4 had not committed are gone.
//   - A sync in flight during Cut may report success although its bytes are lost: ext4 forgets the transaction while
//     the sync waits for the data. A process that tells others of it must not live to do so, as it does not when a
//     machine loses its power: send SIGKILL, Cut without waiting, then wait for its end. Of 624 cuts before the signal
//     15 lost what a process had passed on as synced, of 681 after it none.
//   - Restore and Close fail while a process uses the disk, and say so; nothing is forced on it but by Close, which
//     then detaches the mount and leaves the loop device to vanish with the last user. A process with mounts of its
//     own (`ip netns exec`, `unshare --mount`) that was started while the disk was mounted counts as a user.
//   - Cut and the others act on the disk only, never on the file system beneath its directory.
//   - What a killed process left is taken away by SweepStale and by the next Create for the same directory.
//
// It does not start, watch or end processes. Single failing operations are for package faultfs.
//
// # Concurrency
//
// All methods may be called from any goroutine; they wait for one another. There are no goroutines.
package powercut

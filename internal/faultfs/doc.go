// Package faultfs is a file system that passes everything on to a directory and fails when it is told to: a disk
// whose syncs fail or hang, that is full, slow, broken or read-only, under the unchanged program. It is served over
// FUSE by the process that mounts it, which switches the faults while others use it.
//
//	disk, err := faultfs.Mount(backing, mountpoint, faultfs.Options{Seed: 1})
//	...
//	defer disk.Unmount()
//	disk.Set(faultfs.Faults{FailSyncs: 1, DropUnsynced: true})
//	...
//	disk.Clear()
//
// # Promises
//
//   - A fault holds for every operation that begins after Set returned; Clear and Set also let go of syncs that
//     hang. Reads and writes bypass the kernel's page cache, so that each one meets the faults.
//   - A sync that succeeds has synced the file or directory beneath.
//   - A sync that fails with Faults.DropUnsynced has lost what was written to that file since its last successful
//     sync, size included, as a kernel does that marks pages clean after a failed write: retrying it succeeds and
//     brings nothing back. What is dropped is bounded by UnsyncedBytes a file; anything older counts as
//     having reached the disk by itself. Names (creations, renames, removals) are never lost.
//   - Locks (flock, fcntl), statfs, fallocate, hard links, renames and syncs of directories work as beneath.
//
// The kernel believes a name for a second and attributes not at all, which is right while nothing changes the names
// in the backing directory but through the mount. After DropUnsynced made a file shorter an O_APPEND on a descriptor that was
// open may write beyond its end; a program that carries on after a failed sync is in the wrong anyway. The kernel
// holds the lock of a file while that is synced: a sync that hangs also stops writes to the same file.
//
// The mounting process had better not use the mount much itself, nor start processes with a program or working
// directory on it: between fork and exec Go's runtime may wait for the very process that should answer.
//
// It does not survive its process: when that is killed every user of the mount gets ENOTCONN, and SweepStale takes
// the mount away. Losing power is for package powercut.
//
// # Concurrency
//
// All methods may be called from any goroutine. The library serves requests with goroutines of its own, started by
// one of ours; they end with Unmount, which waits for them.
package faultfs

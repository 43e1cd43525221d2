// Package crashfs is a file system in memory that crashes on command, the same way for the same seed.
//
//	disk := crashfs.New()
//	... run raftlog and Pebble on disk ...
//	disk = disk.Crash(crashfs.KeepSome, rng)
//
// It knows the difference between what was written and what was synced, for every page of every file and for
// every name in a directory, and so it can produce what a power cut leaves: all outcomes that POSIX allows and
// journaling file systems show, never one that they exclude. Synced data is always there.
//
// What a crash with [KeepSome] does to what was not synced:
//
//   - A file keeps none of its unsynced pages, or all, or those up to some byte (a torn tail), or some of them
//     in any order, each whole or up to some byte. Where a page is lost, what was durable there before remains.
//   - A file's length may be durable before its data, as on ext4: what is missing then reads as zeroes.
//   - A new name in a directory is there or not, each for itself, as btrfs shows when it syncs one file of several.
//     Only when the name of a file that was synced is lost, so is everything done after it in the same directory.
//     A removal, a replacement or a rename is there whole or not at all, and only when everything before it in the
//     same directory is. Journals keep that order, and programs rely on it: Pebble moves a marker to a manifest that
//     it has synced, and syncs their directory once, afterwards.
//
// vfs.NewCrashableMem with CrashClone was not enough: it draws while it ranges over a map, so a seed does not
// repeat; it never loses a removal's predecessor nor keeps a removal; it cannot tear inside a page; and every sync
// copies the whole file. Here pages are shared between a file system and its copies until one writes, so that a
// sync costs what was written and a crash costs little more than the table of pages (BenchmarkCrash).
//
// # Faults
//
// A function given to [FS.Intercept] is asked before every operation and may fail it. A sync that fails so drops
// what it should have written, as Linux does: reads go on to see it, a further sync succeeds, and no crash will ever
// show it. A write that fails so leaves the first half of its bytes. [FS.FlipBit] damages what is durable.
//
// # Concurrency
//
// Methods of FS and of its files may be called from any goroutine; one lock guards a file system. A file is used by
// one goroutine at a time, apart from ReadAt and syncs. The function given to Intercept is called without the lock
// from the goroutine of the operation, and may itself use the file system, Crash and Clone included.
//
// What it leaves to others: which moments to crash at, and closing what still runs on the file system that was
// left behind, which goes on to work.
package crashfs

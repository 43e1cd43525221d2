package faultfs

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// UnsyncedBytes is how much of what was overwritten in a file since its last sync is remembered.
const UnsyncedBytes = 64 << 20

// unsynced knows how to undo what was written to a file since its last successful sync: its size then, and what
// stood before in the places below that size that were written over since.
//
//	synced size ──────────────┐
//	[ synced ][ overwritten ] │ [ appended        ]
//	            kept in old     undone by the size
type unsynced struct {
	// mu also orders writes with a drop, so it is held during them. The kernel lets one write at a time into a file
	// anyway.
	mu struct {
		sync.Mutex
		epoch
	}
}

// epoch is what was written between two syncs.
type epoch struct {
	dirty bool
	size  int64
	old   []extent // oldest first
	bytes int      // of old
	added uint64   // bytes written
}

type extent struct {
	at   int64
	data []byte
}

// write writes to a file and remembers what it writes over.
func (u *unsynced) write(fd int, data []byte, at int64) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.mu.begin(fd); err != nil {
		return 0, err
	}
	if err := u.mu.keep(fd, at, len(data)); err != nil {
		return 0, err
	}
	n, err := unix.Pwrite(fd, data, at)
	if n > 0 {
		u.mu.added += uint64(n)
	}
	return n, err
}

// grow makes a file longer by calling f.
func (u *unsynced) grow(fd int, f func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.mu.begin(fd); err != nil {
		return err
	}
	return f()
}

// begin notes the size at the first change since a sync.
func (e *epoch) begin(fd int) error {
	if e.dirty {
		return nil
	}
	size, err := sizeOf(fd)
	e.dirty, e.size = err == nil, size
	return err
}

// keep remembers what stands in a place that will be written over.
func (e *epoch) keep(fd int, at int64, n int) error {
	n = int(min(int64(n), max(e.size-at, 0)))
	if n == 0 {
		return nil
	}
	old := make([]byte, n)
	n, err := unix.Pread(fd, old, at)
	if err != nil {
		return err
	}
	e.old = append(e.old, extent{at: at, data: old[:n]})
	e.bytes += n
	for e.bytes > UnsyncedBytes { // the oldest have reached the disk by themselves
		e.bytes -= len(e.old[0].data)
		e.old = e.old[1:]
	}
	return nil
}

// sync calls f to sync the file. What is written meanwhile stays unsynced.
func (u *unsynced) sync(f func() error) error {
	u.forget()
	return f()
}

// forget takes everything that was written for synced.
func (u *unsynced) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.epoch = epoch{}
}

// drop undoes what was written since the last sync and returns how many bytes that were.
func (u *unsynced) drop(fd int) (uint64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	e := u.mu.epoch
	u.mu.epoch = epoch{}
	if !e.dirty {
		return 0, nil
	}
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDWR, 0) // the caller's may be for reading only
	if err != nil {
		return 0, err
	}
	for i := len(e.old) - 1; i >= 0 && err == nil; i-- {
		_, err = f.WriteAt(e.old[i].data, e.old[i].at)
	}
	if err == nil {
		err = f.Truncate(e.size)
	}
	return e.added, errors.Join(err, f.Close())
}

func sizeOf(fd int) (int64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Size, err
}

package pebble

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lateRemovals is a file system, for tests that repeat, on which files stay until carryOut. Pebble removes what it needs no
// longer in goroutines of its own: whether that is before or after the next sync of a directory would be theirs to
// decide, and a crash between them leaves one disk or the other.
type lateRemovals struct {
	vfs.FS
	mu struct {
		sync.Mutex
		names map[string]bool
	}
}

func newLateRemovals(on vfs.FS) *lateRemovals {
	l := &lateRemovals{FS: on}
	l.mu.names = make(map[string]bool)
	return l
}

// Remove implements vfs.FS.
func (l *lateRemovals) Remove(name string) error {
	if _, err := l.Stat(name); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.names[name] = true
	return nil
}

// keep takes the removal of a name back, because another file gets it.
func (l *lateRemovals) keep(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.names, name)
}

// carryOut removes what was removed since the last call, in the order of names.
func (l *lateRemovals) carryOut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.mu.names)) {
		if err := l.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // its directory may have gone before
			errs = append(errs, err)
		}
	}
	clear(l.mu.names)
	return errors.Join(errs...)
}

// Create implements vfs.FS.
func (l *lateRemovals) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	l.keep(name)
	return l.FS.Create(name, category)
}

// OpenReadWrite implements vfs.FS.
func (l *lateRemovals) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	l.keep(name)
	return l.FS.OpenReadWrite(name, category, opts...)
}

// Link implements vfs.FS.
func (l *lateRemovals) Link(from, to string) error {
	l.keep(to)
	return l.FS.Link(from, to)
}

// Rename implements vfs.FS.
func (l *lateRemovals) Rename(from, to string) error {
	l.keep(from)
	l.keep(to)
	return l.FS.Rename(from, to)
}

// ReuseForWrite implements vfs.FS.
func (l *lateRemovals) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	l.keep(from)
	l.keep(to)
	return l.FS.ReuseForWrite(from, to, category)
}

// Unwrap implements vfs.FS.
func (l *lateRemovals) Unwrap() vfs.FS { return l.FS }

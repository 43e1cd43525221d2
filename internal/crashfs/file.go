package crashfs

import (
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// file is an open file or directory.
type file struct {
	fs          *FS
	node        *node
	name        string
	offset      int64
	read, write bool
}

var _ vfs.File = (*file)(nil)

// Close implements vfs.File.
func (f *file) Close() error {
	if f.node == nil {
		return f.fail("close", fs.ErrClosed)
	}
	f.node = nil
	return nil
}

func (f *file) fail(op string, err error) error { return &fs.PathError{Op: op, Path: f.name, Err: err} }

// usable reports why the file cannot be read or written as allowed says.
func (f *file) usable(op string, allowed bool) error {
	switch {
	case f.node == nil:
		return f.fail(op, fs.ErrClosed)
	case f.node.isDir():
		return f.fail(op, errIsDir)
	case !allowed:
		return f.fail(op, fs.ErrPermission)
	}
	return nil
}

// Read implements vfs.File.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.readAt(errorfs.OpFileRead, p, f.offset)
	f.offset += int64(n)
	return n, err
}

// ReadAt implements vfs.File.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.readAt(errorfs.OpFileReadAt, p, offset)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *file) readAt(kind errorfs.OpKind, p []byte, offset int64) (int, error) {
	if err := f.usable("read", f.read); err != nil {
		return 0, err
	}
	if err := f.fs.ask(kind, f.name, offset); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n := f.node.readAt(p, offset)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write implements vfs.File.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.writeAt(errorfs.OpFileWrite, p, f.offset)
	f.offset += int64(n)
	return n, err
}

// WriteAt implements vfs.File.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	return f.writeAt(errorfs.OpFileWriteAt, p, offset)
}

func (f *file) writeAt(kind errorfs.OpKind, p []byte, offset int64) (int, error) {
	if err := f.usable("write", f.write); err != nil {
		return 0, err
	}
	err := f.fs.ask(kind, f.name, offset)
	if err != nil {
		p = p[:len(p)/2]
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if len(p) > 0 {
		f.fs.writeLocked(f.node, p, offset)
	}
	return len(p), err
}

// Preallocate implements vfs.File and does nothing.
func (f *file) Preallocate(offset, _ int64) error {
	return f.fs.ask(errorfs.OpFilePreallocate, f.name, offset)
}

// Prefetch implements vfs.File and does nothing.
func (f *file) Prefetch(int64, int64) error { return nil }

// Stat implements vfs.File.
func (f *file) Stat() (vfs.FileInfo, error) {
	if f.node == nil {
		return nil, f.fail("stat", fs.ErrClosed)
	}
	if err := f.fs.ask(errorfs.OpFileStat, f.name, 0); err != nil {
		return nil, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.info(f.name), nil
}

// Sync implements vfs.File.
func (f *file) Sync() error { return f.sync(errorfs.OpFileSync) }

// SyncData implements vfs.File. It is Sync: a length that grew is data too.
func (f *file) SyncData() error { return f.sync(errorfs.OpFileSyncData) }

func (f *file) sync(kind errorfs.OpKind) error {
	if f.node == nil {
		return f.fail("sync", fs.ErrClosed)
	}
	err := f.fs.ask(kind, f.name, 0)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch {
	case err != nil:
		f.node.dropLocked()
	case f.node.isDir():
		f.fs.syncDirLocked(f.node)
	default:
		f.fs.syncFileLocked(f.node)
	}
	return err
}

// SyncTo implements vfs.File. It promises nothing and does nothing.
func (f *file) SyncTo(length int64) (bool, error) {
	return false, f.fs.ask(errorfs.OpFileSyncTo, f.name, length)
}

// Fd implements vfs.File: there is no descriptor.
func (f *file) Fd() uintptr { return vfs.InvalidFd }

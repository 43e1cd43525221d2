package crashfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

var (
	errNotDir   = errors.New("not a directory")
	errIsDir    = errors.New("is a directory")
	errNotEmpty = errors.New("directory is not empty")
	errLocked   = errors.New("file is locked")
)

// FS is a vfs.FS in memory. Make one with New.
type FS struct {
	intercept atomic.Pointer[func(errorfs.Op) error]

	mu struct {
		sync.Mutex
		root   *node
		owner  *owner
		spare  []*page // pages of this owner that nobody uses
		locked map[string]bool
		// pending are the changes of names that no sync has covered yet, oldest first.
		pending []nameChange
	}
}

var _ vfs.FS = (*FS)(nil)

// New returns an empty file system.
func New() *FS {
	f := &FS{}
	f.mu.root = newDir()
	f.mu.owner = &owner{}
	f.mu.locked = map[string]bool{}
	return f
}

// Intercept has every operation ask f first, which fails it by returning an error; nil stops that. Renames and links
// are asked for with their old name.
func (f *FS) Intercept(ask func(errorfs.Op) error) {
	if ask == nil {
		f.intercept.Store(nil)
		return
	}
	f.intercept.Store(&ask)
}

func (f *FS) ask(kind errorfs.OpKind, name string, offset int64) error {
	if ask := f.intercept.Load(); ask != nil {
		return (*ask)(errorfs.Op{Kind: kind, Path: name, Offset: offset})
	}
	return nil
}

// begin asks for an operation and takes the lock, which the caller releases when the error is nil.
func (f *FS) begin(kind errorfs.OpKind, name string) error {
	if err := f.ask(kind, name, 0); err != nil {
		return err
	}
	f.mu.Lock()
	return nil
}

// clean returns name relative to the root, which is "".
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// findLocked returns what is called name.
func (f *FS) findLocked(op, name string) (*node, error) {
	n := f.mu.root
	for rest := clean(name); rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		if !n.isDir() {
			return nil, &fs.PathError{Op: op, Path: name, Err: errNotDir}
		}
		if n = n.children[part]; n == nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
	}
	return n, nil
}

// parentLocked returns the directory that name lies in, and its last part.
func (f *FS) parentLocked(op, name string) (*node, string, error) {
	dir, base := path.Split(clean(name))
	if base == "" {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, err := f.findLocked(op, dir)
	if err == nil && !n.isDir() {
		err = &fs.PathError{Op: op, Path: name, Err: errNotDir}
	}
	return n, base, err
}

// Create implements vfs.FS.
func (f *FS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.begin(errorfs.OpCreate, name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	return f.createLocked(name)
}

func (f *FS) createLocked(name string) (vfs.File, error) {
	dir, base, err := f.parentLocked("create", name)
	if err != nil {
		return nil, err
	}
	if old := dir.children[base]; old != nil && old.isDir() {
		return nil, &fs.PathError{Op: "create", Path: name, Err: errIsDir}
	}
	n := &node{}
	f.changeLocked(nameChange{dir: dir, name: base, node: n})
	return &file{fs: f, node: n, name: name, read: true, write: true}, nil
}

// Open implements vfs.FS.
func (f *FS) Open(name string, _ ...vfs.OpenOption) (vfs.File, error) {
	return f.open(errorfs.OpOpen, name)
}

// OpenDir implements vfs.FS.
func (f *FS) OpenDir(name string) (vfs.File, error) { return f.open(errorfs.OpOpenDir, name) }

func (f *FS) open(kind errorfs.OpKind, name string) (vfs.File, error) {
	if err := f.begin(kind, name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n, err := f.findLocked("open", name)
	if err != nil {
		return nil, err
	}
	return &file{fs: f, node: n, name: name, read: true}, nil
}

// OpenReadWrite implements vfs.FS.
func (f *FS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	if err := f.begin(errorfs.OpOpen, name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n, err := f.findLocked("open", name)
	if errors.Is(err, fs.ErrNotExist) {
		return f.createLocked(name)
	}
	if err != nil {
		return nil, err
	}
	return &file{fs: f, node: n, name: name, read: true, write: true}, nil
}

// Lock implements vfs.FS. A crash releases all locks.
func (f *FS) Lock(name string) (io.Closer, error) {
	if err := f.begin(errorfs.OpLock, name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if f.mu.locked[clean(name)] {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: errLocked}
	}
	if _, err := f.createLocked(name); err != nil {
		return nil, err
	}
	f.mu.locked[clean(name)] = true
	return &lock{fs: f, name: clean(name)}, nil
}

type lock struct {
	fs   *FS
	name string
}

// Close releases the lock. It is safe to call twice.
func (l *lock) Close() error {
	if l.fs == nil {
		return nil
	}
	l.fs.mu.Lock()
	delete(l.fs.mu.locked, l.name)
	l.fs.mu.Unlock()
	l.fs = nil
	return nil
}

// List implements vfs.FS. The names are sorted.
func (f *FS) List(name string) ([]string, error) {
	if err := f.begin(errorfs.OpList, name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n, err := f.findLocked("list", name)
	if err != nil {
		return nil, err
	}
	if !n.isDir() {
		return nil, &fs.PathError{Op: "list", Path: name, Err: errNotDir}
	}
	return slices.Sorted(maps.Keys(n.children)), nil
}

// Stat implements vfs.FS.
func (f *FS) Stat(name string) (vfs.FileInfo, error) {
	if err := f.begin(errorfs.OpStat, name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n, err := f.findLocked("stat", name)
	if err != nil {
		return nil, err
	}
	return n.info(name), nil
}

// PathBase implements vfs.FS.
func (*FS) PathBase(name string) string { return path.Base(name) }

// PathJoin implements vfs.FS.
func (*FS) PathJoin(elem ...string) string { return path.Join(elem...) }

// PathDir implements vfs.FS.
func (*FS) PathDir(name string) string { return path.Dir(name) }

// GetDiskUsage implements vfs.FS: there is none.
func (*FS) GetDiskUsage(string) (vfs.DiskUsage, error) { return vfs.DiskUsage{}, vfs.ErrUnsupported }

// Unwrap implements vfs.FS.
func (*FS) Unwrap() vfs.FS { return nil }

// String lists all files with their lengths, for messages.
func (f *FS) String() string {
	var out strings.Builder
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.root.walk("", func(name string, n *node) {
		if !n.isDir() {
			fmt.Fprintf(&out, "%s %d bytes, %d durable, %d pages not\n", name, n.size, n.durableSize, len(n.dirty))
		}
	})
	return out.String()
}

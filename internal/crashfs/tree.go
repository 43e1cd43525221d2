package crashfs

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Link implements vfs.FS.
func (f *FS) Link(oldname, newname string) error {
	if err := f.begin(errorfs.OpLink, oldname); err != nil {
		return err
	}
	defer f.mu.Unlock()
	n, err := f.findLocked("link", oldname)
	if err != nil {
		return err
	}
	dir, base, err := f.parentLocked("link", newname)
	if err != nil {
		return err
	}
	if dir.children[base] != nil {
		return &fs.PathError{Op: "link", Path: newname, Err: fs.ErrExist}
	}
	f.changeLocked(nameChange{dir: dir, name: base, node: n})
	return nil
}

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	if err := f.begin(errorfs.OpRemove, name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	dir, base, err := f.parentLocked("remove", name)
	if err != nil {
		return err
	}
	n := dir.children[base]
	if n == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if len(n.children) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: errNotEmpty}
	}
	f.changeLocked(nameChange{dir: dir, name: base})
	return nil
}

// RemoveAll implements vfs.FS. A crash may leave a part.
func (f *FS) RemoveAll(name string) error {
	if err := f.begin(errorfs.OpRemoveAll, name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	dir, base, err := f.parentLocked("remove", name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.removeTreeLocked(dir, base)
	return nil
}

func (f *FS) removeTreeLocked(dir *node, name string) {
	n := dir.children[name]
	if n == nil {
		return
	}
	for _, child := range slices.Sorted(maps.Keys(n.children)) {
		f.removeTreeLocked(n, child)
	}
	f.changeLocked(nameChange{dir: dir, name: name})
}

// Rename implements vfs.FS.
func (f *FS) Rename(oldname, newname string) error {
	if err := f.begin(errorfs.OpRename, oldname); err != nil {
		return err
	}
	defer f.mu.Unlock()
	return f.renameLocked(oldname, newname)
}

func (f *FS) renameLocked(oldname, newname string) error {
	from, fromBase, err := f.parentLocked("rename", oldname)
	if err != nil {
		return err
	}
	n := from.children[fromBase]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	dir, base, err := f.parentLocked("rename", newname)
	if err != nil {
		return err
	}
	if dir.children[base] == n {
		return nil
	}
	f.changeLocked(nameChange{dir: dir, name: base, node: n, from: from, fromName: fromBase})
	return nil
}

// ReuseForWrite implements vfs.FS.
func (f *FS) ReuseForWrite(oldname, newname string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.begin(errorfs.OpReuseForWrite, oldname); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if err := f.renameLocked(oldname, newname); err != nil {
		return nil, err
	}
	n, err := f.findLocked("open", newname)
	if err != nil {
		return nil, err
	}
	return &file{fs: f, node: n, name: newname, write: true}, nil
}

// MkdirAll implements vfs.FS.
func (f *FS) MkdirAll(name string, _ fs.FileMode) error {
	if err := f.begin(errorfs.OpMkdirAll, name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	n := f.mu.root
	for rest := clean(name); rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		child := n.children[part]
		if child == nil {
			child = newDir()
			f.changeLocked(nameChange{dir: n, name: part, node: child})
		}
		if !child.isDir() {
			return &fs.PathError{Op: "mkdir", Path: name, Err: errNotDir}
		}
		n = child
	}
	return nil
}

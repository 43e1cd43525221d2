package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fatalDirs is a file system on which a failed sync of a directory is fatal at once. Pebble panics where the sync
// is to move a marker; the process would end without anybody noting that its disk failed. It is used as a pointer,
// because Pebble compares file systems.
type fatalDirs struct {
	vfs.FS
	fatal func(error)
}

// OpenDir implements vfs.FS.
func (fs *fatalDirs) OpenDir(name string) (vfs.File, error) {
	dir, err := fs.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return fatalDir{File: dir, name: name, fatal: fs.fatal}, nil
}

// Unwrap implements vfs.FS.
func (fs *fatalDirs) Unwrap() vfs.FS { return fs.FS }

type fatalDir struct {
	vfs.File
	name  string
	fatal func(error)
}

// Sync implements vfs.File. It returns only when it succeeded.
func (d fatalDir) Sync() error {
	if err := d.File.Sync(); err != nil {
		d.fatal(fmt.Errorf("state engine: sync directory %s: %w", d.name, err))
	}
	return nil
}

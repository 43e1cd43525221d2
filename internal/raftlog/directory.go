package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// makeDir creates the directory and makes it durable, its missing parents included. Its name is made durable also when
// it exists: whoever made it may have died before that.
func (l *Log) makeDir() error {
	disk := l.opts.FS
	var missing []string
	for dir := l.dir; ; dir = disk.PathDir(dir) {
		if _, err := disk.Stat(dir); err == nil || dir == disk.PathDir(dir) {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("stat %s: %w", dir, err)
		}
		missing = append(missing, dir)
	}
	if len(missing) == 0 {
		return l.syncDir(disk.PathDir(l.dir))
	}
	if err := disk.MkdirAll(l.dir, 0o755); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	for _, dir := range missing {
		if err := l.syncDir(disk.PathDir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// list returns the ids of the segments in order, and the names of the spares.
func (l *Log) list() (ids []uint64, spares []string, err error) {
	names, err := l.opts.FS.List(l.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if id, ok := parseSegmentName(name); ok {
			ids = append(ids, id)
		} else if strings.HasSuffix(name, spareSuffix) {
			spares = append(spares, name)
		} else {
			l.opts.Logger.Warn("raft log ignores a file that is not its own", "dir", l.dir, "file", name)
		}
	}
	return ids, spares, nil
}

// adoptSpares keeps the spares that can be written again and removes the others.
func (l *Log) adoptSpares(names []string) error {
	for _, name := range names {
		info, err := l.opts.FS.Stat(l.path(name))
		if err != nil {
			return fmt.Errorf("stat %s: %w", name, err)
		}
		if info.Size() == l.opts.SegmentBytes && len(l.spares) < maxSpareSegments {
			l.spares = append(l.spares, name)
		} else if err := l.opts.FS.Remove(l.path(name)); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

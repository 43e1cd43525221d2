package raftlog

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv/internal/invariant"
)

const (
	segmentSuffix = ".raftlog"
	spareSuffix   = ".spare"
	firstSegment  = 1

	// zeroBlockBytes is how much is zeroed by one write.
	zeroBlockBytes = 1 << 20

	// segmentAlign rounds the size of a segment made for one large batch.
	segmentAlign = 4096
)

// segment is what memory holds of one segment file.
type segment struct {
	id   uint64
	size int64 // of the file
	end  int64 // of the last batch: where the next one goes
	live int64 // bytes of live records
}

// active returns the segment that is written to.
func (l *Log) active() *segment { return &l.segments[len(l.segments)-1] }

func segmentName(id uint64) string { return fmt.Sprintf("%016x%s", id, segmentSuffix) }

func spareName(id uint64) string { return fmt.Sprintf("%016x%s", id, spareSuffix) }

// parseSegmentName is the inverse of segmentName.
func parseSegmentName(name string) (uint64, bool) {
	hex, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	var id uint64
	if _, err := fmt.Sscanf(hex, "%016x", &id); err != nil || segmentName(id) != name {
		return 0, false
	}
	return id, true
}

func (l *Log) path(name string) string { return l.opts.FS.PathJoin(l.dir, name) }

// createSegment makes segment id durable with at least need bytes after its header, and returns its file. On a
// crash before it returns, the file may exist without a valid header; it never holds a batch.
func (l *Log) createSegment(id uint64, need int64, oldest uint64) (vfs.File, segment, error) {
	invariant.Check(id < math.MaxUint32, "raft log: segment ids are used up at %d", id)
	size := l.opts.SegmentBytes
	if need+segmentHeaderBytes > size {
		size = (need + segmentHeaderBytes + segmentAlign - 1) / segmentAlign * segmentAlign
	}
	invariant.Check(size < math.MaxUint32, "raft log: segment of %d bytes", size)
	path := l.path(segmentName(id))
	f, err := l.prepareFile(path, size)
	if err != nil {
		return nil, segment{}, err
	}
	header := appendSegmentHeader(nil, segmentHeader{segment: id, oldest: oldest})
	if _, err := f.WriteAt(header, 0); err != nil {
		f.Close()
		return nil, segment{}, fmt.Errorf("write header of %s: %w", path, err)
	}
	// The full sync takes the file's size and extents along, so that later ones of its data need not.
	if err := f.Sync(); err != nil {
		f.Close()
		return nil, segment{}, fmt.Errorf("sync %s: %w", path, err)
	}
	if err := l.syncDir(l.dir); err != nil {
		f.Close()
		return nil, segment{}, err
	}
	l.counters.syncs += 2
	l.opts.Logger.Debug("raft log segment created", "file", path, "bytes", size)
	return f, segment{id: id, size: size, end: segmentHeaderBytes}, nil
}

// prepareFile returns a file of size bytes whose blocks are all written: a spare if there is one, else zeroes.
func (l *Log) prepareFile(path string, size int64) (vfs.File, error) {
	fs := l.opts.FS
	if n := len(l.spares); n > 0 && size == l.opts.SegmentBytes {
		spare := l.path(l.spares[n-1])
		l.spares = l.spares[:n-1]
		if err := fs.Rename(spare, path); err != nil {
			return nil, fmt.Errorf("reuse %s: %w", spare, err)
		}
		f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		return f, nil
	}
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	if err := writeZeroes(f, 0, size); err != nil {
		f.Close()
		return nil, fmt.Errorf("zero %s: %w", path, err)
	}
	return f, nil
}

// writeZeroes zeroes f from start to end.
func writeZeroes(f vfs.File, start, end int64) error {
	block := make([]byte, min(zeroBlockBytes, max(end-start, 0)))
	for at := start; at < end; at += int64(len(block)) {
		if _, err := f.WriteAt(block[:min(int64(len(block)), end-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// rollOver makes a new active segment with room for need bytes. The order matters: the successor is durable before
// the seal that says so, and the seal before anything is written to the successor. So a sealed segment whose
// successor is missing, and a successor in use whose predecessor is not sealed, are both damage.
func (l *Log) rollOver(need int64) error {
	f, s, err := l.createSegment(l.active().id+1, need, l.oldestNeeded())
	if err != nil {
		return err
	}
	if err := l.seal(); err != nil {
		f.Close()
		return fmt.Errorf("seal segment %d: %w", l.active().id, err)
	}
	old := l.file
	l.file = f
	l.segments = append(l.segments, s)
	if err := old.Close(); err != nil {
		return fmt.Errorf("close segment %d: %w", s.id-1, err)
	}
	return nil
}

// seal ends the active segment. Its batches are synced already, and the seal, a batch without records, records it.
func (l *Log) seal() error {
	l.buf = beginBatch(l.buf)
	l.bufFlags = flagSeal
	return l.write()
}

// oldestNeeded returns the first segment that holds anything live, or the active one.
func (l *Log) oldestNeeded() uint64 {
	last := len(l.segments) - 1
	for i := range last {
		if l.segments[i].live > 0 {
			return l.segments[i].id
		}
	}
	return l.segments[last].id
}

// removeUnneeded removes the segments below the oldest one that a durable batch names, oldest first. The directory
// is synced after each, so that no crash can leave a hole.
func (l *Log) removeUnneeded() error {
	for l.segments[0].id < l.recordedOldest {
		s := l.segments[0]
		invariant.Check(len(l.segments) > 1 && s.live == 0, "raft log: removing segment %d with %d live bytes", s.id, s.live)
		if err := l.removeSegment(s); err != nil {
			return err
		}
		l.segments = l.segments[1:]
		for key, id := range l.tombstones {
			if id == s.id {
				delete(l.tombstones, key)
			}
		}
	}
	return nil
}

func (l *Log) removeSegment(s segment) error {
	path, spare := l.path(segmentName(s.id)), spareName(s.id)
	// A crash between rename and directory sync can leave a segment under both names.
	known := slices.Contains(l.spares, spare)
	if s.size == l.opts.SegmentBytes && len(l.spares) < maxSpareSegments && !known {
		if err := l.opts.FS.Rename(path, l.path(spare)); err != nil {
			return fmt.Errorf("retire %s: %w", path, err)
		}
		l.spares = append(l.spares, spare)
	} else if err := l.opts.FS.Remove(path); err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	l.counters.removedSegments++
	l.counters.syncs++
	l.opts.Logger.Debug("raft log segment removed", "file", path)
	return l.syncDir(l.dir)
}

func (l *Log) syncDir(dir string) error {
	d, err := l.opts.FS.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open directory %s: %w", dir, err)
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return d.Close()
}

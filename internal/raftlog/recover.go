package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
)

// Recovered is what a log holds when it is opened.
type Recovered struct {
	// Replicas are sorted by (Shard, Replica).
	Replicas []RecoveredReplica
	// Tombstones are the destroyed replicas that the log still remembers, sorted; it forgets each once nothing
	// else of it is on the disk.
	Tombstones []ReplicaKey
	// TornBytes counts the bytes cut as a torn tail: a batch that was never acknowledged.
	TornBytes int64
}

// RecoveredReplica is one replica as the log knows it. The caller owns all of it.
type RecoveredReplica struct {
	Shard   katakv.ShardID
	Replica katakv.ReplicaID
	// HardState is nil when none was ever appended. Its Commit is lowered to the last index that the log knows,
	// which is that of Entries, else of Snapshot, else 0; raise it to the applied index.
	HardState *raftpb.HardState
	Snapshot  SnapshotMark
	// Entries are contiguous and end at the last index. They begin after Snapshot.Index; later, but no later than
	// the index last released, where released ones are gone. Ones released before the restart may be among them.
	Entries []*raftpb.Entry
}

// image is a segment file in memory.
type image struct {
	id   uint64
	name string
	data []byte
}

// Open opens the log in dir, which it creates when absent, and returns what it holds. It changes nothing unless all
// that is there is sound but for a torn tail; a *DamagedError says what is not. What it returns is synced.
func Open(dir string, opts Options) (*Log, Recovered, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, Recovered{}, err
	}
	l := &Log{dir: dir, opts: opts, replicas: map[ReplicaKey]*replicaState{}, tombstones: map[ReplicaKey]uint64{}}
	rec, err := l.open()
	if err != nil {
		if l.file != nil {
			l.file.Close() // the first error is the one to report
		}
		return nil, Recovered{}, fmt.Errorf("open raft log %s: %w", dir, err)
	}
	return l, rec, nil
}

func (l *Log) open() (Recovered, error) {
	if err := l.makeDir(); err != nil {
		return Recovered{}, err
	}
	ids, spares, err := l.list()
	if err != nil {
		return Recovered{}, err
	}
	p := newReplay()
	found, err := l.read(ids, p)
	if err != nil {
		return Recovered{}, err
	}
	// From here on the log is known to be sound, and may be changed.
	for _, id := range found.drop {
		if err := l.opts.FS.Remove(l.path(segmentName(id))); err != nil {
			return Recovered{}, fmt.Errorf("remove %s: %w", segmentName(id), err)
		}
	}
	if err := l.syncDir(l.dir); err != nil {
		return Recovered{}, err
	}
	if err := l.adoptSpares(spares); err != nil {
		return Recovered{}, err
	}
	l.segments = found.segments
	if err := l.syncSealed(); err != nil {
		return Recovered{}, err
	}
	if len(l.segments) == 0 {
		f, s, err := l.createSegment(firstSegment, 0, firstSegment)
		if err != nil {
			return Recovered{}, err
		}
		l.file, l.segments = f, []segment{s}
	} else if err := l.openActive(found); err != nil {
		return Recovered{}, err
	}
	// Conservative: a segment goes only after this process has written that it may.
	l.recordedOldest = l.segments[0].id
	l.recordedSynced = p.empty || len(found.segments) == 0
	rec := p.finish(l)
	rec.TornBytes = found.torn
	return rec, nil
}

// load reads a segment whole. It allocates what the file holds.
func (l *Log) load(id uint64) (image, error) {
	img := image{id: id, name: segmentName(id)}
	f, err := l.opts.FS.Open(l.path(img.name))
	if err != nil {
		return img, fmt.Errorf("open %s: %w", img.name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return img, fmt.Errorf("stat %s: %w", img.name, err)
	}
	img.data = make([]byte, info.Size())
	if _, err := io.ReadFull(f, img.data); err != nil {
		return img, fmt.Errorf("read %s: %w", img.name, err)
	}
	return img, nil
}

// found is what read learned of the files.
type found struct {
	segments []segment
	tail     image    // of the last of segments
	drop     []uint64 // segments never finished, and ones that are no longer needed
	torn     int64
}

// read replays the segments in order and judges them. It changes nothing.
func (l *Log) read(ids []uint64, p *replay) (found, error) {
	var out found
	if len(ids) == 0 {
		return out, nil
	}
	start := len(ids) - 1 // of the segments without a hole that end at the newest
	for start > 0 && ids[start-1]+1 == ids[start] {
		start--
	}
	needed := ids[start:]
	newest, err := l.judgeNewest(needed[len(needed)-1])
	if err != nil {
		return out, err
	}
	if len(needed) == 1 && newest != inUse {
		if needed[0] != firstSegment {
			return out, l.damaged(segmentName(needed[0]-1), 0, errMissing)
		}
		out.drop = []uint64{firstSegment}
		return out, nil
	}
	for i, id := range needed {
		more, err := l.readSegment(id, len(needed)-1-i, newest, p, &out)
		if err != nil {
			return out, err
		}
		if !more {
			out.drop = append(out.drop, needed[i+1:]...)
			break
		}
	}
	if needed[0] > p.oldest {
		return out, l.damaged(segmentName(needed[0]-1), 0, errMissing)
	}
	for _, id := range ids[:start] {
		if id >= p.oldest {
			return out, l.damaged(segmentName(needed[0]-1), 0, errMissing)
		}
		out.drop = append(out.drop, id)
	}
	return out, nil
}

// newestState is how far the newest segment file came.
type newestState int

const (
	unfinished newestState = iota // no valid header, no batch: a crash while it was made
	unused                        // a valid header, no batch
	inUse                         // at least one batch
)

func (l *Log) judgeNewest(id uint64) (newestState, error) {
	img, err := l.load(id)
	if err != nil {
		return unfinished, err
	}
	_, headerErr := parseSegmentHeader(img.data, id)
	if errors.Is(headerErr, ErrVersion) {
		return unfinished, l.damaged(img.name, 0, headerErr)
	}
	_, batches := findBatch(img.data, segmentHeaderBytes, id)
	switch {
	case headerErr != nil && batches:
		return unfinished, l.damaged(img.name, 0, fmt.Errorf("%w: %w", errHeader, headerErr))
	case headerErr != nil:
		return unfinished, nil
	case batches:
		return inUse, nil
	}
	return unused, nil
}

// readSegment replays one segment that has `after` successors. It returns false when the segment is the tail of the
// log though it has a successor, which then was never used.
func (l *Log) readSegment(id uint64, after int, newest newestState, p *replay, out *found) (bool, error) {
	img, err := l.load(id)
	if err != nil {
		return false, err
	}
	header, err := parseSegmentHeader(img.data, id)
	if err != nil {
		return false, l.damaged(img.name, 0, err)
	}
	if p.oldest == 0 {
		p.oldest = header.oldest
	}
	end, sealed, cause, err := l.readBatches(img, p)
	if err != nil {
		return false, err
	}
	out.segments = append(out.segments, segment{id: id, size: int64(len(img.data)), end: int64(end)})
	out.tail = img
	switch {
	case sealed && after == 0:
		return false, l.damaged(segmentName(id+1), 0, errMissing)
	case sealed:
		return true, nil // to a successor that was durable before the seal: its header must be valid
	case after > 1 || after == 1 && newest == inUse:
		return false, l.damaged(img.name, end, fmt.Errorf("%w: %w", errUnsealed, cause))
	}
	// The tail of the log. Is what is invalid there torn, or damaged?
	if at, ok := findBatch(img.data, end, id); ok {
		return false, l.damaged(img.name, end, fmt.Errorf("%w, and the batch at offset %d records that it was synced", cause, at))
	}
	if looksTorn(img.data, end, id) {
		if after == 1 && newest == unfinished {
			// A successor is begun only after a sync, and only the seal may be torn once it has its header.
			return false, l.damaged(img.name, end, fmt.Errorf("%w, and segment %d was begun after it was synced", cause, id+1))
		}
		out.torn = tornBytes(img.data, end)
	}
	return false, nil
}

// readBatches replays the valid batches of img and returns where they end, and why: a seal, or the cause.
func (l *Log) readBatches(img image, p *replay) (end int, sealed bool, cause, err error) {
	end = segmentHeaderBytes
	for {
		b, cause := parseBatch(img.data, end, img.id)
		if errors.Is(cause, ErrVersion) {
			return end, false, nil, l.damaged(img.name, end, cause)
		}
		if cause != nil {
			return end, false, cause, nil
		}
		if err := p.batch(img.id, b); err != nil {
			return end, false, nil, l.damaged(img.name, end, err)
		}
		end = b.end
		if b.sealed {
			return end, true, nil, nil
		}
	}
}

// tornBytes returns the length of the batch that was being written at offset, as far as the file can hold it.
func tornBytes(data []byte, offset int) int64 {
	length := int64(batchHeaderBytes) + int64(binary.LittleEndian.Uint32(data[offset+8:]))
	return min(length, int64(len(data)-offset))
}

// syncSealed makes durable what may be in the page cache only, if just the process had died: the seal before the
// active segment. Without it, what is appended next would follow a segment that a power cut unseals.
func (l *Log) syncSealed() error {
	if len(l.segments) < 2 {
		return nil
	}
	path := l.path(segmentName(l.segments[len(l.segments)-2].id))
	f, err := l.opts.FS.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("sync %s: %w", path, err)
	}
	l.counters.syncs++
	return f.Close()
}

// openActive opens the last segment for writing, clears what lies beyond its last batch, and syncs it: what was
// recovered may have been in the page cache only, if just the process had died.
func (l *Log) openActive(found found) error {
	a, data := l.active(), found.tail.data
	path := l.path(found.tail.name)
	f, err := l.opts.FS.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	l.file = f
	// A file that was cut short has no room for its seal.
	whole := max(l.opts.SegmentBytes, a.end+sealBytes)
	short := a.size < whole
	a.size = max(a.size, whole)
	// Nothing beyond the end may ever look valid again, so zeroes go over all of it, not over the torn batch only.
	if short || slices.ContainsFunc(data[a.end:], func(b byte) bool { return b != 0 }) {
		if found.torn > 0 {
			l.opts.Logger.Warn("raft log cuts a torn batch that was never acknowledged",
				"file", path, "offset", a.end, "bytes", found.torn)
		}
		if err := writeZeroes(f, a.end, a.size); err != nil {
			return fmt.Errorf("clear the tail of %s: %w", path, err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	l.counters.syncs++
	return nil
}

// damaged makes a DamagedError, except of an unknown version, which is no damage.
func (l *Log) damaged(name string, offset int, cause error) error {
	if errors.Is(cause, ErrVersion) {
		return fmt.Errorf("%s: %w", l.path(name), cause)
	}
	return &DamagedError{File: l.path(name), Offset: int64(offset), Cause: cause}
}

package raftlog

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

const (
	// DefaultSegmentBytes is small enough that zeroing a new segment delays an append by some 20 ms only, and
	// large enough that rolling over (three syncs) is rare.
	DefaultSegmentBytes = 16 << 20

	// DefaultMaxRecordBytes bounds one batch: several of the largest values, and half of what its 32-bit length
	// and the 32-bit offsets in memory could hold.
	DefaultMaxRecordBytes = 1 << 30

	// MinSegmentBytes leaves room for the header, the seal and a few small batches; tests use it.
	MinSegmentBytes = 512

	// maxSpareSegments is how many dead segments are kept to be written again: enough that steady growth and
	// release never zeroes, little enough to not matter on the disk.
	maxSpareSegments = 2

	// maxIdleBufferBytes is the largest encode buffer kept between appends; one large value should not pin its
	// size for ever.
	maxIdleBufferBytes = 4 << 20
)

// Batch is what one core pass asks to be made durable, in order.
type Batch struct{ Updates []Update }

// Update is what one replica appends. Zero fields are absent. Nothing of it is retained.
type Update struct {
	Shard   katakv.ShardID
	Replica katakv.ReplicaID
	// HardState is nil when unchanged. It is written atomically with the entries.
	HardState *raftpb.HardState
	// Snapshot, when its Index is not 0, says that the state engine durably holds this replica at (Index, Term):
	// everything up to it, and every older entry, is superseded; the log restarts after it.
	Snapshot SnapshotMark
	// Entries are contiguous and truncate every entry with an index at or above the first of them.
	Entries []*raftpb.Entry
	// Destroyed is the tombstone: the replica is gone for good and all its older records are dead. The other
	// fields are ignored. A ReplicaID never comes back: another update of a destroyed replica is a bug.
	Destroyed bool
}

// SnapshotMark is the position at which a replica's log restarts. Index 0 is none.
type SnapshotMark struct {
	Index katakv.Index
	Term  katakv.Term
}

// ReplicaKey names a replica in the log.
type ReplicaKey struct {
	Shard   katakv.ShardID
	Replica katakv.ReplicaID
}

// Options configure a Log. The zero value of each field but FS means its default.
type Options struct {
	// FS is where the log lives; nil is the operating system's.
	FS vfs.FS
	// SegmentBytes is the size of a segment; a batch that does not fit gets a larger one of its own.
	SegmentBytes int64
	// MaxRecordBytes bounds one batch on the disk. An Append beyond it becomes one batch for each Update.
	MaxRecordBytes int64
	// Logger hears of cut tails and segments that come and go; nil is silence.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.MaxRecordBytes == 0 {
		o.MaxRecordBytes = DefaultMaxRecordBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SegmentBytes < MinSegmentBytes || o.SegmentBytes > DefaultMaxRecordBytes {
		return o, fmt.Errorf("raft log: segment size %d is not between %d and %d", o.SegmentBytes, MinSegmentBytes, DefaultMaxRecordBytes)
	}
	if o.MaxRecordBytes < MinSegmentBytes || o.MaxRecordBytes > DefaultMaxRecordBytes {
		return o, fmt.Errorf("raft log: record limit %d is not between %d and %d", o.MaxRecordBytes, MinSegmentBytes, DefaultMaxRecordBytes)
	}
	return o, nil
}

// Log is an open log. See the package comment for its rules.
type Log struct {
	dir  string
	opts Options

	// segments are in order of id, without a hole; the last is active and the only one open.
	segments []segment
	file     vfs.File
	// spares are names of dead segments of SegmentBytes.
	spares []string

	replicas   map[ReplicaKey]*replicaState
	tombstones map[ReplicaKey]uint64 // id of the segment that holds the tombstone

	// recordedSynced: the last batch with records is known to be synced, by a later batch that is on the disk.
	recordedSynced bool
	// recordedOldest is the oldest needed segment that a durable batch names.
	// Invariant: no segment >= recordedOldest is ever removed.
	recordedOldest uint64

	buf      []byte // the batch being encoded, from its header on
	bufFlags byte
	err      error // the first failure; final
	counters counters
}

// Append makes the updates of the batches durable, in order, with one write and one fdatasync, and returns when
// they are. It retains nothing. Any error is final, and whether the updates are durable is then unknown.
func (l *Log) Append(batches []*Batch) error {
	if l.err != nil {
		return l.err
	}
	var total int64
	for _, b := range batches {
		for i := range b.Updates {
			total += maxUpdateBytes(&b.Updates[i])
		}
	}
	if total == 0 {
		return nil
	}
	rolled := l.active().id
	if err := l.appendAll(batches, total); err != nil {
		return l.fail("append", err)
	}
	if err := l.removeUnneeded(); err != nil {
		return l.fail("remove segments", err)
	}
	// A log that is never idle must not grow without bound either.
	if l.active().id != rolled && l.oversized() {
		return l.tidy()
	}
	return nil
}

func (l *Log) appendAll(batches []*Batch, total int64) error {
	whole := total+batchHeaderBytes+batchAlign <= l.opts.MaxRecordBytes
	if whole {
		if err := l.begin(total); err != nil {
			return err
		}
	}
	for _, b := range batches {
		for i := range b.Updates {
			u := &b.Updates[i]
			if whole {
				l.encodeUpdate(u)
				continue
			}
			size := maxUpdateBytes(u)
			if size+batchHeaderBytes+batchAlign > l.opts.MaxRecordBytes {
				return fmt.Errorf("shard %v replica %v: %d bytes: %w", u.Shard, u.Replica, size, ErrTooLarge)
			}
			if err := l.begin(size); err != nil {
				return err
			}
			l.encodeUpdate(u)
			if err := l.commit(); err != nil {
				return err
			}
		}
	}
	if whole {
		return l.commit()
	}
	return nil
}

// begin starts a batch of at most size bytes of records in the active segment, rolling over when it lacks the room.
func (l *Log) begin(size int64) error {
	need := int64(batchHeaderBytes+batchAlign+sealBytes) + size
	if a := l.active(); a.end+need > a.size {
		if err := l.rollOver(need); err != nil {
			return fmt.Errorf("roll over: %w", err)
		}
	}
	l.buf = beginBatch(l.buf)
	l.bufFlags = 0
	return nil
}

// commit writes and syncs the batch begun, unless it holds no record and is not a seal.
func (l *Log) commit() error {
	if len(l.buf) == batchHeaderBytes {
		return nil
	}
	return l.write()
}

// write writes the batch begun at the end of the active segment and syncs it.
func (l *Log) write() error {
	a, empty, oldest := l.active(), len(l.buf) == batchHeaderBytes, l.oldestNeeded()
	l.buf = finishBatch(l.buf, a.id, a.end, oldest, l.bufFlags)
	if a.end+int64(len(l.buf)) > a.size {
		invariant.Check(false, "raft log: batch of %d bytes at %d overruns segment %d of %d bytes",
			len(l.buf), a.end, a.id, a.size)
	}
	if _, err := l.file.WriteAt(l.buf, a.end); err != nil {
		return fmt.Errorf("write %d bytes at %d: %w", len(l.buf), a.end, err)
	}
	if err := l.file.SyncData(); err != nil {
		return fmt.Errorf("sync data: %w", err)
	}
	a.end += int64(len(l.buf))
	l.recordedSynced = empty
	l.recordedOldest = oldest
	l.counters.syncs++
	l.counters.batches++
	l.counters.writtenBytes += int64(len(l.buf))
	if cap(l.buf) > maxIdleBufferBytes {
		l.buf = nil
	}
	return nil
}

// encodeUpdate encodes u at the end of the batch begun and takes it into the index. The index runs ahead of the
// disk until commit; a failure in between poisons the log, so nobody sees it.
func (l *Log) encodeUpdate(u *Update) {
	key := ReplicaKey{Shard: u.Shard, Replica: u.Replica}
	if _, buried := l.tombstones[key]; buried || u.Replica == 0 {
		invariant.Check(false, "raft log: update of %v %v, which is no replica or was destroyed", u.Shard, u.Replica)
	}
	l.counters.records++
	if u.Destroyed {
		l.buf = appendTombstone(l.buf, key)
		l.bury(key)
		return
	}
	r := l.replica(key)
	if u.Snapshot.Index != 0 {
		start := len(l.buf)
		l.buf = appendSnapshot(l.buf, 0, key, u.Snapshot)
		l.setSnapshot(r, u.Snapshot, l.placeOf(start, len(l.buf)))
	}
	if len(u.Entries) > 0 {
		l.encodeEntries(r, u.Entries)
	}
	if u.HardState != nil {
		start := len(l.buf)
		hs := hardState{term: u.HardState.GetTerm(), vote: u.HardState.GetVote(), commit: u.HardState.GetCommit()}
		l.buf = appendHardState(l.buf, 0, key, hs)
		l.setHardState(r, l.placeOf(start, len(l.buf)))
	}
}

func (l *Log) encodeEntries(r *replicaState, entries []*raftpb.Entry) {
	first := katakv.Index(entries[0].GetIndex())
	l.truncateFrom(r, first)
	l.buf = appendEntriesHead(l.buf, 0, r.key, first, len(entries))
	for i, e := range entries {
		index := katakv.Index(e.GetIndex())
		if index != first+katakv.Index(i) {
			invariant.Check(false, "raft log: %v %v: entry %d follows entry %d",
				r.key.Shard, r.key.Replica, index, first+katakv.Index(i)-1)
		}
		start := len(l.buf)
		l.buf = appendEntry(l.buf, e)
		l.pushEntry(r, l.placeOf(start, len(l.buf)))
	}
}

// placeOf turns offsets in the batch begun into a place in the log.
func (l *Log) placeOf(start, end int) place {
	a := l.active()
	return place{segment: uint32(a.id), offset: uint32(a.end) + uint32(start), bytes: uint32(end - start)}
}

// Release says that the replica's entries up to and including upTo are no longer needed: the state engine has
// flushed them. The log still keeps the entry at upTo (the last one, if upTo is beyond it), so that after a restart
// its term can be compared with the engine's. It is in memory only: entries released before a restart may be
// recovered again. Space is freed by a later Append or Tidy. A replica that the log does not know is ignored.
func (l *Log) Release(shard katakv.ShardID, replica katakv.ReplicaID, upTo katakv.Index) {
	if r := l.replicas[ReplicaKey{Shard: shard, Replica: replica}]; r != nil {
		l.releaseTo(r, upTo)
	}
}

// Close closes the files. What was appended is durable already. It may be called twice.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	if l.err == nil {
		l.err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("close raft log %s: %w", l.dir, err)
	}
	return nil
}

// fail poisons the log.
func (l *Log) fail(what string, err error) error {
	l.err = fmt.Errorf("raft log %s: %s: %w", l.dir, what, err)
	return l.err
}

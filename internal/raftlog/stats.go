package raftlog

// counters count since Open.
type counters struct {
	batches, records, syncs, writtenBytes     int64
	movedRecords, movedBytes, removedSegments int64
}

// Stats are figures of a log. Counts begin at Open.
type Stats struct {
	Segments      int
	SpareSegments int
	// DiskBytes is what the segments take on the disk, unused space and spares included.
	DiskBytes int64
	// LiveBytes is what the live records take.
	LiveBytes int64
	Replicas  int
	// Tombstones counts the destroyed replicas that are remembered.
	Tombstones int

	// Batches counts writes, each followed by a sync; empty ones and seals included.
	Batches int64
	// Records counts the updates appended.
	Records int64
	// Syncs counts syncs of data, files and directories.
	Syncs           int64
	WrittenBytes    int64
	MovedRecords    int64
	MovedBytes      int64
	RemovedSegments int64
}

// Stats returns the figures now. It costs a pass over the segments.
func (l *Log) Stats() Stats {
	s := Stats{
		Segments: len(l.segments), SpareSegments: len(l.spares), Replicas: len(l.replicas),
		Tombstones: len(l.tombstones),
		DiskBytes:  int64(len(l.spares)) * l.opts.SegmentBytes,
		Batches:    l.counters.batches, Records: l.counters.records, Syncs: l.counters.syncs,
		WrittenBytes: l.counters.writtenBytes, MovedRecords: l.counters.movedRecords,
		MovedBytes: l.counters.movedBytes, RemovedSegments: l.counters.removedSegments,
	}
	for i := range l.segments {
		s.DiskBytes += l.segments[i].size
		s.LiveBytes += l.segments[i].live
	}
	return s
}

package pebble

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion is the format of the files on disk, named so that an upgrade of the library never changes it
// in passing. This one has columnar blocks and a checksum in every table's footer; the next ones bring value
// separation, which has not been measured here.
const formatVersion = pebble.FormatTableFormatV6

// Sizes. Together they bound a node's memory: the cache, memTables times the size of one, and open files.
const (
	// DefaultCacheBytes leaves most of 1 GiB to the logs' windows, connections and the garbage collector,
	// on whose heap the cache lies in a static binary.
	DefaultCacheBytes = 128 << 20

	// DefaultMemTableBytes is the size at which a memtable is flushed. BenchmarkCommit: 4 and 8 MiB stall
	// commits now and then, 32 and 64 MiB cost 20 and 50 % more for each insertion, because a skip list
	// that outgrows the processor's cache misses it at every step.
	DefaultMemTableBytes = 16 << 20

	// memTables is how many may wait for their flush before commits have to wait. Pebble's own 2 stalls
	// at every burst.
	memTables = 4

	// maxOpenFiles bounds the table handles, whose index and filter blocks are counted in the cache.
	maxOpenFiles = 1000

	// bloomBitsPerKey gives one needless read in a hundred for an absent key.
	bloomBitsPerKey = 10

	// blockBytes trades the size of the index against what one point read must decompress.
	blockBytes = 8 << 10

	// indexBlockBytes above which an index gets a second level.
	indexBlockBytes = 256 << 10

	// l0CompactionThreshold is the read amplification of level 0 that starts a compaction.
	l0CompactionThreshold = 4

	// neverStopWrites is for an engine that does not compact by itself.
	neverStopWrites = 1 << 20

	// l0StopWrites is where commits wait for compactions: far above the threshold, because a core that
	// waits serves nobody.
	l0StopWrites = 64

	// lBaseMaxBytes is the size of the first level below 0.
	lBaseMaxBytes = 64 << 20

	// retainedBatchBytes is the largest buffer that a batch keeps for reuse.
	retainedBatchBytes = 4 << 20

	// stagedTableBytes is about the size, uncompressed, of one table of an ingestion.
	stagedTableBytes = 32 << 20
)

// Options of [Open]. The zero value is good for production, Fatal apart.
type Options struct {
	// FS is the file system; nil is the real one.
	FS vfs.FS
	// CacheBytes bounds the cache of blocks; 0 means DefaultCacheBytes.
	CacheBytes int64
	// MemTableBytes is when a memtable is flushed; 0 means DefaultMemTableBytes. Tests that decide
	// themselves when to flush set it high.
	MemTableBytes int64
	// ManualCompaction keeps Pebble from compacting by itself, for tests that repeat: when it would is decided by
	// goroutines.
	ManualCompaction bool
	// Logger gets what Pebble has to say; nil discards it.
	Logger *slog.Logger
	// OnFlush is called after each flush, when Durable shows it. See the package about what it may do.
	OnFlush func()
	// Fatal is called when the engine can no longer be trusted: a failed write or sync, a corrupt file. It
	// must stop the process. Should it return all the same, the goroutine that met the error is parked for
	// ever, so that nothing goes on from there. Nil panics.
	Fatal func(error)

	// tune changes Pebble's own options. Tests set it: whatever they are, the answers must be the same.
	tune func(*pebble.Options)
}

// counters are written by Pebble's goroutines.
type counters struct {
	writeStalls atomic.Int64
}

func (o *Options) pebbleOptions(c *counters) *pebble.Options {
	fatal := fatalFunc(o.Fatal)
	listener := o.listener(c, fatal)
	p := &pebble.Options{
		FS:                          &fatalDirs{FS: o.FS, fatal: fatal},
		DisableWAL:                  true,
		DisableAutomaticCompactions: o.ManualCompaction,
		FormatMajorVersion:          formatVersion,
		MemTableSize:                uint64(orDefault(o.MemTableBytes, DefaultMemTableBytes)),
		MemTableStopWritesThreshold: memTables,
		MaxOpenFiles:                maxOpenFiles,
		L0CompactionThreshold:       l0CompactionThreshold,
		L0StopWritesThreshold:       l0StopWrites,
		LBaseMaxBytes:               lBaseMaxBytes,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		EventListener:               &listener,
		Logger:                      logger{log: o.logger(), fatal: fatal},
	}
	p.Experimental.DisableIngestAsFlushable = func() bool { return true }
	if o.ManualCompaction {
		p.L0StopWritesThreshold = neverStopWrites
	}
	for i := range p.Levels {
		p.Levels[i].BlockSize = blockBytes
		p.Levels[i].IndexBlockSize = indexBlockBytes
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
	}
	p.ApplyCompressionSettings(compression)
	if o.tune != nil {
		o.tune(p)
	}
	p.EnsureDefaults()
	return p
}

// compressedLevels is how many of the lowest levels are compressed. Tables above them live for seconds, and the
// processor is dearer than the disk.
const compressedLevels = 2

// compression is Snappy's speed class where data stays, and none where it passes through.
func compression() pebble.DBCompressionSettings {
	settings := pebble.DBCompressionFastest
	for i := range len(settings.Levels) - compressedLevels {
		settings.Levels[i] = pebble.DBCompressionNone.Levels[i]
	}
	return settings
}

func (o *Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// listener passes on what the node must hear. It sets no more, so that Pebble skips building the rest.
func (o *Options) listener(c *counters, fatal func(error)) pebble.EventListener {
	log := o.logger()
	onFlush := o.OnFlush
	return pebble.EventListener{
		// Any error of a flush or compaction is one: Pebble would try again, but pages that a failed sync
		// dropped do not come back.
		BackgroundError: func(err error) { fatal(fmt.Errorf("state engine: %w", err)) },
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			// Without what String adds: Pebble's stack, over fifty lines, would hide the sentence.
			fatal(fmt.Errorf("state engine: corrupt file %s: %w", info.Path, info.Details))
		},
		FlushEnd: func(info pebble.FlushInfo) {
			// Err is set also when a flush had nothing to write; a flush that failed has met
			// BackgroundError. Whoever is told looks at Durable.
			if onFlush != nil {
				onFlush()
			}
			log.Debug("flushed", "inputBytes", info.InputBytes, "duration", info.TotalDuration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			c.writeStalls.Add(1)
			log.Warn("commits wait for flushes or compactions", "reason", info.Reason)
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			log.Warn("disk is slow", "path", info.Path, "duration", info.Duration)
		},
	}
}

// fatalFunc never returns to its caller, whatever fatal does.
func fatalFunc(fatal func(error)) func(error) {
	return func(err error) {
		if fatal == nil {
			panic("BUG: no Fatal was given: " + err.Error())
		}
		fatal(err)
		select {}
	}
}

// logger is Pebble's logger on slog. Its Infof is one line for each flush and compaction: debugging.
type logger struct {
	log   *slog.Logger
	fatal func(error)
}

// Infof implements pebble.Logger.
func (l logger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. It does not return.
func (l logger) Fatalf(format string, args ...any) {
	l.fatal(fmt.Errorf("state engine: "+format, args...))
}

func orDefault(n, def int64) int64 {
	if n == 0 {
		return def
	}
	return n
}

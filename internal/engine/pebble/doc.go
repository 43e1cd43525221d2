// Package pebble is the engine on disk: engine.Engine on github.com/cockroachdb/pebble/v2, without a
// write-ahead log.
//
// Pebble writes memtables out in the order in which they filled, each flush as one atomic edit of its
// manifest. So without a log, what a crash leaves is the commits of all flushed memtables and nothing else:
// the prefix that engine.Engine promises. [Engine.Durable] reads exactly that through
// IterOptions.OnlyReadGuaranteedDurable.
//
// An ingestion writes sorted tables to a staging directory as it goes (so its size never matters to memory),
// none wider than one of its spans, each covering its part of the span with a range deletion. One Ingest adds
// all of them as one edit of the manifest, which is durable on return. Two details carry that promise:
//   - Flushable ingests are disabled. With them, an ingest that overlaps the memtable waits in memory for
//     the flush and returns before it is durable.
//   - Commit flushes before it ingests. Otherwise Pebble waits for that flush itself, inside its commit
//     pipeline, where commits of the core would wait too.
//
// # Concurrency
//
// As engine.Engine says. Options.OnFlush and Options.Fatal are called from Pebble's goroutines, with Pebble's
// locks held: they must not call the engine, but pass a word to somebody else.
//
// What it leaves to others: key layout (kv), when to flush (core, node).
package pebble

// Package engine is the ordered key space under the state machine: the interface, and [Memory], an
// implementation in memory with the same contract for simulation. engine/pebble is the one on disk.
//
// One engine holds every replica of a node. It runs without a write-ahead log: the Raft log is that. So a
// commit is visible when it returns and durable only after a flush, and after a crash the engine holds a
// consistent prefix of its commits: some first n of them whole, nothing of the others. [Engine.Durable]
// reads the prefix that would survive a crash now. An [Ingestion] stands apart from that order: it is
// durable when it returns, in its own spans only.
//
// What it leaves to others: key layout and records (kv), deciding when to flush and what the log may forget
// (core, node).
//
// # Concurrency
//
// Get, NewSnapshot and Durable may be called from any goroutine. Commit is called by one goroutine at a time.
// Flush and Ingestion methods may run beside it. Memory follows the same rules through its own lock.
package engine

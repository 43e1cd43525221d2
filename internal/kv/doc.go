// Package kv is the deterministic state machine of a shard: how records lie in the engine, what each operation
// does to them, and how a shard's state travels as a snapshot.
//
// A [Machine] is one replica's place in its shard's history: the shard, and its [Meta] record. A [Writer]
// applies committed entries of many machines into one engine batch:
//
//	replies, err := w.Apply(machine, index, term, data, leads)   // for every entry of a pass
//	err = w.Commit()                                             // once, then replies may go out
//
// It promises:
//   - The same entries in the same order leave the same bytes in the engine, on every node, whatever was asked
//     about replies, however entries were spread over batches and however often the node crashed between.
//   - An entry takes effect exactly once: batches end at entry boundaries and hold the applied index.
//   - An operation that fails changes nothing, and the others of its entry go on.
//   - An operation with a request id is executed once while the request is remembered, and answered alike.
//   - The shard's clock, by which requests are forgotten, never goes back; only stamps in entries move it.
//
// Keys are laid out by slot, so a split moves no bytes; see keys.go, and docs/formats.md for every byte.
//
// What it leaves to others: consensus (replica), when to flush and what the log may forget (core), the bytes of
// operations (command) and of the map (placement).
//
// # Concurrency
//
// A Machine and the Writer it is applied through belong to one goroutine, the core's. [Machine.Read],
// snapshots, installers and [Checksum] touch only the reader or engine they were given and may run elsewhere,
// one goroutine at a time each; Machine.Read must not run beside Apply to the same machine.
package kv

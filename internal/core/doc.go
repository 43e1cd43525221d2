// Package core owns a node's replicas, or a share of them: a single-threaded state machine with events in and
// effects out. Goroutines, files, sockets and clocks are around it, never in it, so that the same code runs in
// a node and in a simulator.
//
// Events are method calls: Submit, Receive, Tick, SetTime, LogDurable, and so on. They only take note. [Core.Pass] then
// does the work of everything that was noted, over all shards at once:
//
//	one Raft entry for all the operations that wait for a shard,
//	one log batch for all shards,
//	one frame for each peer and class of connection,
//	one engine batch for everything that committed.
//
// So letting several events arrive before a pass makes everything cheaper. The effects of a pass must be
// carried out in order: its log batch after those of earlier passes, its frames after earlier frames to the
// same peer and class. Frames may be sent before the log batch is durable (Raft thesis 10.2.1): what must wait
// for the disk is held back until LogDurable.
//
// # Concurrency
//
// A Core is plain data with one caller. Its only synchronous call out is to the engine: batch writes, point
// reads, and opening a view of it. What it hands out in [Effects] belongs to the receiver.
package core

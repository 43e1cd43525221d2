// Package check judges what a cluster did. The simulator and the tests with real processes share it, so a claim
// is held by the same code wherever it is put to the proof. It has two halves, one checker a file:
//
// Checkers of a [History], which is what clients saw, run when it is complete. They know nothing of the cluster.
// [Linearizable] searches for an order that explains everything; [ExactlyOnce] and [Growth] judge histories that are
// too long for that, by values that tell by themselves what happened. Reads that claim less than LevelStrong are left to
// [Sessions], [Bounded] and [Eventual], and [Revisions] holds all answers to the index that they are said to reflect.
//
// Checkers of a trace, which only the simulator can follow, are told of events as they happen and answer the first
// violation with an error. They hold small mirrors of what the cluster did (hashes of entries, terms, votes), never
// its own data, so a mistake there cannot hide itself here. Of each member they follow [Elections], [Logs], [Commits],
// [Durability] and [Progress]; of a shard [States], [Snapshots] and [Configurations]; of nodes [Epochs], [Corruption]
// and [Bounds]; and of the whole, [Liveness] after faults. Each event is told to all whom it concerns before the
// next event; [Commits] reads the mirrors of [Logs], which is told first.
//
// Every checker has a test that feeds it a history or a trace broken in just the way that it must find.
//
// # Concurrency
//
// Checkers of traces are plain data with one caller. Checkers of histories may use several goroutines inside, which have
// ended when they return, or end at once where a search ran out of time; Linearizable searches one group at a time
// unless asked for more.
package check

// Package replica is one shard's Raft member: it proposes operations, keeps what it promised to callers until
// the log tells their fate, answers linearizable reads, and turns Raft's Ready into durable updates, messages
// and applied entries.
//
// A [Replica] is driven in passes by its core:
//
//	Submit, Step, Tick, ...   events, in any number
//	Collect                   proposes what waits, drains Raft's Ready, applies committed entries to a kv.Writer
//	(the core commits the writer: one engine batch for all its replicas)
//	Finish                    tells Raft what was applied, answers callers, runs reads that became ready
//
// and [Replica.Durable] when the log batch that Collect filled is on disk. Everything a replica wants done
// outside is appended to an [Output].
//
// # Promises
//
//   - A completion without error was applied, and the entry that carried it is durable on a majority.
//   - CodeNotLeader and CodeTryAgain mean that the operations were not and will not be applied.
//   - CodeUnknown means that the log could not tell.
//   - The stamps of entries, which move the shard's clock, keep to half and twice the speed of the leader's monotonic
//     clock, whatever its wall clock shows.
//   - Reads at LevelStrong reflect every write acknowledged before they were submitted: the leader's commit index is
//     confirmed by a quorum (Raft thesis 6.4) with a context never used before, in a term in which the leader
//     has committed an entry. A follower asks the leader for that index, and waits until it has applied it.
//   - Reads at LevelSession reflect the index that they ask for, at LevelBounded everything acknowledged longer ago than
//     their bound. What this replica cannot answer in time it refuses with CodeNotLeader.
//   - No completion claims a lower age than its replies may have.
//
// # Concurrency
//
// A Replica is plain data with one caller, its core. It holds no goroutine, lock, clock or file.
package replica

// Package session is what a client remembers of the shards that it has written to and read from, so that any replica
// can show it at least that much again: read-your-writes and monotonic reads, without reads at LevelStrong.
//
// A [Session] is {shard: index}. A connection keeps one by itself. Its portable form is the token, an opaque text that
// survives the connection, the node and the process; merged into another session it carries its guarantees there.
//
// # Bounds
//
// A session lists at most [MaxEntries] shards, the last ones seen. What it drops it does not forget to have dropped: a
// shard that is not listed may then have been seen up to any index, so a read of it must reflect everything that there
// is, which is a read at LevelStrong on a replica. So a token stays small in a cluster of thousands of shards, and the
// guarantees hold; who uses more shards than that at a time pays for it with questions to leaders.
//
// # Concurrency
//
// A Session is plain data with one caller at a time.
package session

// Package bench measures KataKV side by side with Redis: the same load on both, on the same disk, in the same
// minutes. It is run by hand (`go run ./bench/compare`) and by TestSpeedAgainstRedis and
// TestReadSpeedAgainstRedis, whose figures docs/evidence.md shows.
//
// [Compare] starts both systems, loads one after the other in turn, stops them, and returns a [Report]:
//
//   - Redis as durable as it gets: three masters with two replicas each, `appendonly yes`, `appendfsync always`,
//     `save ""`, each write followed by WAIT 1 0 (at pipeline depth 16, one WAIT at the end of each node's part);
//     reads wait for nothing.
//   - KataKV: `katakv up --json`, three processes.
//
// Both are loaded by internal/bench over cluster-aware connections. Rounds alternate, because machines drift:
// figures of one round belong together, and what counts is the ratio within a round.
//
// Everything lives in one temporary directory and on ports that the kernel chose, listens on loopback only, and is
// removed at the end; only processes that were started here are stopped.
//
// # Concurrency
//
// [Compare] blocks; call it from one goroutine at a time, or the rounds disturb each other. For each process that it
// starts one goroutine waits for its end, and for KataKV another reads its output; both end with the process.
package bench

// Package bench is a closed-loop load generator for servers of the Redis protocol, KataKV's and Redis' own alike,
// and measures what the load cost: throughput, latencies, and the servers' CPU time per operation.
//
//	result, err := bench.Run(ctx, bench.Config{
//		Addrs: addrs, Cluster: true, Connections: 64, Pipeline: 16, ValueBytes: 128, Keys: 100_000,
//		Warmup: 2 * time.Second, Duration: 5 * time.Second, Proc: os.DirFS("/proc"), ServerPIDs: pids,
//	})
//
// [Fill] writes every key once and is usually called first. In cluster mode each worker has a connection to each
// node that leads slots, groups each round of commands by node, and follows redirects; otherwise each worker has
// one connection to one of the addresses.
//
// What it promises:
//
//   - An operation counts when its reply has come, or with Config.WaitReplicas when the WAIT behind it has
//     answered with that many replicas, and only if that was within the measured time.
//   - The keys and values of a run depend on the seed only.
//   - Errors never end a run; they are counted by their prefix. A round that met one pauses, so that a dead
//     cluster is not hammered and refusals do not pass for throughput.
//   - CPU time is the kernel's count for the whole process, in units of 10 ms: five seconds of a busy server are
//     known to about one percent.
//
// It leaves to others starting servers (bench/compare) and showing results (cmd/katakv).
//
// # Concurrency
//
// [Run] and [Fill] block until all their goroutines have ended and may be called from any goroutine; several at
// once would measure each other.
//
//	goroutine      owner   receives           ends
//	worker         run     nothing            at the end of the measured time, with the context, or out of work
//	interrupt      run     end of context     with the run
//
// Workers share the [topology], which has a lock, and the count of operations left. A [Histogram] belongs to one
// goroutine at a time.
package bench

// Package sim runs a whole cluster in one goroutine over simulated time, network, disks and clocks: the real cores,
// routers, state machines, log, map and wire encoding, with everything around them drawn from one seed.
//
//	queue of events by time ──> node: router, core ──effects──> disk, network, clients ──> more events
//	                                      │
//	                                      └──> witness: the checkers of internal/check follow every effect
//
// One seed is one history, event for event. [Draw] makes of it a [Plan], swarm style: how large the cluster is, how
// tiny its thresholds are, what its clients do, and which faults it meets. [Run] carries a plan out in two phases.
// In the safety phase faults strike and the checkers watch. Then the faults stop, except that a minority may stay
// dead or cut off, and in the liveness phase every shard must take writes again and its replicas must become equal.
//
// A node's log and state stand on one crashable disk and lose together what was not made durable: a crash keeps a
// drawn part of what was written and not synced, down to the byte. Most plans keep the state in the engine in memory;
// some have real Pebble on the same disk, which then flushes only when the plan says so.
//
// What is here twice, in a form of its own, is the glue of internal/node: it turns effects into events, as that
// does into goroutines. What only the real one does is for the tests with real processes.
//
// # Concurrency
//
// None: a cluster has one caller. Raft draws election timeouts from crypto/rand.Reader, which [New] replaces for the
// whole process until [Cluster.Close]; so clusters run one after another, and cmd/katasim runs several processes.
package sim

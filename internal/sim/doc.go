// Package sim runs a whole cluster in one goroutine over simulated time, network and disks: the real cores,
// routers, state machines, log and wire encoding, with everything around them drawn from one seed. The same
// seed gives the same history, event for event; [Cluster.Trace] is a hash of it.
//
//	queue of events by time ──> node: router, core ──effects──> disk, network, clients ──> more events
//
// Log and state of a node stand on crashable storage and lose together what was not made durable.
//
// # Concurrency
//
// None: a Cluster has one caller. Raft draws election timeouts from crypto/rand.Reader, which [New] replaces
// for the whole process until [Cluster.Close]; so clusters run one after another.
package sim

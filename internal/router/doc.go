// Package router takes clients' operations to the shards that must execute them: it finds the shard by the
// map, hands the operation to the local core or forwards it to the node that leads, waits while there is no
// leader, retries what surely did not happen or has a request id, and joins the parts of operations over several shards.
// Reads whose level allows it go to the replica of this node first, whoever leads.
//
// [Router] is a pure state machine: calls, answers, maps and ticks in; submissions, frames and finished
// batches out. So the simulator runs the very same code.
//
// # Ordering
//
// The operations of one [Batch] that concern one shard are executed in order, as a unit: offered to a leader
// together or not at all. Operations of one batch on different shards run beside each other.
//
// # Concurrency
//
// A Router is plain data: its node calls it under one lock. A [Topology] is immutable.
package router

// Package placement holds the cluster map and plans where replicas and leaders belong. Everything in it is a
// pure function of its arguments.
//
// The map (nodes, shards, slot ranges, replicas, settings, epoch) is the state of the meta shard. A [Change]
// turns one map into the next and adds one to the epoch; the same map and change give the same result on
// every replica.
//
// # Concurrency
//
// A *Map is immutable once built: share it freely, change it by making another.
package placement

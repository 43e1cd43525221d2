// Package placement holds the cluster map and decides where replicas and leaders belong. Everything in it is
// a pure function of its arguments.
//
// The map (nodes, shards, slot ranges, replicas, settings, epoch) is the state of the meta shard. [Bootstrap]
// makes the first one. A [Change] turns one map into the next and adds one to the epoch; the same map and
// change give the same result on every replica.
//
// A map that [Decode] or [Map.Apply] returned is valid: every slot has exactly one shard, every shard its
// replicas on distinct known nodes. Maps and changes travel as JSON, versioned by [MapVersion], strict about
// unknown fields.
//
// What it leaves to others: agreeing on changes (the meta shard), handing maps around (node), knowing who
// leads at the moment (router).
//
// # Concurrency
//
// A *Map is immutable once built: share it freely, change it by making another.
package placement

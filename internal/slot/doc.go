// Package slot maps keys to slots and describes sets of slots.
//
// A slot is CRC16(key or its hash tag) mod 16384, exactly as in Redis Cluster, so that cluster-aware clients
// and KataKV always agree on where a key lives:
//
//	slot.Of([]byte("user:101"))         // some slot
//	slot.Of([]byte("{user:101}.name"))  // the slot of "user:101": only the hash tag counts
//	slot.Split(3)                       // 0-5460 5461-10922 10923-16383
//
// A key's slot never changes. Which shard owns a slot is the cluster map's business (package placement).
//
// # Concurrency
//
// [Of] and [Split] are pure functions. [Range] is a value. A [Set] may be read from several goroutines as long
// as nobody adds to it.
package slot

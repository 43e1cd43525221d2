// Package datadir owns the files of a data directory that say whose it is: the lock, the identity, the boot
// counter, the cached cluster map, and the marker of a failed disk.
//
//	LOCK            held while a process uses the directory
//	IDENTITY        cluster, node, number of cores, boots so far; JSON, replaced atomically
//	MAP             the last cluster map this node has seen; JSON, replaced atomically
//	FAILED          why the node stopped believing its disk; its presence, even empty, keeps the node from starting
//	log-N/          the Raft log of core N (raftlog)
//	state/          the state engine (engine/pebble)
//
// A directory without IDENTITY is empty: it belongs to no cluster. The number of cores is fixed by IDENTITY,
// because each core has its own log.
//
// # Concurrency
//
// A Dir has one owner, the node. Methods must not run at the same time, except Fail, which may.
package datadir

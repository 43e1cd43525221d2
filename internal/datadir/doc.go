// Package datadir owns the files of a data directory that say whose it is: the lock, the identity, the boot
// counter, the cached cluster map, and the marker of a failed disk.
//
//	LOCK            held while a process uses the directory
//	IDENTITY        cluster, node, number of cores, stage, boots so far; JSON with a checksum, replaced atomically
//	MAP             the last cluster map this node has seen; JSON, replaced atomically
//	FAILED          why the node stopped believing its disk; its presence, even empty, keeps the node from starting
//	log-N/          the Raft log of core N (raftlog)
//	state/          the state engine (engine/pebble)
//
// A directory with nothing in it belongs to no cluster. One that holds a log, a state or a map belongs to a node, and
// without a valid IDENTITY it is refused: were it taken for a new one, the node would forget its votes. A bootstrap
// therefore writes IDENTITY first, as "preparing", then the state, then IDENTITY again. The number of cores is fixed by
// IDENTITY, because each core has its own log.
//
// # Concurrency
//
// A Dir has one owner, the node. Methods must not run at the same time, except Fail, which may.
package datadir

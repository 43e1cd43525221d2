// Package localcluster runs a real cluster on this machine: each node is a process of its own, so that one can be
// killed, paused and started again. `katakv up`, the end-to-end tests and the benchmarks stand on it.
//
//	c, err := localcluster.Start(ctx, localcluster.Options{Binary: exe, Dir: dir})
//	if err != nil {
//		return err
//	}
//	defer c.Stop()
//	c.Nodes[1].Kill()
//
// The directory holds everything, and a later Start resumes what is in it:
//
//	DIR/cluster.json   the nodes and their addresses
//	DIR/lock           held while a Cluster uses the directory
//	DIR/node-N/data    a node's data directory
//	DIR/node-N/log     what the node logged, appended to by each of its starts
//
// # What it promises
//
//   - Start returns once every node answers and the nodes are one cluster; [Cluster.WaitReady] waits for leaders.
//   - No process outlives its Cluster: Stop ends all of them within a bound, and if this process dies the kernel
//     kills them.
//   - Ports are chosen once and kept. They lie below those that the kernel gives to outgoing connections, so that
//     a node that is down cannot lose its port to one.
//
// It leaves to others: what a node does (cmd/katakv serve), what makes a cluster of nodes (bootstrap).
//
// # Concurrency
//
// All methods may be called from any goroutine; Options.OnEvent is called from several.
//
//	goroutine   owner     receives              ends
//	spawner     Cluster   processes to start    Stop; its thread is the parent that the kernel watches
//	waiter      Node      the end of a process  with the process
//	restarter   Cluster   a node that died      when it was started again, or Stop
package localcluster

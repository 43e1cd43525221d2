// Package faultnet is a network for one run on one Linux machine: each node of a cluster lives in a network
// namespace with an address of its own, the parent process stays where it is and reaches them all, and the wires
// between them can be cut, made lossy, slow or jumbled while everything runs. The faults are the kernel's: what
// runs in the namespaces is the unchanged program over its real sockets.
//
//	n, err := faultnet.New(ctx, faultnet.Options{Nodes: 3})
//	...
//	defer n.Close()
//	cmd := exec.Command("katakv", "serve", "--plain-listen", n.Addr(1).String()+":7000", ...)
//	err = n.Wrap(cmd, 1)   // the process will live in node 1's namespace
//	...
//	err = n.Isolate(1)     // the others do not hear node 1, nor it them
//	err = n.Heal()
//
// # The picture
//
// One namespace, the closet, holds the far end of every node's cable and of the host's, and joins them: with a
// bridge of the kernel's, or with Options.Switched through a switch in this process, which adds delay, jitter,
// loss, duplicates and reordering to each direction of each pair.
//
//	 node 1            closet              host
//	+------+   veth   +---------------+   veth
//	| eth0 |----------| p1         p0 |---------- NAME-h
//	+------+          |   bridge or   |
//	 node 2           |    switch     |
//	+------+   veth   |               |
//	| eth0 |----------| p2            |
//	+------+          +---------------+
//
// Cuts, loss and resets are nftables rules within the namespace of the node that is hit; they work alike in
// both kinds of network. Nothing but the host's end of its own cable is added outside of the namespaces, no
// firewall rule is set there, and no address is used that the machine has a route to.
//
// # Promises
//
//   - A fault holds when its method returns. Each is idempotent and replaces one of its kind; the rules of one
//     node change at once, those of several one node after the other, within milliseconds.
//   - A cut is silent: packets vanish on arrival, as with a pulled cable, and no error comes back. Frames that
//     find the address of a host (ARP) pass.
//   - Close removes everything that New made. What a run left that was killed is removed by SweepStale, and by the
//     next New of the same name.
//   - The same seed gives the same draws per link; which frame meets which draw is up to the clock.
//
// It does not start, watch or end processes, and does not know what they are: that is for localcluster and the
// caller. Flapping is a caller that cuts and heals in turn.
//
// # Concurrency
//
// All methods of Network may be called from any goroutine. A network with a switch runs these, and Close waits
// for them:
//
//	goroutine       receives                         ends
//	port, one each  frames from one cable            when Close closes its socket
//	link, one each  frames due later, one direction  on Close
package faultnet

// Package transport carries wire messages between nodes over long-lived TCP connections.
//
//	t := transport.New(transport.Config{Identity: me, Listener: l, Resolve: addresses, Handler: node})
//	t.Start()
//	ok := t.Send(to, message) // never blocks; false: it will surely not arrive
//	...
//	t.Stop()
//
// For each peer and class there is one connection in each direction, dialled by the side that sends on it. So a
// large value never delays a heartbeat, and a peer that stops reading delays nobody else: its queue fills and
// Send answers false. What waits for one connection is written with one system call.
//
// # Promises
//
//   - Messages of one class to one node arrive in the order of Send, or not at all. After a break some are
//     missing; nothing arrives twice.
//   - A connection carries messages only after both sides have proved, as far as a cluster id can, that they are
//     the nodes that each takes the other for.
//   - Memory is bounded: by the queue limits on the way out, and on the way in by one frame for each of a
//     bounded number of connections, growing only as its bytes arrive.
//   - A frame that fails its checksum or does not decode ends its connection.
//   - [Handler.PeerUp] and [Handler.PeerDown] alternate for each node and class. Whatever Send accepted before
//     PeerDown and has not been answered may be lost.
//
// # Administration
//
// A connection may have the purpose of administration instead: requests and answers in turn. It needs no cluster
// id, so that nodes that wait for a cluster can be asked; see [Ask] and [Handler.Admin].
//
// TLS has its place in [Config].Listener and [Config].Dial.
//
// # Concurrency
//
// Every method of Transport may be called from any goroutine, also from within a Handler, except that a Handler
// must not call Stop. All goroutines belong to one group, which Stop waits for:
//
//	goroutine              owner      receives                        ends
//	acceptor               Transport  new connections                 Stop
//	inbound, one a         acceptor   frames; calls Receive or Admin  its connection breaks, is replaced; Stop
//	  connection
//	sender, one a node     Transport  its queue; calls PeerUp/Down    the node's address is gone; Stop
//	  and class
//	watcher, one a sender  sender     nothing but the end             its connection breaks; Stop
//
// Locks: Transport.mu (tables), sender.mu (one queue), refusals.mu. None is held while another is taken, nor
// while anything is sent, called back or waited for.
package transport

// Package server is the Redis front door: it accepts connections, reads commands, hands operations to the node
// and writes replies. A [Server] is one listener with one behaviour:
//
//   - the cluster port (router.Redirect) is a node of a Redis Cluster: operations on shards led elsewhere are
//     answered MOVED, keys in different slots CROSSSLOT, and CLUSTER SLOTS, SHARDS and NODES show the map;
//   - the plain port (router.Forward) looks like one Redis server that holds every key.
//
// # The life of a pipeline
//
//	read ──> parse all complete commands ──> batch of calls ──> Backend.Execute ──> replies in order ──> write
//
// Consecutive data commands form one batch, bounded in number and bytes. Commands about the connection or the
// server stand between batches, so each sees the effects of what was sent before it. The replies of everything
// that was read together leave in one write.
//
// # What it promises
//
//   - Replies come in the order of the commands, one each.
//   - A client costs its own connection only: input, output, idle memory and waiting are bounded by named
//     constants; a client that does not read is closed; a protocol error is answered, then closed.
//   - [Server.Stop] answers the batches that run, within a bound, then closes.
//   - A panic is not recovered: it is a broken invariant, and the process must stop.
//
// It leaves to others: bytes (resp), the table of commands (command), where operations go and how much may be
// in flight (the [Backend]: node, router).
//
// # Concurrency
//
// All methods of Server may be called from any goroutine. Config is read-only after [New].
//
//	goroutine    owner     receives             ends
//	accept loop  Server    connections          when the listener closes (Stop)
//	connection   Server    bytes of one client  at its end, an error, or Stop
//
// A connection's goroutine owns its parser, writer and protocol state; what CLIENT LIST shows of it to others
// is under its lock.
package server

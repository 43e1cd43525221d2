// Package bootstrap makes a cluster out of nodes that belong to none. It holds the decisions only: every question
// to a node goes through an [Ask] that is handed in.
//
//	result, err := bootstrap.Create(ctx, transport.Ask, bootstrap.Options{Peers: peers, Cluster: random})
//
// The nodes are numbered 1, 2, ... in the order given. Creation has two steps, each repeatable:
//
//	survey     every node says who it is
//	prepare    every node writes its place in the first cluster map to its disk
//	activate   every node, told that all have prepared, takes part
//
// # What it promises
//
// A node takes part only after every node had prepared. So as soon as one node takes part, an empty one among them
// has lost its disk, and with it its votes: it is refused, because under its old id it could vote twice in one
// term. A creation that was cut off anywhere, or run twice at once, is resumed by repeating it: nodes that have
// prepared tell the map that the first run made. Nothing is changed on any node unless every node was reached and
// fits.
//
// It leaves to others: dialling (transport), what a node does when it prepares (node), later changes (controller).
//
// # Concurrency
//
// [Create] asks one node after the other and holds no state.
package bootstrap

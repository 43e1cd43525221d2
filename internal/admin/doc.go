// Package admin is the HTTP door of a node: health, metrics and JSON about the node and its cluster.
//
//	GET /healthz       the process lives
//	GET /readyz        the node is part of a cluster and every shard has a leader; 503 and the reason otherwise
//	GET /metrics       Prometheus text
//	GET /v1/node       this node: identity, addresses, version, what it stores
//	GET /v1/cluster    the cluster map as this node knows it, with leaders
//	GET /v1/replicas   every replica on this node: term, leader, applied index
//	GET /v1/checksums  a checksum of each replica's state and the index it was taken at
//
// Errors are JSON: {"error": {"code": "loading", "message": "..."}}, with the status of the code.
//
// # What it promises
//
// A client costs its own connection only: headers, bodies, connections and time are bounded by named constants.
// Nothing here changes anything.
//
// It leaves to others: what there is to tell (the [Backend]: node), who may ask (access, later).
//
// # Concurrency
//
// All methods of Server may be called from any goroutine.
//
//	goroutine    owner     receives             ends
//	serve        Server    connections          when the listener closes (Stop)
//	connection   net/http  requests             at its end, a time limit, or Stop
package admin

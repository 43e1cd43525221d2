// Package admin is the HTTP door of a node: health, metrics and JSON about the node and its cluster. The door to the
// data, /v1/kv, is httpapi's; it is handed in and served beside them.
//
//	GET /healthz       the process lives
//	GET /readyz        the node is part of a cluster and every shard has a leader; 503 and the reason otherwise
//	GET /metrics       Prometheus text
//	GET /openapi.json  what this port answers, data included, in OpenAPI 3.1
//	GET /v1/node       this node: identity, addresses, version, what it stores
//	GET /v1/cluster    the cluster map as this node knows it, with leaders
//	GET /v1/replicas   every replica on this node: term, leader, applied index
//	GET /v1/checksums  a checksum of each replica's state and the index it was taken at
//
// Errors are an httpapi.Problem, with the status of its code: {"code":"loading","message":"...","outcome":"not-applied"}.
//
// # What it promises
//
// A client costs its own connection only: headers, bodies, connections and time are bounded by named constants.
// Nothing here changes anything, but for httpapi.
//
// It leaves to others: the data (httpapi), what there is to tell (the [Backend]: node), who may ask (access, later).
//
// # Concurrency
//
// All methods of Server may be called from any goroutine.
//
//	goroutine    owner     receives             ends
//	serve        Server    connections          when the listener closes (Stop)
//	connection   net/http  requests             at its end, a time limit, or Stop
package admin

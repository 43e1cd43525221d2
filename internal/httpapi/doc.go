// Package httpapi is the key-value store over HTTP, for curl and programs without a Redis client:
//
//	PUT    /v1/kv/{key}   stores the body; ETag in the answer is the revision
//	GET    /v1/kv/{key}   the value; also HEAD
//	DELETE /v1/kv/{key}
//	GET    /v1/kv?prefix=&start=&limit=   lists records as lines of JSON
//
// If-Match and If-None-Match make a write conditional on the revision of the record. The shard's state machine
// compares and writes in one step, so that is compare-and-set.
//
// Kata-Consistency says how fresh a read must be, Kata-Session carries what a client has written and seen from answer to
// request, and answers tell who made them, at what level, and how old they are at most. With an Idempotency-Key a write
// may be retried.
//
// An [API] is an http.Handler for everything that [Owns] says; admin serves it on the node's HTTP port. The format
// of requests and answers is described in admin's openapi.json and in docs/api.md.
//
// # What it promises
//
//   - Any node answers any key. Requests are forwarded within the cluster; nobody is ever redirected.
//   - A failure is a [Problem]: it says whether a write was applied, was not, or may have been.
//   - Values of all requests together are held within a bound, and a request that finds no room is refused. A client
//     that sends or reads too slowly loses its own connection.
//   - A page of a listing is what one shard held at one moment between request and answer. Pages of one listing are
//     of different moments, so it is no snapshot: a record that was there all the time is listed exactly once, one
//     that came or went meanwhile may be listed or not.
//
// It leaves to others: listening, and limits on connections and headers (admin); executing operations (the
// [Backend]: node, kv).
//
// # Concurrency
//
// All methods of API may be called from any goroutine. It starts none.
package httpapi

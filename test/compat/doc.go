// Package compat runs unmodified Redis clients against KataKV, and the same against Redis, which tells whether the
// test is right: go-redis, rueidis, and ioredis through node. It is a module of its own, so that the product does
// not depend on clients.
//
//	go test .                                       # builds KataKV and starts a cluster
//	KATAKV_CLUSTER_ADDRS=HOST:PORT,... KATAKV_PLAIN_ADDRS=HOST:PORT,... go test -run TestClientsWork .
//
// testdata/script.json holds the commands and the replies that every client must get, on the cluster port and on
// the plain one. Keys of a run share a prefix of its own, so that runs may share a cluster.
//
// Without node, npm, redis-server or redis-cli what needs them is skipped by name, or fails if KATAKV_REQUIRE is 1.
//
// # Concurrency
//
// There is nothing but tests.
package compat

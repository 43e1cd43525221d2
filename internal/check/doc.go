// Package check judges what a cluster did. The simulator and the tests with real processes share it, so a claim
// is held by the same code wherever it is put to the proof. It has two halves, one checker a file:
//
// Checkers of a [History], which is what clients saw, run when it is complete. They know nothing of the cluster.
//
// Checkers of a trace, which only the simulator can follow, are told of events as they happen and answer the first
// violation with an error. They hold small mirrors of what the cluster did (hashes of entries, terms, votes), never
// its own data, so a mistake there cannot hide itself here.
//
// Every checker has a test that feeds it a history or a trace broken in just the way that it must find.
//
// # Concurrency
//
// Checkers of traces are plain data with one caller. Checkers of histories may use several goroutines inside.
package check

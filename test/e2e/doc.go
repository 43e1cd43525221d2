// Package e2e tests the real binary: its commands, and clusters of real processes that are killed, stopped,
// resumed and fed with wrong directories.
//
// The binary is built once for all tests; the environment variable KATAKV_BIN names one that is there already.
// Tests start clusters by internal/localcluster in directories of their own and may run side by side.
//
// # Concurrency
//
// Helpers belong to their test's goroutine unless they say otherwise.
package e2e

// Package katakv is the vocabulary of KataKV: the identities, limits and errors that every other package
// shares. It imports nothing but the standard library and holds no behaviour beyond formatting.
//
// The store itself lives below internal/; docs/ARCHITECTURE.md opens with the life of one write.
//
// # Concurrency
//
// Everything here is a value or a constant; all of it may be used from any goroutine.
package katakv

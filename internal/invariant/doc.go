// Package invariant stops the process when a rule that may not break is broken. The checks run in
// production: a store that goes on after a broken invariant loses data quietly.
//
// # Concurrency
//
// All functions may be called from any goroutine.
package invariant

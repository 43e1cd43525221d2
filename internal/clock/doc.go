// Package clock reads and waits for the machine's clocks, for everything outside the cores: a core is told the
// time in events. That all readings come from here is what lets tests and fault injection bend them.
//
// # Concurrency
//
// All functions may be called from any goroutine.
package clock

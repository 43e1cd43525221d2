// Package enginetest is the contract of engine.Engine as a suite of tests, which every implementation passes:
//
//	func TestEngine(t *testing.T) {
//		enginetest.Run(t, func(t *testing.T) engine.Engine { return engine.NewMemory() })
//	}
//
// What it leaves to the implementations' own tests: crashes, which each has to bring about in its own way.
//
// # Concurrency
//
// Run is called from a test's goroutine and starts none.
package enginetest

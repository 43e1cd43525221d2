// Package group runs goroutines that end together: whoever owns a group can tell all of them to end and wait
// until they have.
//
//	g := group.New()
//	g.Start(func() {
//		for {
//			select {
//			case <-g.Stopped():
//				return
//			case job := <-jobs:
//				work(job)
//			}
//		}
//	})
//	...
//	g.Stop() // signals, and waits
//
// A group promises that no goroutine starts after Signal or Stop was called, and that none is left when Wait
// or Stop returns after one of them. It does not end a goroutine that ignores Stopped, recovers no panic and
// collects no errors: a goroutine that fails tells its owner in its own way.
//
// # Concurrency
//
// All methods may be called from any goroutine, but a goroutine of the group must not call Wait or Stop: it
// would wait for itself.
package group

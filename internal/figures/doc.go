// Package figures holds what every issue must show, how each point is measured, and the form of
// docs/evidence.md, where the measurements are kept.
//
// A [Requirement] is one "must show" bullet of an issue (issue2.go holds those of issue 2) with the tests that
// prove it. A [Record] is what measuring it gave. [Render] writes records as a page and [Parse] reads the page
// back; its last line is a checksum over the rows, so that a row edited by hand is found by internal/tidy.
// `make figures` runs the command below measure/, which executes the tests and writes the page.
//
// Tests hand figures over as lines of their log, made by [Line]:
//
//	t.Log(figures.Line("longest gap", 812, "ms"))
//
// # Concurrency
//
// All functions are pure and may be called from any goroutine.
package figures

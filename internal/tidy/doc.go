// Package tidy checks the source tree itself: that imports go down in level, that each dependency has one
// owner, that pure packages hold nothing that a simulation cannot repeat, that every package says what it is,
// that links in the documentation resolve, and that nothing strays in. It needs nothing but Go.
//
// `go test ./internal/tidy` runs every check over this tree, and each check over a small broken tree that it
// must find fault with. A check is a function from a [Tree] to findings; a finding is one line that names the
// place, the rule, and what to do.
//
// A new package gets a line in levels.go, a new dependency an owner there and a page in docs/decisions/.
//
// # Concurrency
//
// A Tree is read-only once loaded; checks may run in parallel.
//
// # Left to others
//
// Formatting, and what needs types, is the linter's part: see .golangci.yml, whose depguard rules repeat the
// owners for editors.
package tidy

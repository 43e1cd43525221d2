package figures

import "slices"

// Requirement is one bullet of an issue's "must show" list.
type Requirement struct {
	// ID names the requirement in the page and for `make figures ONLY=id`: issue number, dot, a word.
	ID string

	// Text is the bullet in one sentence.
	Text string

	// Checks are the tests that prove it. All of them must pass. Without any, the requirement is not run.
	Checks []Check

	// Bounds are limits on figures that the checks report.
	Bounds []Bound
}

// Check is one test.
type Check struct {
	// Dir is the package's directory, relative to the repository's root.
	Dir string

	// Test is the name of a top-level test. Empty means that nobody wrote it yet: the requirement is then
	// not run, whatever the others say.
	Test string
}

// tests returns checks for tests of one package.
func tests(dir string, names ...string) []Check {
	checks := make([]Check, len(names))
	for i, name := range names {
		checks[i] = Check{Dir: dir, Test: name}
	}
	return checks
}

// Bound is the largest value that a figure may have. A figure that is missing, or comes in another unit,
// breaks its bound.
type Bound struct {
	Figure string
	Max    float64
	Unit   string
}

// All returns every requirement, oldest issue first.
func All() []Requirement {
	return slices.Concat(issue2(), issue3(), issue4())
}

// Complete reports whether every check names a test.
func (r Requirement) Complete() bool {
	for _, check := range r.Checks {
		if check.Test == "" {
			return false
		}
	}
	return len(r.Checks) > 0
}

// Command returns what a reader types to run the check, or "no test yet".
func (c Check) Command() string {
	if c.Test == "" {
		return "no test yet"
	}
	return "go test -C " + c.Dir + " -run '^" + c.Test + "$'" // works in nested modules too
}

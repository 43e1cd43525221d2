package tidy

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/katakv/katakv/internal/figures"
)

// evidencePath is the page that `make figures` writes.
const evidencePath = "docs/evidence.md"

// Evidence finds rows of the evidence page that were not measured or do not fit the requirements, and
// requirements that name tests which do not exist.
func Evidence(t *Tree, requirements []figures.Requirement) []string {
	found := t.missingTests(requirements)
	page, ok := t.Files[evidencePath]
	if !ok {
		return append(found, evidencePath+": does not exist: run `make figures ONLY=none`")
	}
	records, err := figures.Parse(string(page))
	if err != nil {
		return append(found, evidencePath+": "+err.Error())
	}
	if figures.Render(figures.Merge(requirements, records, nil)) != string(page) {
		found = append(found, evidencePath+": does not fit the requirements in internal/figures: run `make figures ONLY=none`, "+
			"then measure the rows that it blanked")
	}
	return found
}

// missingTests finds checks whose test is not in the tree.
func (t *Tree) missingTests(requirements []figures.Requirement) []string {
	var found []string
	for _, requirement := range requirements {
		for _, check := range requirement.Checks {
			if check.Test != "" && !t.hasTest(check.Dir, check.Test) {
				found = append(found, fmt.Sprintf("%s: no %s in %s: correct internal/figures, or leave the name empty until "+
					"the test exists", requirement.ID, check.Test, check.Dir))
			}
		}
	}
	return found
}

// hasTest reports whether a directory, perhaps of a nested module, declares a top-level test.
func (t *Tree) hasTest(dir, test string) bool {
	declaration := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(test) + `\(`)
	for name, data := range t.Files {
		if path.Dir(name) == dir && strings.HasSuffix(name, "_test.go") && declaration.Match(data) {
			return true
		}
	}
	return false
}

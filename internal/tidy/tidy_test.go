package tidy_test

import (
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/tidy"
)

// TestTree runs every check over this repository.
func TestTree(t *testing.T) {
	tree, err := tidy.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if tree.Packages["internal/tidy"] == nil {
		t.Fatalf("got %d packages without this one: the tree was not read", len(tree.Packages))
	}
	checks := []struct {
		name  string
		check func(*tidy.Tree) []string
	}{
		{"parsed", tidy.Parsed},
		{"levels", tidy.Levels},
		{"owners", tidy.Owned},
		{"pure reach", tidy.PureReach},
		{"pure code", tidy.PureCode},
		{"goroutines", tidy.Goroutines},
		{"package docs", tidy.PackageDocs},
		{"links", tidy.Links},
		{"sizes", tidy.Sizes},
		{"lengths", tidy.Lengths},
		{"words", func(tree *tidy.Tree) []string { return tidy.Words(tree, registryHosts()...) }},
		{"evidence", func(tree *tidy.Tree) []string { return tidy.Evidence(tree, figures.All()) }},
	}
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			for _, finding := range check.check(tree) {
				t.Error(finding)
			}
		})
	}
}

// registryHosts returns the hosts that this machine gets its modules from.
func registryHosts() []string {
	value, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		value = []byte(os.Getenv("GOPROXY"))
	}
	var hosts []string
	for proxy := range strings.FieldsFuncSeq(strings.TrimSpace(string(value)), func(r rune) bool { return r == ',' || r == '|' }) {
		if address, err := url.Parse(proxy); err == nil && strings.Contains(address.Hostname(), ".") {
			hosts = append(hosts, address.Hostname())
		}
	}
	return hosts
}

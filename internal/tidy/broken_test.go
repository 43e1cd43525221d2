package tidy_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/tidy"
)

// code returns a package clause, imports and a body. An import beginning with "internal/" is of this module.
func code(name string, imports []string, body string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "package %s\n", name)
	for _, path := range imports {
		if strings.HasPrefix(path, "internal/") {
			path = tidy.Module + "/" + path
		}
		fmt.Fprintf(&text, "import %q\n", path)
	}
	return text.String() + body
}

// imports returns a file that only imports.
func imports(name string, paths ...string) string { return code(name, paths, "") }

type files map[string]string

func (f files) tree() *tidy.Tree {
	data := map[string][]byte{}
	for name, text := range f {
		data[name] = []byte(text)
	}
	return tidy.NewTree(data)
}

const concurrency = "\n//\n// # Concurrency\n//\n// None.\n"

// TestBrokenTrees shows every check a tree that breaks its rule, and one close by that does not.
func TestBrokenTrees(t *testing.T) {
	words := func(tree *tidy.Tree) []string { return tidy.Words(tree, "mirror.example") }
	tests := []struct {
		name  string
		check func(*tidy.Tree) []string
		files files
		want  string // a pattern of the only finding, or "" for none
	}{
		{"syntax", tidy.Parsed, files{"internal/kv/a.go": "package"}, `does not parse: internal/kv/a.go`},
		{"test data is not source", tidy.Parsed, files{"internal/kv/testdata/a.go": "package"}, ""},

		{"level: down", tidy.Levels, files{"internal/kv/a.go": imports("kv", "internal/slot")}, ""},
		{"level: up", tidy.Levels, files{"internal/kv/a.go": imports("kv", "internal/core")}, `a.go:2: level 3 imports internal/core \(level 5\)`},
		{"level: own", tidy.Levels, files{"internal/kv/a.go": imports("kv", "internal/wire")}, `level 3 imports internal/wire`},
		{"level: node and server", tidy.Levels, files{"internal/node/a.go": imports("node", "internal/server")}, `level 7 imports internal/server`},
		{"level: new package", tidy.Levels, files{"internal/new/a.go": "package new"}, `internal/new: new package: .*levels.go`},
		{"level: unknown import", tidy.Levels, files{"internal/kv/a.go": imports("kv", "internal/new")}, `internal/new, which has no level`},
		{"level: test", tidy.Levels, files{"internal/kv/a_test.go": imports("kv", "internal/sim")}, ""},
		{"level: nested module", tidy.Levels, files{"tools/go.mod": "module x", "tools/a/a.go": "package a"}, ""},
		{"side: product", tidy.Levels, files{"internal/core/a.go": imports("core", "internal/sim")}, `only cmd/katasim and tests may`},
		{"side: katasim", tidy.Levels, files{"cmd/katasim/a.go": imports("main", "internal/sim", "internal/controller")}, ""},
		{"side: too high", tidy.Levels, files{"internal/sim/a.go": imports("sim", "internal/node")}, `levels below 7 only`},
		{"test help: product", tidy.Levels, files{"cmd/katakv/a.go": imports("main", "internal/require")}, `for tests only`},
		{"test help: test", tidy.Levels, files{"cmd/katakv/a_test.go": imports("main", "internal/require")}, ""},

		{"owner: right", tidy.Owned, files{"internal/engine/pebble/a.go": imports("pebble", "github.com/cockroachdb/pebble/v2", "os")}, ""},
		{"owner: wrong", tidy.Owned, files{"internal/node/a.go": imports("node", "github.com/cockroachdb/pebble/v2")}, `belongs to internal/engine/pebble`},
		{"owner: vfs", tidy.Owned, files{"internal/raftlog/a.go": imports("raftlog", "github.com/cockroachdb/pebble/v2/vfs")}, ""},
		{"owner: more than vfs", tidy.Owned, files{"internal/raftlog/a.go": imports("raftlog", "github.com/cockroachdb/pebble/v2/sstable")}, `belongs to`},
		{"owner: raft types", tidy.Owned, files{"internal/wire/a.go": imports("wire", "go.etcd.io/raft/v3/raftpb")}, ""},
		{"owner: raft", tidy.Owned, files{"internal/wire/a.go": imports("wire", "go.etcd.io/raft/v3")}, `belongs to internal/replica`},
		{"owner: none yet", tidy.Owned, files{"internal/kv/a.go": imports("kv", "example.com/x")}, `has no owner: a dependency is a decision`},
		{"owner: cgo", tidy.Owned, files{"internal/kv/a.go": imports("kv", "C")}, `used nowhere`},
		{"owner: std", tidy.Owned, files{"internal/node/a.go": imports("node", "os/exec")}, `os/exec belongs to`},
		{"owner: text only", tidy.Owned, files{"internal/kv/a.go": imports("kv", "net/netip", "fmt")}, ""},
		{"owner: test", tidy.Owned, files{"internal/kv/a_test.go": imports("kv", "example.com/x", "os")}, ""},

		{"reach: direct", tidy.PureReach, files{"internal/kv/a.go": imports("kv", "os")}, `internal/kv is pure but reaches os: internal/kv > os`},
		{"reach: below", tidy.PureReach, files{
			"internal/kv/a.go":   imports("kv", "internal/resp"),
			"internal/resp/a.go": imports("resp", "net"),
		}, `reaches net: internal/kv > internal/resp > net`},
		{"reach: clock", tidy.PureReach, files{"internal/kv/a.go": imports("kv", "internal/clock")}, `reaches .*internal/clock`},
		{"reach: vfs by itself", tidy.PureReach, files{"internal/core/a.go": imports("core", "github.com/cockroachdb/pebble/v2/vfs")}, `reaches .*vfs`},
		{"reach: vfs through the log", tidy.PureReach, files{
			"internal/core/a.go":    imports("core", "internal/raftlog"),
			"internal/raftlog/a.go": imports("raftlog", "github.com/cockroachdb/pebble/v2/vfs"),
		}, ""},

		{"pure: channel", tidy.PureCode, files{"internal/core/a.go": "package core\ntype q chan int"}, `a.go:2: pure packages have no channels`},
		{"pure: receive", tidy.PureCode, files{"internal/core/a.go": "package core\nvar x = <-y"}, `do not wait`},
		{"pure: select", tidy.PureCode, files{"internal/core/a.go": "package core\nfunc f() { select {} }"}, `do not wait`},
		{"pure: lock", tidy.PureCode, files{"internal/core/a.go": imports("core", "sync")}, `do not import sync`},
		{"pure: lock by exception", tidy.PureCode, files{"internal/engine/a.go": imports("engine", "sync")}, ""},
		{"pure: more than the exception", tidy.PureCode, files{"internal/engine/a.go": imports("engine", "sync/atomic")}, `do not import sync/atomic`},
		{"pure: clock", tidy.PureCode, files{"internal/core/a.go": code("core", []string{"time"}, "var x = time.Now()")}, `no clock: time.Now`},
		{"pure: clock by another name", tidy.PureCode, files{"internal/core/a.go": "package core\nimport t \"time\"\nvar f = t.After"}, `no clock: time.After`},
		{"pure: duration", tidy.PureCode, files{"internal/core/a.go": code("core", []string{"time"}, "const x = time.Second")}, ""},
		{"pure: randomness", tidy.PureCode, files{"internal/core/a.go": code("core", []string{"math/rand/v2"}, "var x = rand.IntN(3)")}, `no global randomness`},
		{"pure: seeded", tidy.PureCode, files{"internal/core/a.go": code("core", []string{"math/rand/v2"}, "var x = rand.New(rand.NewPCG(1, 2))")}, ""},
		{"pure: dot import", tidy.PureCode, files{"internal/core/a.go": "package core\nimport . \"time\""}, `dot imports`},
		{"pure: others may", tidy.PureCode, files{"internal/node/a.go": code("node", []string{"sync", "time"}, "var x = time.Now()")}, ""},

		{"go: pure", tidy.Goroutines, files{"internal/core/a.go": "package core\nfunc f() { go f() }"}, `a.go:2: starts a goroutine`},
		{"go: not pure", tidy.Goroutines, files{"internal/raftlog/a.go": "package raftlog\nfunc f() { go f() }"}, `starts a goroutine`},
		{"go: group", tidy.Goroutines, files{"internal/raftlog/a.go": "package raftlog\nfunc f() { g.Go(f) }"}, `through a group`},
		{"go: allowed", tidy.Goroutines, files{"internal/node/a.go": "package node\nfunc f() { go f() }"}, ""},

		{"doc: right", tidy.PackageDocs, files{"internal/kv/doc.go": "// Package kv." + concurrency + "package kv", "internal/kv/a.go": "package kv"}, ""},
		{"doc: none", tidy.PackageDocs, files{"internal/kv/a.go": "package kv"}, `internal/kv: the package has no doc.go`},
		{"doc: two", tidy.PackageDocs, files{"internal/kv/doc.go": "// A.\npackage kv", "internal/kv/a.go": "// B.\npackage kv"}, `2 package comments`},
		{"doc: elsewhere", tidy.PackageDocs, files{"internal/kv/a.go": "// A.\npackage kv"}, `belongs in doc.go`},
		{"doc: no section", tidy.PackageDocs, files{"internal/kv/doc.go": "// A.\npackage kv", "internal/kv/a.go": "package kv"}, `Concurrency`},
		{"doc: command", tidy.PackageDocs, files{"cmd/katakv/main.go": "// A.\npackage main"}, ""},

		{"link: right", tidy.Links, files{"docs/a.md": "[b](b.md#two-words) [up](../go.mod) [self](#x) [dir](.)\n# X", "docs/b.md": "## Two words", "go.mod": ""}, ""},
		{"link: no file", tidy.Links, files{"docs/a.md": "\n[b](b.md)"}, `docs/a.md:2: link to b.md, which does not exist`},
		{"link: no heading", tidy.Links, files{"a.md": "[b](b.md#c)", "b.md": "# B"}, `no such heading`},
		{"link: heading in code", tidy.Links, files{"a.md": "[b](#c)\n```\n# C\n```\n"}, `no such heading`},
		{"link: outside", tidy.Links, files{"a.md": "[b](../b.md)"}, `does not exist`},
		{"link: not ours", tidy.Links, files{"a.md": "[b](https://example.com/b.md) `[c](c.md)`\n```\n[d](d.md)\n```\n"}, ""},

		{"size: large", tidy.Sizes, files{"a.bin": strings.Repeat("x", 512<<10+1)}, `a.bin: 512 KiB`},
		{"size: just", tidy.Sizes, files{"a.bin": strings.Repeat("x", 512<<10)}, ""},

		{"length: file", tidy.Lengths, files{"internal/kv/a.go": "package kv" + strings.Repeat("\n", 801)}, `801 lines`},
		{"length: test file", tidy.Lengths, files{"internal/kv/a_test.go": "package kv" + strings.Repeat("\n", 801)}, ""},
		{"length: function", tidy.Lengths, files{"internal/kv/a.go": "package kv\nfunc f() {" + strings.Repeat("\n", 80) + "}"}, `a.go:2: f has 81 lines`},
		{"length: just", tidy.Lengths, files{"internal/kv/a.go": "package kv\nfunc f() {" + strings.Repeat("\n", 79) + "}"}, ""},
		{"length: generated", tidy.Lengths, files{"internal/kv/a.go": "// Code generated by x. DO NOT EDIT.\n\npackage kv" + strings.Repeat("\n", 801)}, ""},

		{"word: path", words, files{"a.sh": "\ncd /" + "work/x"}, `a.sh:2: names a path of one machine`},
		{"word: home", words, files{"a.sh": "X=\"/" + "root/go\""}, `path of one machine`},
		{"word: a word in a path", words, files{"a.sh": "cd test/" + "work/x; curl https://example.com/" + "root/x"}, ""},
		{"word: host", words, files{"a.json": "https://registry." + "npmjs.org/x"}, `registry's host`},
		{"word: this machine's host", words, files{"a.json": "https://mirror.example/x"}, `registry's host`},
		{"word: binary", words, files{"a.bin": "\x00 /" + "work/x"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantFinding(t, test.check(test.files.tree()), test.want) })
	}
}

// wantFinding fails the test unless the findings are one that matches the pattern, or none where it is empty.
func wantFinding(t *testing.T, got []string, pattern string) {
	t.Helper()
	if pattern == "" {
		if len(got) > 0 {
			t.Fatalf("got %q, want no finding", got)
		}
		return
	}
	if len(got) != 1 || !regexp.MustCompile(pattern).MatchString(got[0]) {
		t.Fatalf("got %q, want one finding that matches %q", got, pattern)
	}
}

// TestThirdPartyReach follows the imports of modules that are not ours.
func TestThirdPartyReach(t *testing.T) {
	tests := []struct {
		name    string
		imports map[string][]string
		want    string
	}{
		{"os in a dependency", map[string][]string{"go.etcd.io/raft/v3": {"os", "fmt"}}, ""},
		{
			"net in a dependency",
			map[string][]string{"go.etcd.io/raft/v3": {"example.com/x"}, "example.com/x": {"net/http"}},
			`internal/replica > go.etcd.io/raft/v3 > example.com/x > net/http`,
		},
		{"pebble in a dependency", map[string][]string{"go.etcd.io/raft/v3": {"github.com/cockroachdb/pebble"}}, `reaches github.com/cockroachdb/pebble`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := files{"internal/replica/a.go": imports("replica", "go.etcd.io/raft/v3")}.tree()
			tree.Imports = test.imports
			wantFinding(t, tidy.PureReach(tree), test.want)
		})
	}
}

func TestBrokenEvidence(t *testing.T) {
	written := figures.Requirement{ID: "2.a", Text: "first", Checks: []figures.Check{{Dir: "a", Test: "TestA"}}}
	unwritten := figures.Requirement{ID: "2.a", Text: "first", Checks: []figures.Check{{Dir: "a"}}}
	page := func(r figures.Requirement, verdict figures.Verdict) string {
		record := r.Blank("x")
		record.Verdict = verdict
		return figures.Render([]figures.Record{record})
	}
	const test = "package a\nfunc TestA(t *testing.T) {}\n"
	tests := []struct {
		name        string
		requirement figures.Requirement
		files       files
		want        string
	}{
		{"measured", written, files{"docs/evidence.md": page(written, figures.Pass), "a/a_test.go": test}, ""},
		{"no such test", written, files{"docs/evidence.md": page(written, figures.Pass)}, `2.a: no TestA in a`},
		{"test with a longer name", written, files{"docs/evidence.md": page(written, figures.Pass), "a/a_test.go": "package a\nfunc TestAB() {}"}, `no TestA in a`},
		{"edited", written, files{"docs/evidence.md": strings.Replace(page(written, figures.Fail), "FAIL", "PASS", 1), "a/a_test.go": test}, `never written by hand`},
		{"no page", written, files{"a/a_test.go": test}, `does not exist: run`},
		{"another requirement", unwritten, files{"docs/evidence.md": page(written, figures.Pass)}, `does not fit the requirements`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantFinding(t, tidy.Evidence(test.files.tree(), []figures.Requirement{test.requirement}), test.want)
		})
	}
}

// TestTables finds slips in the tables themselves.
func TestTables(t *testing.T) {
	for dir, rule := range tidy.Packages {
		if rule.Pure && rule.Goroutines {
			t.Errorf("%s: is pure and has goroutines", dir)
		}
		for _, from := range rule.OnlyFrom {
			if _, ok := tidy.Packages[from]; !ok {
				t.Errorf("%s: only from %s, which is not in Packages", dir, from)
			}
		}
	}
	seen := map[string]bool{}
	for _, owner := range tidy.Owners {
		if seen[owner.Path] {
			t.Errorf("%s: has two lines", owner.Path)
		}
		seen[owner.Path] = true
		for _, dir := range owner.Packages {
			if _, ok := tidy.Packages[dir]; !ok {
				t.Errorf("%s: belongs to %s, which is not in Packages", owner.Path, dir)
			}
		}
	}
}

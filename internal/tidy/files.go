package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

const (
	// maxFileBytes keeps recordings, binaries and data sets out of every clone.
	maxFileBytes = 512 << 10

	// maxFileLines is where a file surely holds a second idea; 100 to 400 lines read well.
	maxFileLines = 800

	// maxFunctionLines is a generous screen.
	maxFunctionLines = 80
)

// Sizes finds files too large to be source.
func Sizes(t *Tree) []string {
	var found []string
	for _, name := range sortedKeys(t.Files) {
		if size := len(t.Files[name]); size > maxFileBytes {
			found = append(found, fmt.Sprintf("%s: %d KiB, want at most %d: generate it, or fetch it in the test", name,
				size>>10, maxFileBytes>>10))
		}
	}
	return found
}

// Lengths finds product files and functions that are too long. Generated files are let off.
func Lengths(t *Tree) []string {
	var found []string
	for _, dir := range sortedKeys(t.Packages) {
		for _, file := range t.Packages[dir].Product() {
			if ast.IsGenerated(file.AST) {
				continue
			}
			if lines := bytes.Count(t.Files[file.Path], []byte("\n")); lines > maxFileLines {
				found = append(found, fmt.Sprintf("%s: %d lines, want at most %d: move the second idea out", file.Path, lines,
					maxFileLines))
			}
			for _, declaration := range file.AST.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok {
					continue
				}
				first := t.line(function.Pos())
				if lines := t.line(function.End()) - first + 1; lines > maxFunctionLines {
					found = append(found, fmt.Sprintf("%s:%d: %s has %d lines, want at most %d: move straight-line work into helpers",
						file.Path, first, function.Name.Name, lines, maxFunctionLines))
				}
			}
		}
	}
	return found
}

// hosts are machines from which packages come. They are spelled in parts, so that this file is not a finding.
var hosts = []string{
	"proxy." + "golang.org", "sum." + "golang.org", "registry." + "npmjs.org", "registry." + "yarnpkg.com",
	"deb." + "debian.org", "security." + "debian.org", "ftp." + "debian.org",
}

// machinePath is a path that exists on one developer's machine only.
var machinePath = regexp.MustCompile(`(?m)(?:^|[\s"'` + "`" + `(=:,\[<])/(?:` + "wo" + `rk|` + "ro" + `ot|` + "ho" + `me)/[A-Za-z0-9_.]`)

// Words finds machine paths and registry hosts in text files. extra are hosts known only at run time.
func Words(t *Tree, extra ...string) []string {
	var found []string
	for _, name := range sortedKeys(t.Files) {
		data := t.Files[name]
		if bytes.IndexByte(data, 0) >= 0 {
			continue
		}
		for i, line := range strings.Split(string(data), "\n") {
			if machinePath.MatchString(line) {
				found = append(found, fmt.Sprintf("%s:%d: names a path of one machine", name, i+1))
			}
			for _, host := range append(extra, hosts...) {
				if host != "" && strings.Contains(line, host) {
					found = append(found, fmt.Sprintf("%s:%d: names a package registry's host", name, i+1))
				}
			}
		}
	}
	return found
}

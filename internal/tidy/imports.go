package tidy

import (
	"fmt"
	"slices"
	"strings"
)

// Parsed finds Go files that do not parse.
func Parsed(t *Tree) []string { return t.problems }

// Levels finds packages that the table does not hold, and imports that do not go down in level.
func Levels(t *Tree) []string {
	var found []string
	for _, dir := range sortedKeys(t.Packages) {
		rule, ok := Packages[dir]
		if !ok {
			found = append(found, dir+": new package: give it a level in Packages of internal/tidy/levels.go")
			continue
		}
		for _, file := range t.Packages[dir].Product() {
			for _, imported := range file.Imports {
				target, local := localDir(imported.Path)
				if !local {
					continue
				}
				if problem := mayImport(dir, rule, target); problem != "" {
					found = append(found, fmt.Sprintf("%s:%d: %s", file.Path, imported.Line, problem))
				}
			}
		}
	}
	return found
}

// mayImport returns why the package in dir may not import the one in target, or "".
func mayImport(dir string, rule Rule, target string) string {
	to, ok := Packages[target]
	switch {
	case !ok:
		return fmt.Sprintf("imports %s, which has no level in internal/tidy/levels.go", target)
	case slices.Contains(to.OnlyFrom, dir):
		return ""
	case to.TestHelp:
		return fmt.Sprintf("imports %s, which is for tests only", target)
	case len(to.OnlyFrom) > 0:
		return fmt.Sprintf("imports %s, which only %s and tests may", target, strings.Join(to.OnlyFrom, ", "))
	case to.Level == side:
		return fmt.Sprintf("imports %s, which stands beside the product", target)
	case rule.Level == side && to.Level < sideCeiling:
		return ""
	case rule.Level == side:
		return fmt.Sprintf("imports %s (level %d), but may import levels below %d only", target, to.Level, sideCeiling)
	case to.Level >= rule.Level:
		return fmt.Sprintf("level %d imports %s (level %d): imports go down in level", rule.Level, target, to.Level)
	}
	return ""
}

// Owned finds imports of dependencies by packages that do not own them.
func Owned(t *Tree) []string {
	var found []string
	for _, dir := range sortedKeys(t.Packages) {
		for _, file := range t.Packages[dir].Product() {
			for _, imported := range file.Imports {
				if problem := mayDepend(dir, imported.Path); problem != "" {
					found = append(found, fmt.Sprintf("%s:%d: %s", file.Path, imported.Line, problem))
				}
			}
		}
	}
	return found
}

// mayDepend returns why the package in dir may not import importPath, or "".
func mayDepend(dir, importPath string) string {
	if _, local := localDir(importPath); local || free[importPath] {
		return ""
	}
	owner := ownerOf(importPath)
	switch {
	case owner == nil && isThirdParty(importPath):
		return importPath + " has no owner: a dependency is a decision; add it to Owners of internal/tidy/levels.go and " +
			"a page to docs/decisions/"
	case owner == nil || slices.Contains(owner.Packages, dir) || Packages[dir].TestHelp && !isThirdParty(importPath):
		return ""
	case len(owner.Packages) == 0:
		return importPath + " is used nowhere"
	}
	return fmt.Sprintf("%s belongs to %s (internal/tidy/levels.go)", importPath, strings.Join(owner.Packages, ", "))
}

// ownerOf returns the owner with the longest path, or nil.
func ownerOf(importPath string) *Owner {
	var best *Owner
	for i := range Owners {
		if below(importPath, Owners[i].Path) && (best == nil || len(Owners[i].Path) > len(best.Path)) {
			best = &Owners[i]
		}
	}
	return best
}

// logPackage is where the walk from a pure package ends: core and replica use the log's types, and what is
// below them, Pebble's vfs, is the one exception.
const logPackage = "internal/raftlog"

// PureReach finds pure packages that reach the network, the operating system, the clock or Pebble, however far
// below. The standard library's own imports are not followed (fmt imports os), and third-party packages may
// import os (raft's default logger does), but neither the network nor Pebble.
func PureReach(t *Tree) []string {
	var found []string
	for _, dir := range sortedKeys(t.Packages) {
		if Packages[dir].Pure {
			found = append(found, t.reach(dir)...)
		}
	}
	return found
}

// reach walks the imports below one pure package, breadth first, so that the shortest chain is reported.
func (t *Tree) reach(start string) []string {
	var found []string
	type step struct{ path, chain string }
	root := Module
	if start != "." {
		root += "/" + start
	}
	queue := []step{{root, start}}
	seen := map[string]bool{root: true}
	for len(queue) > 0 {
		current := queue[0]
		queue = queue[1:]
		for _, next := range t.importsOf(current.path) {
			chain := current.chain + " > " + strings.TrimPrefix(next, Module+"/")
			if impure(current.path, next) {
				found = append(found, fmt.Sprintf("%s is pure but reaches %s: %s", start, next, chain))
				continue
			}
			if _, local := localDir(next); !seen[next] && (local || isThirdParty(next)) {
				seen[next] = true
				if next == Module+"/"+logPackage {
					continue
				}
				queue = append(queue, step{next, chain})
			}
		}
	}
	return found
}

// importsOf returns the direct imports of a package, tests apart, sorted.
func (t *Tree) importsOf(importPath string) []string {
	dir, local := localDir(importPath)
	if !local {
		return t.Imports[importPath]
	}
	pkg := t.Packages[dir]
	if pkg == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, file := range pkg.Product() {
		for _, imported := range file.Imports {
			seen[imported.Path] = true
		}
	}
	return sortedKeys(seen)
}

// impure reports whether an import takes a pure package out of the simulator's hands.
func impure(from, importPath string) bool {
	if free[importPath] {
		return false
	}
	if below(importPath, "net") || below(importPath, pebblePath) || importPath == Module+"/internal/clock" {
		return true
	}
	if isThirdParty(from) {
		return false
	}
	return below(importPath, "os") || below(importPath, "syscall") || below(importPath, "golang.org/x/sys")
}

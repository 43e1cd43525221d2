package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// pureForbidden are imports that pure packages do without, and why.
var pureForbidden = map[string]string{
	"sync":          "state belongs to one loop",
	"sync/atomic":   "state belongs to one loop",
	"crypto/rand":   "randomness is handed in, seeded",
	"runtime":       "the scheduler is the node's",
	"runtime/debug": "the scheduler is the node's",
}

// clockNames are the parts of package time that read or wait for a clock.
var clockNames = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true,
	"NewTimer": true, "NewTicker": true, "Timer": true, "Ticker": true,
}

// seededNames are the parts of math/rand that work on a generator of the caller's.
var seededNames = map[string]bool{
	"New": true, "NewSource": true, "NewPCG": true, "NewChaCha8": true, "NewZipf": true,
	"Rand": true, "Source": true, "Source64": true, "PCG": true, "ChaCha8": true, "Zipf": true,
}

// Goroutines finds `go` statements, and calls of group helpers, outside the packages that may have them.
func Goroutines(t *Tree) []string {
	return t.inspect(
		func(rule Rule) bool { return !rule.Goroutines },
		func(_ Rule, _ *File, node ast.Node) string {
			switch node := node.(type) {
			case *ast.GoStmt:
				return "starts a goroutine: only cmd, client, node, transport, server, admin, backup and localcluster do"
			case *ast.CallExpr:
				if selector, ok := node.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "Go" {
					return "starts a goroutine through a group: only cmd, client, node, transport, server, admin, backup " +
						"and localcluster do"
				}
			}
			return ""
		})
}

// PureCode finds channels, locks, clocks and global randomness in pure packages.
func PureCode(t *Tree) []string {
	isPure := func(rule Rule) bool { return rule.Pure }
	return t.inspect(isPure, func(rule Rule, file *File, node ast.Node) string {
		switch node := node.(type) {
		case *ast.ChanType:
			return "pure packages have no channels"
		case *ast.SelectStmt, *ast.SendStmt:
			return "pure packages do not wait for channels"
		case *ast.UnaryExpr:
			if node.Op == token.ARROW {
				return "pure packages do not wait for channels"
			}
		case *ast.ImportSpec:
			return pureImport(rule, file, node)
		case *ast.SelectorExpr:
			return pureSelector(file, node)
		}
		return ""
	})
}

func pureImport(rule Rule, file *File, spec *ast.ImportSpec) string {
	for i, imported := range file.Imports {
		if file.AST.Imports[i] != spec {
			continue
		}
		if why := pureForbidden[imported.Path]; why != "" && !slices.Contains(rule.Except, imported.Path) {
			return fmt.Sprintf("pure packages do not import %s: %s", imported.Path, why)
		}
		if imported.Name == "." {
			return "pure packages have no dot imports: they hide clocks"
		}
	}
	return ""
}

func pureSelector(file *File, selector *ast.SelectorExpr) string {
	base, ok := selector.X.(*ast.Ident)
	if !ok {
		return ""
	}
	name := selector.Sel.Name
	switch file.importedAs(base.Name) {
	case "time":
		if clockNames[name] {
			return fmt.Sprintf("pure packages have no clock: time.%s; time arrives in events", name)
		}
	case "math/rand", "math/rand/v2":
		if !seededNames[name] {
			return fmt.Sprintf("pure packages have no global randomness: rand.%s; use a seeded generator", name)
		}
	}
	return ""
}

// importedAs returns the import path behind a name in the file, or "".
func (f *File) importedAs(name string) string {
	for _, imported := range f.Imports {
		if imported.Name == name {
			return imported.Path
		}
	}
	return ""
}

// inspect visits the product files of the packages whose rule is selected and reports what visit returns.
func (t *Tree) inspect(selected func(Rule) bool, visit func(Rule, *File, ast.Node) string) []string {
	var found []string
	for _, dir := range sortedKeys(t.Packages) {
		rule := Packages[dir]
		if !selected(rule) {
			continue
		}
		for _, file := range t.Packages[dir].Product() {
			ast.Inspect(file.AST, func(node ast.Node) bool {
				if problem := visit(rule, file, node); problem != "" {
					found = append(found, fmt.Sprintf("%s:%d: %s", file.Path, t.line(node.Pos()), problem))
				}
				return true
			})
		}
	}
	return found
}

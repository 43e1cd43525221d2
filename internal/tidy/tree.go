package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Tree is a source tree held in memory.
type Tree struct {
	// Files are the tree's files by slash-separated path: those that git tracks or would track.
	Files map[string][]byte

	// Packages are the packages of the main module by directory, "." for the root. Nested modules and
	// testdata are left out.
	Packages map[string]*Package

	// Imports lists the direct imports of third-party packages by import path, as far as pure packages
	// reach them.
	Imports map[string][]string

	fset     *token.FileSet
	problems []string // found while the tree was read
}

// Package is one directory of Go files.
type Package struct {
	Dir   string
	Name  string
	Files []*File // by path
}

// File is one parsed Go file.
type File struct {
	Path    string
	Test    bool
	AST     *ast.File
	Imports []Import
}

// Import is one import of a file.
type Import struct {
	Path string
	Name string // as the file refers to it
	Line int
}

// NewTree parses files into a Tree. What cannot be parsed becomes a finding of [Parsed].
func NewTree(files map[string][]byte) *Tree {
	tree := &Tree{Files: files, Packages: map[string]*Package{}, fset: token.NewFileSet()}
	for _, name := range sortedKeys(files) {
		if path.Ext(name) == ".go" && !tree.outside(name) {
			tree.parse(name)
		}
	}
	return tree
}

// Load reads the tree below root, and the imports of the third-party packages that it uses.
func Load(root string) (*Tree, error) {
	names, err := listFiles(root)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		full := filepath.Join(root, filepath.FromSlash(name))
		info, err := os.Lstat(full)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue // removed but not yet committed, or a link
		}
		data, err := os.ReadFile(full)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the tree: %w", err)
		}
		files[name] = data
	}
	tree := NewTree(files)
	tree.Imports, err = listImports(root, tree.thirdParty())
	return tree, err
}

// listFiles returns the files that git tracks or would track; without git, all but the usual build outputs.
func listFiles(root string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	if output, err := cmd.Output(); err == nil {
		names := strings.FieldsFunc(string(output), func(r rune) bool { return r == 0 })
		slices.Sort(names)
		return slices.Compact(names), nil
	}
	ignored := []string{".git", ".bin", "bin", "node_modules", "katakv-data"}
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(ignored, entry.Name()):
			return fs.SkipDir
		case !entry.IsDir():
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the tree: %w", err)
	}
	return names, nil
}

// listImports asks the go command for the imports of packages and of everything below them.
func listImports(root string, packages []string) (map[string][]string, error) {
	imports := map[string][]string{}
	if len(packages) == 0 {
		return imports, nil
	}
	args := append([]string{"list", "-deps", "-e", "-json=ImportPath,Imports,Standard"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list third-party imports: %w: %s", err, stderr.String())
	}
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var listed struct {
			ImportPath string
			Imports    []string
			Standard   bool
		}
		err := decoder.Decode(&listed)
		if errors.Is(err, io.EOF) {
			return imports, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list third-party imports: %w", err)
		}
		if !listed.Standard {
			imports[listed.ImportPath] = listed.Imports
		}
	}
}

// outside reports whether a file belongs to a nested module or to test data.
func (t *Tree) outside(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, nested := t.Files[dir+"/go.mod"]; nested || path.Base(dir) == "testdata" {
			return true
		}
	}
	return false
}

// parse adds one Go file to its package.
func (t *Tree) parse(name string) {
	parsed, err := parser.ParseFile(t.fset, name, t.Files[name], parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.problems = append(t.problems, "does not parse: "+err.Error())
		return
	}
	dir := path.Dir(name)
	pkg := t.Packages[dir]
	if pkg == nil {
		pkg = &Package{Dir: dir}
		t.Packages[dir] = pkg
	}
	file := &File{Path: name, Test: strings.HasSuffix(name, "_test.go"), AST: parsed}
	for _, spec := range parsed.Imports {
		file.Imports = append(file.Imports, t.newImport(spec))
	}
	pkg.Files = append(pkg.Files, file)
	if !file.Test || pkg.Name == "" {
		pkg.Name = parsed.Name.Name
	}
}

func (t *Tree) newImport(spec *ast.ImportSpec) Import {
	importPath, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		importPath = spec.Path.Value
	}
	name := path.Base(importPath)
	if strings.HasPrefix(name, "v") && strings.Trim(name[1:], "0123456789") == "" && path.Dir(importPath) != "." {
		name = path.Base(path.Dir(importPath)) // a major version: math/rand/v2 is rand
	}
	if spec.Name != nil {
		name = spec.Name.Name
	}
	return Import{Path: importPath, Name: name, Line: t.line(spec.Pos())}
}

// thirdParty returns the third-party packages that the main module's product code imports.
func (t *Tree) thirdParty() []string {
	seen := map[string]bool{}
	for _, pkg := range t.Packages {
		for _, file := range pkg.Product() {
			for _, imported := range file.Imports {
				if isThirdParty(imported.Path) {
					seen[imported.Path] = true
				}
			}
		}
	}
	return sortedKeys(seen)
}

// Product returns the package's files that are not tests.
func (p *Package) Product() []*File {
	var files []*File
	for _, file := range p.Files {
		if !file.Test {
			files = append(files, file)
		}
	}
	return files
}

func (t *Tree) line(pos token.Pos) int { return t.fset.Position(pos).Line }

// localDir returns the directory of a package of the main module.
func localDir(importPath string) (dir string, ok bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

// isThirdParty reports whether an import is neither of this module nor of the standard library.
func isThirdParty(importPath string) bool {
	if _, local := localDir(importPath); local {
		return false
	}
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".")
}

// below reports whether importPath is prefix or lies under it.
func below(importPath, prefix string) bool {
	return importPath == prefix || strings.HasPrefix(importPath, prefix+"/")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

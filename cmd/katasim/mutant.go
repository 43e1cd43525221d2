package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// mutantDir holds the planted bugs, relative to the root of the repository.
const mutantDir = "internal/sim/testdata/mutants"

const mutantSuffix = ".mutant"

// mutant is a bug that is planted on purpose, as a change of source text:
//
//	What it does, in a sentence or two.
//
//	@@ file internal/replica/replica.go
//	@@ was
//	text that stands in the file exactly once
//	@@ is
//	what takes its place
//	@@ end
//
// A line "@@ rare" after the first sentence keeps it out of samples: it takes many seeds to find.
//
// It is never in the source tree: the Go command reads the changed files from elsewhere (build -overlay). So the
// product carries no trace of its mutants, and a mutant whose place has changed is noticed, because its text is no
// longer found.
type mutant struct {
	name, about string
	rare        bool
	edits       []edit
}

type edit struct{ file, was, is string }

// readMutants finds the repository that the working directory is in, and reads all its mutants, by name.
func readMutants(ctx context.Context) (root string, all []mutant, err error) {
	root, err = repository(ctx)
	if err != nil {
		return "", nil, err
	}
	paths, err := filepath.Glob(filepath.Join(root, mutantDir, "*"+mutantSuffix))
	if err != nil || len(paths) == 0 {
		return "", nil, errors.Join(err, fmt.Errorf("no mutants in %s: run it inside the repository", filepath.Join(root, mutantDir)))
	}
	slices.Sort(paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", nil, fmt.Errorf("read a mutant: %w", err)
		}
		m, err := parseMutant(strings.TrimSuffix(filepath.Base(path), mutantSuffix), string(text))
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, m)
	}
	return root, all, nil
}

func parseMutant(name, text string) (mutant, error) {
	about, rest, _ := strings.Cut(text, "\n@@ file ")
	about, _, rare := strings.Cut(about, "@@ rare")
	m := mutant{name: name, about: strings.Join(strings.Fields(about), " "), rare: rare}
	for rest != "" {
		var e edit
		var ok [3]bool
		e.file, rest, ok[0] = strings.Cut(rest, "\n@@ was\n")
		e.was, rest, ok[1] = strings.Cut(rest, "\n@@ is\n")
		e.is, rest, ok[2] = strings.Cut(rest, "\n@@ end\n")
		_, rest, _ = strings.Cut(rest, "@@ file ")
		if !ok[0] || !ok[1] || !ok[2] {
			return m, errors.New("an edit is not of the form: @@ file, @@ was, @@ is, @@ end")
		}
		m.edits = append(m.edits, e)
	}
	if m.about == "" || len(m.edits) == 0 {
		return m, errors.New("it says nothing of what it does, or does nothing")
	}
	return m, nil
}

// plant writes the changed files to dir and returns the path of the overlay that puts them into a build.
func (m *mutant) plant(root, dir string) (string, error) {
	replace := make(map[string]string)
	for i, e := range m.edits {
		path := filepath.Join(root, e.file)
		from := path
		if already, ok := replace[path]; ok {
			from = already
		}
		source, err := os.ReadFile(from)
		if err != nil {
			return "", fmt.Errorf("mutant %s: %w", m.name, err)
		}
		if n := strings.Count(string(source), e.was); n != 1 {
			return "", fmt.Errorf("mutant %s: its text stands %d times in %s: the code has changed, change the mutant as well", m.name, n, e.file)
		}
		changed := filepath.Join(dir, fmt.Sprintf("%s-%d.go", m.name, i))
		if err := os.WriteFile(changed, []byte(strings.Replace(string(source), e.was, e.is, 1)), 0o600); err != nil {
			return "", fmt.Errorf("mutant %s: %w", m.name, err)
		}
		replace[path] = changed
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("mutant %s: %w", m.name, err)
	}
	path := filepath.Join(dir, m.name+".json")
	return path, os.WriteFile(path, overlay, 0o600)
}

// build makes a katasim with the mutant in it and returns its path.
func (m *mutant) build(ctx context.Context, root, dir string) (string, error) {
	overlay, err := m.plant(root, dir)
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, m.name)
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", exe, "./cmd/katasim")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mutant %s does not build: %w\n%s", m.name, err, out)
	}
	return exe, nil
}

// repository returns the root of the repository that the working directory is in.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	path := strings.TrimSpace(string(out))
	if err != nil || path == "" || path == os.DevNull {
		return "", errors.New("find the source: run it inside the repository, with Go installed")
	}
	return filepath.Dir(path), nil
}

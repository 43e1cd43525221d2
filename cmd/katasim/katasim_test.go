package main

import (
	"bytes"
	"strings"
	"testing"
)

// Every mutant still fits the code that it changes.
func TestMutantsFit(t *testing.T) {
	root, all, err := readMutants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if _, err := all[i].plant(root, t.TempDir()); err != nil {
			t.Error(err)
		}
	}
}

func TestParseMutant(t *testing.T) {
	m, err := parseMutant("m", "It\nbreaks.\n\n@@ rare\n\n@@ file a.go\n@@ was\nx\ny\n@@ is\n\n@@ end\n@@ file b.go\n@@ was\nz\n@@ is\nw\n@@ end\n")
	if err != nil {
		t.Fatal(err)
	}
	if m.about != "It breaks." || !m.rare || len(m.edits) != 2 || m.edits[0] != (edit{"a.go", "x\ny", ""}) || m.edits[1] != (edit{"b.go", "z", "w"}) {
		t.Errorf("got %+v", m)
	}
	for _, text := range []string{"", "It breaks.\n", "It breaks.\n\n@@ file a.go\n@@ was\nx\n@@ end\n", "\n@@ file a.go\n@@ was\nx\n@@ is\ny\n@@ end\n"} {
		if _, err := parseMutant("m", text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name string
		args string
		code int
		want string
	}{
		{"help", "--help", exitOK, "katasim replay SEED"},
		{"help of a command", "run --help", exitOK, "-seeds"},
		{"no such command", "rnu", exitUsage, "there is no command"},
		{"faults", "faults", exitOK, "power-of-all"},
		{"a seed passes", "replay 1 --quiet --safety 2s", exitOK, "trace"},
		{"story", "replay 1 --safety 2s --about leads", exitOK, "leads s1"},
		{"nothing to minimize", "minimize 1 --safety 1s", exitOK, "does not fail"},
		{"seed is no number", "replay one", exitUsage, "not a decimal"},
		{"no seed", "replay", exitUsage, "want SEED"},
		{"no such fault", "replay 1 --without rain", exitUsage, "no fault is named"},
		{"no seeds", "run --seeds 0", exitUsage, "positive"},
		{"no such mutant", "mutants --only x", exitUsage, "no mutant is named"},
		{"no such flag", "run --sedes 5", exitUsage, "sedes"},
		{"pebble or not", "replay 1 --pebble maybe", exitUsage, "not \"maybe\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), strings.Fields(test.args), &out, &out); code != test.code {
				t.Errorf("got exit code %d, want %d: %s", code, test.code, &out)
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("got %q, want it to contain %q", &out, test.want)
			}
		})
	}
}

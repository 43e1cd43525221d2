package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/load"
)

// beginState reads the state at path for an input; it returns where the load goes on.
func beginState(t *testing.T, path, input, key string, restart bool) (load.Position, *loadState, error) {
	t.Helper()
	state := &loadState{path: path, config: &load.Config{Key: key, Prefix: "p:"}}
	err := state.begin(bufio.NewReaderSize(strings.NewReader(input), stateHeadBytes), restart)
	return state.config.From, state, err
}

func TestLoadStateGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for _, input := range []string{"one\ntwo\nthree\n", strings.Repeat("long line\n", 20_000)} {
		from, state, err := beginState(t, path, input, "name", false)
		if err != nil || from != (load.Position{}) {
			t.Fatalf("without a state: got %+v, %v", from, err)
		}
		half := load.Position{Bytes: int64(strings.Index(input, "\n") + 1), Lines: 1}
		for _, at := range []load.Position{half, {Bytes: int64(len(input)), Lines: int64(strings.Count(input, "\n"))}} {
			if err := state.save(load.Progress{Position: at}); err != nil {
				t.Fatal(err)
			}
			from, _, err = beginState(t, path, input+"appended since\n", "name", false)
			if err != nil || from != at {
				t.Errorf("got %+v, %v, want %+v", from, err, at)
			}
		}
		if from, _, err := beginState(t, path, input, "name", true); err != nil || from.Lines != 0 {
			t.Errorf("restart: got %+v, %v", from, err)
		}
		if _, _, err := beginState(t, path, "x"+input, "name", false); err == nil {
			t.Error("another input was taken for the one that was loaded")
		}
		if _, _, err := beginState(t, path, input, "id", false); err == nil {
			t.Error("another key was taken for the one that was loaded")
		}
		if err := state.remove(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLoadStateIsCheckedBeforeItIsBelieved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for _, content := range []string{"", "{", "{}", `{"version":2}`, `{"version":1,"bytes":-1}`, "\x00"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := beginState(t, path, "input\n", "name", false); err == nil || !strings.Contains(err.Error(), "--restart") {
			t.Errorf("%q: got %v", content, err)
		}
	}
}

func TestLoadUsage(t *testing.T) {
	for _, args := range [][]string{
		{"load"},
		{"load", "x"},
		{"load", "x", "--key", "name", "--verify", "--restart"},
		{"load", "x", "y", "--key", "name"},
		{"bench", "--connections", "0"},
		{"bench", "--reads", "101"},
		{"bench", "more"},
	} {
		var stdout, stderr strings.Builder
		if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitUsage {
			t.Errorf("%q: got exit code %d, %s", args, code, stderr.String())
		}
	}
	var stdout, stderr strings.Builder
	args := []string{"load", filepath.Join(t.TempDir(), "none"), "--key", "name"}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitFailure || !strings.Contains(stderr.String(), "none") {
		t.Errorf("a file that is not there: got exit code %d, %s", code, stderr.String())
	}
}

func TestLoadDisplay(t *testing.T) {
	var lines strings.Builder
	display := newLoadDisplay(&lines, 200)
	display.show(load.Progress{Position: load.Position{Bytes: 50}, Records: 5, Bad: 1})
	display.show(load.Progress{Position: load.Position{Bytes: 200}, Records: 20, Retries: 3})
	display.end()
	got := strings.Split(lines.String(), "\n")
	if len(got) != 3 || !strings.HasPrefix(got[0], " 25 %  5 records") || !strings.Contains(got[0], "1 bad") ||
		!strings.HasPrefix(got[1], "100 %  20 records") || !strings.Contains(got[1], "3 again") {
		t.Errorf("lines: got %q", got)
	}
	var bar strings.Builder
	terminal := &loadDisplay{out: &bar, terminal: true, size: 200, from: -1}
	terminal.show(load.Progress{Position: load.Position{Bytes: 100}})
	terminal.end()
	if !strings.HasPrefix(bar.String(), "\r["+strings.Repeat("=", barWidth/2)+" ") || !strings.HasSuffix(bar.String(), "\n") {
		t.Errorf("bar: got %q", bar.String())
	}
}

package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/katakv/katakv/internal/figures"
)

func TestJudge(t *testing.T) {
	const (
		figure = `{"Action":"output","Test":"TestX","Output":"    x_test.go:9: FIGURE gap=812 ms\n"}` + "\n"
		reason = `{"Action":"output","Test":"TestX","Output":"    x_test.go:9: no redis\n"}` + "\n"
		sub    = `{"Action":"fail","Test":"TestX/sub"}` + "\n"
		skip   = `{"Action":"skip","Test":"TestX/sub"}` + "\n"
		other  = `{"Action":"pass","Test":"TestXY"}` + "\n"
	)
	tests := []struct {
		name, output string
		want         figures.Verdict
		wantNote     string
		wantFigures  int
	}{
		{"passed with a figure", figure + `{"Action":"pass","Test":"TestX"}`, figures.Pass, "", 1},
		{"failed", reason + sub + `{"Action":"fail","Test":"TestX"}`, figures.Fail, "x_test.go:9: no redis", 0},
		{"skipped", reason + `{"Action":"skip","Test":"TestX"}`, figures.NotRun, "skipped: x_test.go:9: no redis", 0},
		{"a part skipped", reason + skip + `{"Action":"pass","Test":"TestX"}`, figures.NotRun, "a part was skipped: x_test.go:9: no redis", 0},
		{"no such test", other, figures.Fail, "did not end", 0},
		{"did not build", "x.go:1: syntax error\n", figures.Fail, "did not end", 0},
		{"crashed on the way", figure, figures.Fail, "did not end", 1},
	}
	for _, test := range tests {
		got := judge("TestX", []byte(test.output))
		if got.verdict != test.want || got.note != test.wantNote || len(got.figures) != test.wantFigures {
			t.Errorf("%s: got %+v, want %s, note %q and %d figures", test.name, got, test.want, test.wantNote, test.wantFigures)
		}
	}
}

func TestChoose(t *testing.T) {
	all := []figures.Requirement{{ID: "2.a"}, {ID: "2.b"}}
	tests := []struct {
		only    string
		want    int
		wantErr bool
	}{
		{"", 2, false},
		{"none", 0, false},
		{"2.b", 1, false},
		{"2.b,2.a", 2, false},
		{"2.c", 0, true},
	}
	for _, test := range tests {
		got, err := choose(all, test.only)
		if len(got) != test.want || (err != nil) != test.wantErr {
			t.Errorf("%q: got %v, %v, want %d", test.only, got, err, test.want)
		}
	}
}

// TestMeasure runs real tests of a small module.
func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "go.mod"), "module example\n\ngo 1.26\n")
	writeFile(t, filepath.Join(dir, "x_test.go"), `package x

import (
	"os"
	"testing"
)

func TestFast(t *testing.T) { t.Log("FIGURE ratio=0.9") }
func TestSlow(t *testing.T) { t.Log("FIGURE ratio=1.5") }
func TestFull(t *testing.T) {
	if os.Getenv("KATAKV_FIGURES") != "1" {
		t.Fatal("not asked for the full size")
	}
}
func TestBroken(t *testing.T)  { t.Fatal("lost key 7") }
func TestSkipped(t *testing.T) { t.Skip("no redis") }
func TestCrash(t *testing.T)   { os.Exit(0) }
`)
	bounds := []figures.Bound{{Figure: "ratio", Max: 1.3}}
	tests := []struct {
		name   string
		tests  []string
		bounds []figures.Bound
		want   figures.Verdict
		text   string
	}{
		{"within the bound", []string{"TestFast", "TestFull"}, bounds, figures.Pass, "ratio 0.9"},
		{"over the bound", []string{"TestSlow"}, bounds, figures.Fail, "ratio 1.5; ratio 1.5 is over 1.3"},
		{"figure missing", []string{"TestFull"}, bounds, figures.Fail, `"ratio" was not reported`},
		{"one of two failed", []string{"TestFast", "TestBroken"}, nil, figures.Fail, "ratio 0.9; TestBroken: x_test.go:15: lost key 7"},
		{"skipped", []string{"TestSkipped"}, nil, figures.NotRun, "TestSkipped: skipped: x_test.go:16: no redis"},
		{"process ended", []string{"TestCrash"}, nil, figures.Fail, ""},
		{"no such test", []string{"TestNone"}, nil, figures.Fail, "TestNone: did not end"},
		{"not written", []string{"TestFast", ""}, nil, figures.NotRun, "no test yet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			requirement := figures.Requirement{ID: "2.x", Bounds: test.bounds}
			for _, name := range test.tests {
				requirement.Checks = append(requirement.Checks, figures.Check{Dir: dir, Test: name})
			}
			got := measure(requirement, io.Discard)
			if got.Verdict != test.want || test.text != "" && got.Figures != test.text {
				t.Fatalf("got %s, %q, want %s, %q", got.Verdict, got.Figures, test.want, test.text)
			}
		})
	}
}

// TestRunKeepsThePage runs the command in a directory of its own.
func TestRunKeepsThePage(t *testing.T) {
	t.Chdir(t.TempDir())
	if code := run([]string{"-only", "none"}, io.Discard, io.Discard); code != 0 {
		t.Fatalf("got exit code %d for a new page, want 0", code)
	}
	page, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := figures.Parse(string(page)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, pagePath, string(page)+"| 2.x |\n")
	if code := run([]string{"-only", "none"}, io.Discard, io.Discard); code != 1 {
		t.Fatalf("got exit code %d for a page edited by hand, want 1", code)
	}
	if code := run([]string{"-only", "9.nothing"}, io.Discard, io.Discard); code != 2 {
		t.Fatalf("got exit code %d for an unknown id, want 2", code)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

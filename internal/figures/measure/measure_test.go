package main

import (
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

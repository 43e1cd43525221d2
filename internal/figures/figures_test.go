package figures_test

import (
	"errors"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/figures"
)

func TestRequirementsAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range figures.All() {
		if seen[r.ID] {
			t.Errorf("%s: used twice", r.ID)
		}
		seen[r.ID] = true
		if !regexp.MustCompile(`^[0-9]+\.[a-z-]+$`).MatchString(r.ID) {
			t.Errorf("%s: want an issue's number, a dot and a word", r.ID)
		}
		if r.Text == "" || len(r.Checks) == 0 {
			t.Errorf("%s: has no text or no checks", r.ID)
		}
	}
}

func TestParseLine(t *testing.T) {
	tests := []struct {
		line string
		want figures.Figure
		ok   bool
	}{
		{"    gap_test.go:12: FIGURE longest gap=812 ms\n", figures.Figure{Name: "longest gap", Value: 812, Unit: "ms"}, true},
		{"FIGURE ratio=0.93", figures.Figure{Name: "ratio", Value: 0.93}, true},
		{"FIGURE delta=-3 s", figures.Figure{Name: "delta", Value: -3, Unit: "s"}, true},
		{figures.Line("bytes per key", 211.5, "bytes"), figures.Figure{Name: "bytes per key", Value: 211.5, Unit: "bytes"}, true},
		{"FIGURE ratio=NaN", figures.Figure{}, false},
		{"FIGURES ratio=1", figures.Figure{}, false},
		{"FIGURE no value", figures.Figure{}, false},
		{"", figures.Figure{}, false},
	}
	for _, test := range tests {
		got, ok := figures.ParseLine(test.line)
		if got != test.want || ok != test.ok {
			t.Errorf("%q: got %v, %v, want %v, %v", test.line, got, ok, test.want, test.ok)
		}
	}
}

func TestBroken(t *testing.T) {
	bounds := []figures.Bound{{Figure: "ratio", Max: 1.3}}
	tests := []struct {
		name     string
		measured []figures.Figure
		want     int
	}{
		{"kept", []figures.Figure{{Name: "ratio", Value: 1.3}}, 0},
		{"over", []figures.Figure{{Name: "ratio", Value: 1.31}}, 1},
		{"one of two over", []figures.Figure{{Name: "ratio", Value: 1}, {Name: "ratio", Value: 2}}, 1},
		{"not a number", []figures.Figure{{Name: "ratio", Value: math.NaN()}}, 1},
		{"another unit", []figures.Figure{{Name: "ratio", Value: 1, Unit: "%"}}, 1},
		{"missing", []figures.Figure{{Name: "other", Value: 1}}, 1},
	}
	for _, test := range tests {
		if got := figures.Broken(bounds, test.measured); len(got) != test.want {
			t.Errorf("%s: got %q, want %d sentences", test.name, got, test.want)
		}
	}
}

// records returns two records as they come back from a page.
func records() []figures.Record {
	return []figures.Record{
		{
			ID: "2.a", Text: "first", How: "go test -C a -run '^TestA$'", Commit: "0123456789ab", Date: "2026-11-24",
			Figures: "gap 812 ms; ratio 0.93", Verdict: figures.Pass,
		},
		{ID: "2.b", Text: "second", How: "no test yet", Commit: "-", Date: "-", Figures: "no test yet", Verdict: figures.NotRun},
	}
}

func TestPageRoundTrip(t *testing.T) {
	got, err := figures.Parse(figures.Render(records()))
	if err != nil || !reflect.DeepEqual(got, records()) {
		t.Fatalf("got %+v, %v, want %+v", got, err, records())
	}
}

func TestPageRefusesHandWrittenRows(t *testing.T) {
	page := figures.Render(records())
	tests := []struct {
		name, page string
		want       error
	}{
		{"verdict edited", strings.Replace(page, "NOT RUN", "PASS", 1), figures.ErrChecksum},
		{"figure edited", strings.Replace(page, "812", "81", 1), figures.ErrChecksum},
		{"row removed", regexp.MustCompile(`(?m)^\| 2\.b.*\n`).ReplaceAllString(page, ""), figures.ErrChecksum},
		{"text after the checksum", page + "| 2.c |\n", figures.ErrChecksum},
		{"head edited", strings.Replace(page, "# Evidence", "# Proof", 1), figures.ErrChecksum},
		{"no checksum", page[:strings.Index(page, "<!--")], figures.ErrNoChecksum},
		{"empty", "", figures.ErrChecksum},
	}
	for _, test := range tests {
		if _, err := figures.Parse(test.page); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestMerge(t *testing.T) {
	a := figures.Requirement{ID: "2.a", Text: "first", Checks: []figures.Check{{Dir: "a", Test: "TestA"}}}
	renamed := figures.Requirement{ID: "2.a", Text: "first", Checks: []figures.Check{{Dir: "a", Test: "TestOther"}}}
	unwritten := figures.Requirement{ID: "2.a", Text: "first", Checks: []figures.Check{{Dir: "a", Test: "TestA"}, {Dir: "a"}}}
	fresh := figures.Record{ID: "2.a", Verdict: figures.Fail}
	tests := []struct {
		name        string
		requirement figures.Requirement
		measured    map[string]figures.Record
		want        figures.Verdict
	}{
		{"kept", a, nil, figures.Pass},
		{"measured again", a, map[string]figures.Record{"2.a": fresh}, figures.Fail},
		{"its test was renamed", renamed, nil, figures.NotRun},
		{"one of its tests is not written", unwritten, nil, figures.NotRun},
	}
	for _, test := range tests {
		got := figures.Merge([]figures.Requirement{test.requirement}, records(), test.measured)
		if len(got) != 1 || got[0].Verdict != test.want {
			t.Errorf("%s: got %+v, want one record with %s", test.name, got, test.want)
		}
	}
}

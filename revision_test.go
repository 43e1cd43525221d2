package katakv_test

import (
	"testing"

	"github.com/katakv/katakv"
)

func TestRevision(t *testing.T) {
	low, high := katakv.NewRevision(4711, 3), katakv.NewRevision(4712, 0)
	if low.String() != "4711-3" || low.Index() != 4711 || low.Position() != 3 || low >= high || high > katakv.MaxRevision {
		t.Errorf("got %v and %v", low, high)
	}
	for _, r := range []katakv.Revision{low, high, katakv.MaxRevision} {
		if got, err := katakv.ParseRevision(r.String()); err != nil || got != r {
			t.Errorf("parse %v: got %v, %v", r, got, err)
		}
	}
}

func TestParseRevisionIsStrict(t *testing.T) {
	for _, s := range []string{
		"", "-", "7", "7-", "-7", "07-0", "7-00", "+7-0", "7-0-0", " 7-0", "0-0", "0-1", "7-1048576", "8796093022208-0", "7-0\n", "x-y", "7--1",
	} {
		if r, err := katakv.ParseRevision(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, r)
		}
	}
}

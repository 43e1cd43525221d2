package enginetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/katakv/katakv/internal/engine"
)

func ingestion(t *testing.T, e engine.Engine, spans ...engine.Span) engine.Ingestion {
	t.Helper()
	in, err := e.NewIngestion(spans)
	if err != nil {
		t.Fatalf("new ingestion: %v", err)
	}
	return in
}

func add(t *testing.T, in engine.Ingestion, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if err := in.Set([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
			t.Fatalf("stage %q: %v", pairs[i], err)
		}
	}
}

func finish(t *testing.T, in engine.Ingestion) {
	t.Helper()
	if err := in.Commit(); err != nil {
		t.Fatalf("commit ingestion: %v", err)
	}
	in.Abort() // harmless now
}

func testIngestReplaces(t *testing.T, e engine.Engine) {
	set(t, e, "a", "stays", "b1", "old", "c", "stays", "d", "old", "e", "stays")
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	set(t, e, "b2", "old, in memory", "dd", "old, in memory")
	s := e.NewSnapshot()
	in := ingestion(t, e, span("b", "c"), span("d", "e"), span("x", "y"))
	add(t, in, "b2", "new", "b3", "new", "x", "new")
	wantGet(t, e, "b2", "old, in memory")
	finish(t, in)
	want := []string{"a", "stays", "b2", "new", "b3", "new", "c", "stays", "e", "stays", "x", "new"}
	wantContents(t, "after", e, want...)
	d := durable(t, e)
	wantContents(t, "durable after", d, want...)
	closeView(t, d)
	wantGet(t, s, "b2", "old, in memory")
	wantGet(t, s, "d", "old")
	closeView(t, s)
	set(t, e, "b2", "newer")
	wantGet(t, e, "b2", "newer")
}

// Whoever stages a snapshot goes on to write meanwhile, also where the snapshot turns out to hold nothing.
func testIngestReplacesWhatCameMeanwhile(t *testing.T, e engine.Engine) {
	in := ingestion(t, e, span("a", "b"), span("m", "n"), span("x", "y"))
	add(t, in, "m1", "new")
	set(t, e, "a1", "came meanwhile", "m2", "came meanwhile", "x1", "came meanwhile")
	finish(t, in)
	wantContents(t, "after", e, "m1", "new")
	d := durable(t, e)
	wantContents(t, "durable after", d, "m1", "new")
	closeView(t, d)
}

func testIngestNothing(t *testing.T, e engine.Engine) {
	set(t, e, "a", "1", "b", "2", "c", "3")
	finish(t, ingestion(t, e, span("a", "b"), span("c", "d")))
	wantContents(t, "after", e, "b", "2")
}

func testIngestAborted(t *testing.T, e engine.Engine) {
	set(t, e, "a", "1")
	in := ingestion(t, e, span("a", "b"))
	add(t, in, "a", "2")
	in.Abort()
	in.Abort()
	if err := in.Set([]byte("aa"), nil); err == nil {
		t.Error("set after abort: no error")
	}
	if err := in.Commit(); err == nil {
		t.Error("commit after abort: no error")
	}
	wantContents(t, "after", e, "a", "1")
}

func testIngestRefuses(t *testing.T, e engine.Engine) {
	for _, spans := range [][]engine.Span{
		{span("b", "a")}, {span("a", "a")}, {span("a", "c"), span("b", "d")}, {span("c", "d"), span("a", "b")},
	} {
		if in, err := e.NewIngestion(spans); err == nil {
			in.Abort()
			t.Errorf("spans %q: no error", spans)
		}
	}
	cases := []struct{ first, second string }{
		{"a1", "a1"}, {"a2", "a1"}, {"a1", "b"}, {"a1", "bb"}, {"a1", "d"}, {"c1", "a1"},
	}
	for _, c := range cases {
		in := ingestion(t, e, span("a", "b"), span("c", "d"))
		add(t, in, c.first, "")
		if err := in.Set([]byte(c.second), nil); err == nil {
			t.Errorf("key %q after %q: no error", c.second, c.first)
		}
		in.Abort()
	}
}

// testIngestMany stages enough to fill several tables of an engine on disk.
func testIngestMany(t *testing.T, e engine.Engine) {
	const records, valueBytes = 6000, 2000
	set(t, e, "k/000100x", "old", "l", "stays", "m", "old")
	in := ingestion(t, e, span("k", "l"), span("m", "n"))
	value := bytes.Repeat([]byte("v"), valueBytes)
	for i := range records {
		copy(value, fmt.Sprint(i))
		if err := in.Set(fmt.Appendf(nil, "k/%06d", i), value); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, in)
	wantAbsent(t, e, "k/000100x")
	wantAbsent(t, e, "m")
	wantGet(t, e, "l", "stays")
	next := 0
	err := e.Scan(span("k", "l"), func(key, value []byte) bool {
		if string(key) != fmt.Sprintf("k/%06d", next) || !bytes.HasPrefix(value, []byte(fmt.Sprint(next))) {
			t.Errorf("record %d: got %q", next, key)
			return false
		}
		next++
		return true
	})
	if err != nil || next != records {
		t.Fatalf("got %d records, %v; want %d", next, err, records)
	}
}

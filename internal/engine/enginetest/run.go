package enginetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/katakv/katakv/internal/engine"
)

// Run tests that the engines made by open keep the contract of engine.Engine. Each call of open returns an
// empty engine, which Run closes.
func Run(t *testing.T, open func(t *testing.T) engine.Engine) {
	cases := []struct {
		name string
		test func(*testing.T, engine.Engine)
	}{
		{"GetSetDelete", testGetSetDelete},
		{"BatchOrder", testBatchOrder},
		{"BatchCopies", testBatchCopies},
		{"SetDeferred", testSetDeferred},
		{"Scan", testScan},
		{"Snapshot", testSnapshot},
		{"Durable", testDurable},
		{"IngestReplaces", testIngestReplaces},
		{"IngestReplacesWhatCameMeanwhile", testIngestReplacesWhatCameMeanwhile},
		{"IngestNothing", testIngestNothing},
		{"IngestAborted", testIngestAborted},
		{"IngestRefuses", testIngestRefuses},
		{"IngestMany", testIngestMany},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { runOne(t, open, c.test) })
	}
	for _, seed := range []uint64{1, 2, 3, 4, 5, 6} {
		t.Run(fmt.Sprintf("Model/seed=%d", seed), func(t *testing.T) {
			runOne(t, open, func(t *testing.T, e engine.Engine) { testModel(t, e, seed) })
		})
	}
}

func runOne(t *testing.T, open func(t *testing.T) engine.Engine, test func(*testing.T, engine.Engine)) {
	e := open(t)
	test(t, e)
	if t.Failed() {
		return
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Everything is the span of all keys that the tests use.
var Everything = engine.Span{Start: []byte{0}, End: []byte{0xff}}

// Contents returns all of r's records, as a map.
func Contents(t testing.TB, r engine.Reader) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := r.Scan(Everything, func(key, value []byte) bool {
		all[string(key)] = string(value)
		return true
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return all
}

func commit(t *testing.T, e engine.Engine, b engine.Batch) {
	t.Helper()
	if err := e.Commit(b); err != nil {
		t.Fatalf("commit: %v", err)
	}
	if !b.Empty() {
		t.Fatal("the batch is not empty after its commit")
	}
}

func set(t *testing.T, e engine.Engine, pairs ...string) {
	t.Helper()
	b := e.NewBatch()
	for i := 0; i < len(pairs); i += 2 {
		b.Set([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	commit(t, e, b)
}

func wantGet(t *testing.T, r engine.Reader, key, want string) {
	t.Helper()
	got, err := r.Get([]byte(key))
	if err != nil || string(got) != want {
		t.Fatalf("get %q: got %q, %v; want %q", key, got, err, want)
	}
}

func wantAbsent(t *testing.T, r engine.Reader, key string) {
	t.Helper()
	if got, err := r.Get([]byte(key)); !errors.Is(err, engine.ErrNotFound) {
		t.Fatalf("get %q: got %q, %v; want ErrNotFound", key, got, err)
	}
}

func wantContents(t *testing.T, what string, r engine.Reader, pairs ...string) {
	t.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	if got := Contents(t, r); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func durable(t *testing.T, e engine.Engine) engine.Snapshot {
	t.Helper()
	d, err := e.Durable()
	if err != nil {
		t.Fatalf("durable: %v", err)
	}
	return d
}

func closeView(t *testing.T, s engine.Snapshot) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close snapshot: %v", err)
	}
}

func span(start, end string) engine.Span {
	return engine.Span{Start: []byte(start), End: []byte(end)}
}

func testGetSetDelete(t *testing.T, e engine.Engine) {
	wantAbsent(t, e, "a")
	set(t, e, "a", "1", "b", "")
	wantGet(t, e, "a", "1")
	wantGet(t, e, "b", "")
	got, err := e.Get([]byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	got[0] = 'x' // the caller owns it
	wantGet(t, e, "a", "1")
	b := e.NewBatch()
	b.Delete([]byte("a"))
	b.Delete([]byte("never there"))
	commit(t, e, b)
	wantAbsent(t, e, "a")
	wantGet(t, e, "b", "")
}

func testBatchOrder(t *testing.T, e engine.Engine) {
	set(t, e, "a", "old", "b", "old", "c", "old", "d", "old")
	b := e.NewBatch()
	if !b.Empty() || b.Bytes() < 0 {
		t.Fatalf("a new batch: empty %v, %d bytes", b.Empty(), b.Bytes())
	}
	b.Set([]byte("a"), []byte("1"))
	b.Set([]byte("a"), []byte("2"))
	b.Set([]byte("b"), []byte("gone"))
	b.DeleteRange(span("b", "d"))
	b.Set([]byte("c"), []byte("back"))
	b.Set([]byte("e"), []byte("gone"))
	b.Delete([]byte("e"))
	if b.Empty() || b.Bytes() < 10 {
		t.Fatalf("a filled batch: empty %v, %d bytes", b.Empty(), b.Bytes())
	}
	commit(t, e, b)
	wantContents(t, "after the batch", e, "a", "2", "c", "back", "d", "old")
	commit(t, e, b) // emptied: nothing happens again
	wantContents(t, "after the empty batch", e, "a", "2", "c", "back", "d", "old")
}

func testBatchCopies(t *testing.T, e engine.Engine) {
	b := e.NewBatch()
	for i := range 3 {
		key, value := []byte("key0"), []byte("val0")
		key[3], value[3] = byte('0'+i), byte('0'+i)
		b.Set(key, value)
		key[0], value[0] = 'X', 'X'
		commit(t, e, b)
	}
	wantContents(t, "after three uses", e, "key0", "val0", "key1", "val1", "key2", "val2")
}

func testSetDeferred(t *testing.T, e engine.Engine) {
	b := e.NewBatch()
	for _, pair := range [][2]string{{"a", "12345"}, {"bbbb", ""}, {"c", "x"}} {
		key, value := b.SetDeferred(len(pair[0]), len(pair[1]))
		if len(key) != len(pair[0]) || len(value) != len(pair[1]) {
			t.Fatalf("room for %d and %d bytes, want %d and %d", len(key), len(value), len(pair[0]), len(pair[1]))
		}
		copy(key, pair[0])
		copy(value, pair[1])
	}
	b.Delete([]byte("c"))
	commit(t, e, b)
	wantContents(t, "deferred", e, "a", "12345", "bbbb", "")
}

func testScan(t *testing.T, e engine.Engine) {
	set(t, e, "a", "1", "b", "2", "b\x00", "3", "c", "4", "d", "5")
	cases := []struct {
		span  engine.Span
		limit int
		want  string
	}{
		{span("b", "d"), 9, "b b\x00 c "},
		{span("b", "d"), 2, "b b\x00 "},
		{span("", "b"), 9, "a "},
		{span("bb", "bc"), 9, ""},
		{span("c", "zz"), 9, "c d "},
	}
	for _, c := range cases {
		var got string
		n := 0
		err := e.Scan(c.span, func(key, _ []byte) bool {
			got += string(key) + " "
			n++
			return n < c.limit
		})
		if err != nil || got != c.want {
			t.Errorf("scan [%q, %q): got %q, %v; want %q", c.span.Start, c.span.End, got, err, c.want)
		}
	}
}

func testSnapshot(t *testing.T, e engine.Engine) {
	set(t, e, "a", "1", "b", "2")
	s := e.NewSnapshot()
	set(t, e, "a", "changed", "c", "3")
	b := e.NewBatch()
	b.Delete([]byte("b"))
	commit(t, e, b)
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	wantContents(t, "snapshot", s, "a", "1", "b", "2")
	wantGet(t, s, "b", "2")
	wantAbsent(t, s, "c")
	wantContents(t, "engine", e, "a", "changed", "c", "3")
	closeView(t, s)
}

func testDurable(t *testing.T, e engine.Engine) {
	empty := durable(t, e)
	wantContents(t, "durable at first", empty)
	closeView(t, empty)
	set(t, e, "a", "1", "b", "2")
	d := durable(t, e)
	wantContents(t, "durable before the flush", d)
	if err := e.Flush(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	wantContents(t, "the older view", d)
	set(t, e, "a", "later")
	d2 := durable(t, e)
	wantContents(t, "durable after the flush", d2, "a", "1", "b", "2")
	wantGet(t, d2, "a", "1")
	wantAbsent(t, d2, "c")
	closeView(t, d)
	closeView(t, d2)
	if err := e.Flush(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	if err := e.Flush(); err != nil {
		t.Fatalf("flush of nothing: %v", err)
	}
	if got := e.Metrics().Flushes; got < 2 {
		t.Errorf("metrics: got %d flushes, want 2 or more", got)
	}
}

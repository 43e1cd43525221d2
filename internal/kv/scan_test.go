package kv_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/slot"
)

func scanFrom(s katakv.Slot, prefix, start string) *command.Operation {
	op := (&command.Scan{Slot: s, Prefix: []byte(prefix), Start: []byte(start)}).Operation()
	return &op
}

// scanAll reads pages from a place to the end of m's slots. It checks that each is bounded and that they go on.
func scanAll(t *testing.T, m *kv.Machine, r engine.Reader, prefix string, s katakv.Slot, start string) (records []command.Record, pages int) {
	t.Helper()
	for {
		pages++
		reply := m.Read(r, scanFrom(s, prefix, start))
		page, err := reply.Page()
		if err != nil {
			t.Fatalf("%v: %s", err, text(reply))
		}
		size := 0
		for i := range page.Records {
			size += len(page.Records[i].Key) + len(page.Records[i].Value)
		}
		if len(page.Records) > 1024 || (len(page.Records) > 1 && size > 256<<10) {
			t.Fatalf("page of %d records, %d bytes", len(page.Records), size)
		}
		records = append(records, page.Records...)
		if page.Next < int(s) || (page.Next == int(s) && string(page.Start) <= start) {
			t.Fatalf("stands still at slot %d %q: next %d %q", s, start, page.Next, page.Start)
		}
		if page.Next > int(m.Meta().Slots.Last) {
			return records, pages
		}
		s, start = katakv.Slot(page.Next), string(page.Start)
	}
}

// TestScanModel fills shards with keys of few prefixes, and compares listings from any place with a sorted list.
func TestScanModel(t *testing.T) {
	pebbled := openPebble(t, vfs.NewCrashableMem())
	defer pebbled.Close()
	for name, e := range map[string]engine.Engine{"memory": engine.NewMemory(), "pebble": pebbled} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 9))
			m := makeReplica(t, e, 1, &slot.Range{First: 3000, Last: 12000})
			makeReplica(t, e, 2, &slot.Range{First: 12001, Last: 16383})
			w := kv.NewWriter(e)
			var keys []string
			written := map[string]katakv.Revision{}
			for i := range 6000 {
				key := []string{"", "a", "user:", "user:1", "{tag}", "{tag}user:", "\xff\xff", "\x00"}[i%8] + fmt.Sprint(rng.IntN(9000))
				if m.Meta().Slots.Contains(slot.Of([]byte(key))) {
					if _, again := written[key]; !again {
						keys = append(keys, key)
					}
					c, err := apply(t, w, m, setIf(0, 0, key, "value of "+key))[0].Change()
					if err != nil {
						t.Fatal(err)
					}
					written[key] = c.Revision
				}
			}
			slices.SortFunc(keys, func(a, b string) int {
				return cmp.Or(cmp.Compare(slot.Of([]byte(a)), slot.Of([]byte(b))), strings.Compare(a, b))
			})
			for _, prefix := range []string{"", "a", "user:", "user:12", "{tag}", "{tag}user:1", "\xff", "\x00", "nobody", "{nobody}", "use", "user:999999999"} {
				for range 4 {
					from, start := katakv.Slot(3000+rng.IntN(9001)), ""
					switch rng.IntN(3) {
					case 0:
						from = 3000
					case 1:
						start = keys[rng.IntN(len(keys))]
						from = slot.Of([]byte(start))
					}
					got, pages := scanAll(t, m, e, prefix, from, start)
					i := 0
					for _, key := range keys {
						s := slot.Of([]byte(key))
						if !strings.HasPrefix(key, prefix) || s < from || (s == from && key < start) {
							continue
						}
						if i == len(got) {
							t.Fatalf("prefix %q from %d %q: %q is missing", prefix, from, start, key)
						}
						r := got[i]
						if string(r.Key) != key || string(r.Value) != "value of "+key || r.Revision != written[key] {
							t.Fatalf("prefix %q from %d %q, record %d: got %q %v, want %q %v", prefix, from, start, i, r.Key, r.Revision, key, written[key])
						}
						i++
					}
					if i != len(got) {
						t.Fatalf("prefix %q from %d %q: %d records too many", prefix, from, start, len(got)-i)
					}
					if _, tagged := slot.OfPrefix([]byte(prefix)); tagged && pages != 1 && len(got) < 1000 {
						t.Errorf("prefix %q: %d pages", prefix, pages)
					}
				}
			}
		})
	}
}

// TestPagesAreBounded lists values that are larger than a page.
func TestPagesAreBounded(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	large := strings.Repeat("x", 300<<10)
	for i := range 3 {
		apply(t, w, m, set(fmt.Sprintf("{t}%d", i), large))
		apply(t, w, m, set(fmt.Sprintf("{t}%d+", i), "small"))
	}
	records, pages := scanAll(t, m, e, "{t}", slot.Of([]byte("t")), "")
	if len(records) != 6 || pages != 6 {
		t.Errorf("got %d records on %d pages", len(records), pages)
	}
	if !bytes.Equal(records[4].Value, []byte(large)) {
		t.Error("a large value is not what was written")
	}
	var batch []*command.Operation
	for i := range 3000 {
		batch = append(batch, set(fmt.Sprintf("{t}tiny%d", i), ""))
	}
	apply(t, w, m, batch...)
	if records, pages := scanAll(t, m, e, "{t}tiny", slot.Of([]byte("t")), ""); len(records) != 3000 || pages != 3 {
		t.Errorf("got %d records on %d pages", len(records), pages)
	}
}

func TestScanBesideWritesIsRefused(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	replies := apply(t, w, m, scanFrom(0, "", ""), set("k", "v"), scanFrom(0, "", ""))
	if _, err := replies[0].Page(); err != nil {
		t.Error(err)
	}
	if r := replies[2]; r.Kind != command.ReplyError || r.Err.Code != katakv.CodeUnsupported {
		t.Errorf("got %s", text(r))
	}
}

// BenchmarkScanSparse is the worst page: each seek finds a slot without the prefix.
func BenchmarkScanSparse(b *testing.B) {
	e := openPebble(b, vfs.NewCrashableMem())
	defer e.Close()
	m, w := makeReplica(b, e, 1, every()), kv.NewWriter(e)
	var batch []*command.Operation
	for i := range 200_000 {
		batch = append(batch, set(fmt.Sprintf("a%d", i), "v"))
		if len(batch) == 1000 {
			apply(b, w, m, batch...)
			batch = batch[:0]
		}
	}
	if err := e.Flush(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Read(e, scanFrom(0, "b", ""))
	}
}

package kv_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/slot"
)

const (
	noon   = 1_775_000_000_000 // what the clock shows when a test begins
	minute = int64(60_000)
)

func TestOnce(t *testing.T) {
	const other = "error reused: this request id was used for another command: nothing was changed; choose a new id for each command; "
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	tag := func(op *command.Operation, id string) *command.Operation { return once(id, time.Minute, op) }
	steps := []struct {
		name  string
		stamp int64
		ops   []*command.Operation
		want  string
	}{
		{"the first attempt is executed", noon, []*command.Operation{tag(incrBy("n", 5), "a")}, "5; "},
		{"others count on", noon, []*command.Operation{incrBy("n", 1)}, "6; "},
		{"the second is answered alike", noon, []*command.Operation{tag(incrBy("n", 5), "a")}, "5; "},
		{"twice within an entry", noon, []*command.Operation{tag(incrBy("n", 1), "b"), tag(incrBy("n", 1), "b"), get("n")}, `7; 7; "7"; `},
		{"another command", noon, []*command.Operation{tag(incrBy("n", 6), "a"), tag(set("n", "6"), "a"), get("n")}, other + other + `"7"; `},
		{"another slot", noon, []*command.Operation{tag(incrBy("m", 5), "a")}, "5; "},
		{"a key that shares the slot", noon, []*command.Operation{tag(incrBy("{n}", 5), "a")}, other},
		{"nil is an answer", noon, []*command.Operation{tag(setWith(command.FlagXX, "x", "1"), "c")}, "nil; "},
		{"and stays one", noon, []*command.Operation{set("x", "0"), tag(setWith(command.FlagXX, "x", "1"), "c"), get("x")}, `OK; nil; "0"; `},
		{
			"errors stay too", noon,
			[]*command.Operation{set("w", "word"), tag(incrBy("w", 1), "d"), set("w", "1"), tag(incrBy("w", 1), "d"), get("w")},
			`OK; error invalid: value is not an integer or out of range; OK; error invalid: value is not an integer or out of range; "1"; `,
		},
		{
			"old values as well", noon,
			[]*command.Operation{set("v", "1"), tag(setWith(command.FlagGet, "v", "2"), "e"), set("v", "3"), tag(setWith(command.FlagGet, "v", "2"), "e")},
			`OK; "1"; OK; "1"; `,
		},
		{"until its time is over", noon + minute - 1, []*command.Operation{tag(incrBy("n", 5), "a")}, "5; "},
		{"the clock never goes back", noon - minute, []*command.Operation{tag(incrBy("n", 1), "b")}, "7; "},
		{"then it is forgotten", noon + minute, []*command.Operation{tag(incrBy("n", 5), "a"), tag(incrBy("n", 5), "a")}, "12; 12; "},
		{"no retention lasts an entry", noon, []*command.Operation{once("z", 0, incrBy("z", 1)), once("z", 0, incrBy("z", 1))}, "1; 1; "},
		{"and no longer", noon + minute + 1, []*command.Operation{once("z", 0, incrBy("z", 1))}, "2; "},
		{
			"many slots", noon,
			[]*command.Operation{once("f", time.Minute, onKeys(command.KindDel, "n", "m"))},
			"error invalid: the keys of one request lie in different slots: give them one hash tag; ",
		},
		{"one slot", noon, []*command.Operation{
			tag(onKeys(command.KindDel, "n", "{n}"), "g"), set("n", "0"), tag(onKeys(command.KindDel, "n", "{n}"), "g"), get("n"),
		}, `1; OK; 1; "0"; `},
	}
	for _, s := range steps {
		if got := texts(applyAt(t, w, m, s.stamp, s.ops...)); got != s.want {
			t.Errorf("%s: got %s, want %s", s.name, got, s.want)
		}
	}
	if m.Meta().Clock != noon+minute+1 {
		t.Errorf("the clock shows %d, want %d", m.Meta().Clock, noon+minute+1)
	}
}

// A setting that travels with a command is no part of what the client asked for.
func TestOnceSeesThroughSettings(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	add := func(limit int64, retention time.Duration) *command.Operation {
		op := withValue(command.KindAppend, "k", "xyz")
		op.Delta = limit
		return once("id", retention, op)
	}
	if got := texts(applyAt(t, w, m, noon, add(100, time.Minute), add(200, time.Hour))); got != "3; 3; " {
		t.Errorf("got %s", got)
	}
}

func TestOnceRefuses(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	large := strings.Repeat("v", katakv.MaxRememberedReplyBytes+1)
	got := applyAt(t, w, m, noon, set("k", large), once("id", time.Minute, setWith(command.FlagGet, "k", "small")), get("k"))
	if got[1].Kind != command.ReplyError || got[1].Err.Code != katakv.CodeTooLarge || len(got[2].Bulk) != len(large) {
		t.Errorf("a large old value: got %s", text(got[1]))
	}
	got = applyAt(t, w, m, noon, set("k", large[1:]), once("id2", time.Minute, setWith(command.FlagGet, "k", "small")), get("k"))
	if len(got[1].Bulk) != len(large)-1 || text(got[2]) != `"small"` {
		t.Errorf("the largest old value: got %s", text(got[1])[:100])
	}

	meta := *m.Meta()
	meta.Remembered += katakv.MaxRememberedBytes
	b := e.NewBatch()
	kv.WriteMeta(b, 1, &meta)
	if err := e.Commit(b); err != nil {
		t.Fatal(err)
	}
	m = openMachine(t, e, 1)
	got = applyAt(t, w, m, noon, once("id3", time.Minute, incrBy("n", 1)), get("n"), once("id2", time.Minute, setWith(command.FlagGet, "k", "small")))
	if got[0].Kind != command.ReplyError || got[0].Err.Code != katakv.CodeTryAgain || text(got[1]) != "nil" || got[2].Kind != command.ReplyBulk {
		t.Errorf("a full shard: got %s", texts(got[:2]))
	}
}

// requestKeys counts what lies under the prefixes of requests.
func requestKeys(t *testing.T, r engine.Reader) (n int) {
	t.Helper()
	err := r.Scan(engine.Span{Start: []byte{'d'}, End: []byte{'f'}}, func(_, _ []byte) bool { n++; return true })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Requests are forgotten a few at a time, by the clock in the log only, and nothing is left of them in the end.
func TestRequestsAreForgotten(t *testing.T) {
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			const requests = 300
			e := open()
			m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
			for i := range requests {
				applyAt(t, w, m, noon, once(fmt.Sprint("id", i), time.Minute, set(fmt.Sprint("key", i%100), "x")))
			}
			if n := requestKeys(t, e); n != 2*requests || m.Meta().Remembered < requests*30 {
				t.Fatalf("%d keys, %d bytes of %d requests", n, m.Meta().Remembered, requests)
			}
			applyAt(t, w, m, noon+minute-1, set("k", "v"))
			applyAt(t, w, m, 0, set("k", "v"))
			entries, before := 0, requestKeys(t, e)
			for ; m.Meta().Remembered > 0 && entries < requests; entries++ {
				applyAt(t, w, m, noon+minute+int64(entries)*1000, set("k", "v"))
				if now := requestKeys(t, e); before-now > 2*20 {
					t.Fatalf("an entry forgot %d requests", (before-now)/2)
				} else {
					before = now
				}
			}
			if n := requestKeys(t, e); n != 0 || m.Meta().Remembered != 0 || entries < requests/20 {
				t.Errorf("after %d entries: %d keys, %d bytes are left", entries, n, m.Meta().Remembered)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What was applied in one batch or in many, and where a crash came between, leaves the same bytes.
func TestForgettingRepeats(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var entries [][]byte
	clock := int64(noon)
	for range 600 {
		clock += int64(rng.IntN(2000))
		var ops []*command.Operation
		for range rng.IntN(4) + 1 {
			op := set(fmt.Sprint("key", rng.IntN(50)), "x")
			if rng.IntN(2) == 0 {
				once(fmt.Sprint("id", rng.IntN(50)), time.Duration(rng.IntN(30))*time.Second, op)
			}
			ops = append(ops, op)
		}
		entries = append(entries, kv.AppendEntry(nil, clock, ops))
	}
	sums := map[uint64]bool{}
	for _, every := range []int{1, 2, 7, 1000} {
		e := engine.NewMemory()
		m, w := makeReplica(t, e, 1, &slot.All), kv.NewWriter(e)
		for i, data := range entries {
			if _, err := w.Apply(m, m.Meta().Applied+1, 1, data, rng.IntN(2) == 0); err != nil {
				t.Fatal(err)
			}
			if i%every == 0 {
				if err := w.Commit(); err != nil {
					t.Fatal(err)
				}
				m = openMachine(t, e, 1)
			}
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		sum, _, err := kv.Checksum(e, 1)
		if err != nil {
			t.Fatal(err)
		}
		sums[sum] = true
	}
	if len(sums) != 1 {
		t.Errorf("%d different states", len(sums))
	}
}

// A snapshot takes along what is remembered: the receiver answers retries as the sender would.
func TestSnapshotRemembers(t *testing.T) {
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			source, target := open(), open()
			m, w := makeReplica(t, source, 1, every()), kv.NewWriter(source)
			makeReplica(t, target, 1, every())
			applyAt(t, w, m, noon, once("id", time.Minute, incrBy("n", 1)), incrBy("n", 1))
			if _, err := install(target, every(), chunks(t, source, 100)); err != nil {
				t.Fatal(err)
			}
			m, w = openMachine(t, target, 1), kv.NewWriter(target)
			if m.Meta().Clock != noon || m.Meta().Remembered == 0 {
				t.Errorf("the clock shows %d, %d bytes are remembered", m.Meta().Clock, m.Meta().Remembered)
			}
			if got := texts(applyAt(t, w, m, noon, once("id", time.Minute, incrBy("n", 1)), get("n"))); got != `1; "2"; ` {
				t.Errorf("got %s", got)
			}
			if err := errors.Join(source.Close(), target.Close()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Entries of version 1 are still read: they move no clock.
func TestEntryOfVersion1(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	data := append([]byte{1, 0, 1}, command.AppendOperation(nil, set("k", "v"))...)
	replies, err := w.Apply(m, m.Meta().Applied+1, 1, data, true)
	if err != nil || texts(replies) != "OK; " || m.Meta().Clock != 0 {
		t.Errorf("got %s, %v, clock %d", texts(replies), err, m.Meta().Clock)
	}
}

// A stamp is all that an entry without request ids costs: no allocation, and six bytes.
func TestStampIsCheap(t *testing.T) {
	ops := []*command.Operation{set("k", "v")}
	old := 3 + len(command.AppendOperation(nil, ops[0]))
	if n := len(kv.AppendEntry(nil, noon, ops)); n != old+6 {
		t.Errorf("an entry takes %d bytes, %d without a stamp", n, old)
	}
}

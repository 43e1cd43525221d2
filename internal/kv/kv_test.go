package kv_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/slot"
)

// TestOperations runs one shard through a script: each line is one entry.
func TestOperations(t *testing.T) {
	const overflow = "error invalid: increment or decrement would overflow"
	const notInteger = "error invalid: value is not an integer or out of range"
	script := []struct {
		ops  []*command.Operation
		want string
	}{
		{[]*command.Operation{get("a")}, "nil; "},
		{[]*command.Operation{set("a", "1")}, "OK; "},
		{[]*command.Operation{get("a"), onKeys(command.KindStrlen, "a"), onKeys(command.KindStrlen, "no")}, `"1"; 1; 0; `},
		{[]*command.Operation{setWith(command.FlagNX, "a", "2"), get("a")}, `nil; "1"; `},
		{[]*command.Operation{setWith(command.FlagNX|command.FlagGet, "a", "2"), get("a")}, `"1"; "1"; `},
		{[]*command.Operation{setWith(command.FlagNX, "b", "2"), get("b")}, `OK; "2"; `},
		{[]*command.Operation{setWith(command.FlagNX|command.FlagGet, "c", "3"), get("c")}, `nil; "3"; `},
		{[]*command.Operation{setWith(command.FlagXX, "d", "4"), get("d")}, `nil; nil; `},
		{[]*command.Operation{setWith(command.FlagXX|command.FlagGet, "d", "4"), get("d")}, `nil; nil; `},
		{[]*command.Operation{setWith(command.FlagXX, "a", "5"), get("a")}, `OK; "5"; `},
		{[]*command.Operation{setWith(command.FlagGet, "a", "6"), get("a")}, `"5"; "6"; `},
		{[]*command.Operation{setWith(command.FlagGet, "e", ""), get("e")}, `nil; ""; `},
		{[]*command.Operation{withValue(command.KindSetNX, "a", "x"), withValue(command.KindSetNX, "f", "y")}, "0; 1; "},
		{[]*command.Operation{incrBy("n", 5), incrBy("n", -7), get("n")}, `5; -2; "-2"; `},
		{[]*command.Operation{set("n", "9223372036854775807"), incrBy("n", 1), get("n")}, "OK; " + overflow + `; "9223372036854775807"; `},
		{[]*command.Operation{set("n", "-9223372036854775808"), incrBy("n", -1), incrBy("n", 0)}, "OK; " + overflow + "; -9223372036854775808; "},
		{[]*command.Operation{set("n", "-1"), incrBy("n", -9223372036854775808)}, "OK; " + overflow + "; "},
		{[]*command.Operation{set("n", " 1"), incrBy("n", 1)}, "OK; " + notInteger + "; "},
		{[]*command.Operation{set("n", "+1"), incrBy("n", 1)}, "OK; " + notInteger + "; "},
		{[]*command.Operation{set("n", "01"), incrBy("n", 1)}, "OK; " + notInteger + "; "},
		{[]*command.Operation{set("n", "-0"), incrBy("n", 1)}, "OK; " + notInteger + "; "},
		{[]*command.Operation{set("n", ""), incrBy("n", 1)}, "OK; " + notInteger + "; "},
		{[]*command.Operation{set("n", "9223372036854775808"), incrBy("n", 1), set("after", "error")}, "OK; " + notInteger + "; OK; "},
		{[]*command.Operation{withValue(command.KindAppend, "p", "ab"), withValue(command.KindAppend, "p", "cd"), get("p")}, `2; 4; "abcd"; `},
		{[]*command.Operation{onKeys(command.KindExists, "a", "a", "zz", "b")}, "3; "},
		{[]*command.Operation{onKeys(command.KindDel, "a", "a", "zz", "b"), onKeys(command.KindExists, "a", "b")}, "2; 0; "},
		{[]*command.Operation{set("a", "7"), onKeys(command.KindDel, "a"), get("a"), set("a", "8"), get("a")}, `OK; 1; nil; OK; "8"; `},
		{[]*command.Operation{{Kind: command.KindMSet, Keys: bytesOf([]string{"x", "y", "x"}), Values: bytesOf([]string{"1", "2", "3"})}}, "OK; "},
		{[]*command.Operation{onKeys(command.KindMGet, "x", "no", "y")}, `["3" nil "2" ]; `},
		{[]*command.Operation{set("{t}1", ""), set("{t}2", ""), onKeys(command.KindDel, "{t}1"), countKeys(slot.Of([]byte("t")))}, "OK; OK; 1; 1; "},
		{[]*command.Operation{set("{t}2", ""), set("{t}3", ""), countKeys(slot.Of([]byte("t")))}, "OK; OK; 2; "},
		{[]*command.Operation{withValue(command.KindMapChange, "", "{}")}, "error invalid: only the meta shard holds the cluster map; "},
	}
	script[len(script)-1].ops[0].Keys = nil
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	for i, line := range script {
		if got := texts(apply(t, w, m, line.ops...)); got != line.want {
			t.Errorf("line %d: got %s, want %s", i, got, line.want)
		}
	}
	for _, c := range []struct {
		op   *command.Operation
		want string
	}{
		{get("after"), `"error"`},
		{get("absent"), "nil"},
		{onKeys(command.KindMGet, "x", "absent"), `["3" nil ]`},
		{onKeys(command.KindExists, "x", "x"), "2"},
		{onKeys(command.KindStrlen, "p"), "4"},
		{countKeys(slot.Of([]byte("t"))), "2"},
		{set("x", "y"), "error internal: operation of kind 32 is no read"},
	} {
		if got := text(m.Read(e, c.op)); got != c.want {
			t.Errorf("read of kind %d: got %s, want %s", c.op.Kind, got, c.want)
		}
	}
}

func TestAppendIsBounded(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	half := strings.Repeat("x", katakv.MaxValueBytes/2)
	got := texts(apply(t, w, m, withValue(command.KindAppend, "k", half), withValue(command.KindAppend, "k", half),
		withValue(command.KindAppend, "k", "y"), onKeys(command.KindStrlen, "k")))
	want := "33554432; 67108864; error too-large: string exceeds maximum allowed size; 67108864; "
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOtherSlotsAreRefused(t *testing.T) {
	e := engine.NewMemory()
	mine := slot.Of([]byte("mine"))
	m, w := makeReplica(t, e, 3, &slot.Range{First: mine, Last: mine}), kv.NewWriter(e)
	ops := []*command.Operation{
		set("theirs", "x"), set("mine", "x"), onKeys(command.KindMGet, "mine", "theirs"), get("theirs"), countKeys(mine + 1),
	}
	for i, r := range apply(t, w, m, ops...) {
		refused := r.Kind == command.ReplyError && r.Err.Code == katakv.CodeNotLeader
		if refused != (i != 1) {
			t.Errorf("operation %d: got %s", i, text(r))
		}
	}
	if got := m.Read(e, get("theirs")); got.Kind != command.ReplyError || got.Err.Code != katakv.CodeNotLeader {
		t.Errorf("read: got %s", text(got))
	}
	if got := m.Read(e, get("mine")); text(got) != `"x"` {
		t.Errorf("read: got %s", text(got))
	}
}

// TestRepliesChangeNothing applies the same entries with and without replies: the bytes left are equal.
func TestRepliesChangeNothing(t *testing.T) {
	var sums [2]uint64
	for i, want := range []bool{true, false} {
		e := engine.NewMemory()
		m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
		for _, ops := range [][]*command.Operation{
			{set("a", "1"), get("a"), incrBy("a", 3)},
			{setWith(command.FlagNX|command.FlagGet, "a", "9")},
			{onKeys(command.KindDel, "a", "b"), setWith(command.FlagGet, "c", "3")},
		} {
			replies, err := w.Apply(m, m.Meta().Applied+1, 1, kv.AppendEntry(nil, 0, ops), want)
			if err != nil || (len(replies) == len(ops)) != want {
				t.Fatalf("got %d replies, %v", len(replies), err)
			}
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		sums[i], _, _ = kv.Checksum(e, 1)
	}
	if sums[0] != sums[1] || sums[0] == 0 {
		t.Errorf("checksums %x and %x", sums[0], sums[1])
	}
}

// TestWriterBatches applies entries of two machines before one commit: nothing is visible before it.
func TestWriterBatches(t *testing.T) {
	e := engine.NewMemory()
	w := kv.NewWriter(e)
	one, two := makeReplica(t, e, 1, &slot.Range{First: 0, Last: 8191}), makeReplica(t, e, 2, &slot.Range{First: 8192, Last: 16383})
	low, high := keyIn(t, 0, 8191), keyIn(t, 8192, 16383)
	for _, m := range []*kv.Machine{one, two} {
		for _, data := range [][]byte{nil, kv.AppendEntry(nil, 0, []*command.Operation{set(low, "x"), set(high, "y")})} {
			if _, err := w.Apply(m, m.Meta().Applied+1, 4, data, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	cs := &raftpb.ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3}, AutoLeave: new(true)}
	if err := w.ApplyConf(one, 13, 4, cs); err != nil {
		t.Fatal(err)
	}
	if meta, err := kv.ReadMeta(e, 1); err != nil || meta.Applied != 10 {
		t.Fatalf("before the commit: %+v, %v", meta, err)
	}
	if err := errors.Join(w.Commit(), w.Commit()); err != nil {
		t.Fatal(err)
	}
	metas, err := kv.ListMetas(e)
	if err != nil || len(metas) != 2 {
		t.Fatalf("got %v, %v", metas, err)
	}
	if metas[0].Applied != 13 || metas[0].AppliedTerm != 4 || metas[1].Applied != 12 || metas[1].Shard != 2 {
		t.Errorf("got %+v", metas)
	}
	if got := metas[0].ConfState; !reflect.DeepEqual(got.Voters, cs.Voters) || !got.GetAutoLeave() || len(got.Learners) != 1 {
		t.Errorf("got %v, want %v", got, cs)
	}
	if a, b := text(one.Read(e, get(low))), text(two.Read(e, get(high))); a != `"x"` || b != `"y"` {
		t.Errorf("got %s and %s", a, b)
	}
	b := e.NewBatch()
	kv.DeleteShard(b, 1, one.Meta().Slots)
	if err := e.Commit(b); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Open(e, 1); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("open a deleted replica: %v", err)
	}
	if a, b := text(one.Read(e, get(low))), text(two.Read(e, get(high))); a != `nil` || b != `"y"` {
		t.Errorf("after the deletion: got %s and %s", a, b)
	}
}

// keyIn returns a key whose slot lies in first to last.
func keyIn(t testing.TB, first, last katakv.Slot) string {
	t.Helper()
	for i := range 1000 {
		key := string(rune('a'+i%26)) + string(rune('a'+i/26))
		if s := slot.Of([]byte(key)); s >= first && s <= last {
			return key
		}
	}
	t.Fatal("no key found")
	return ""
}

func TestMalformedEntryStops(t *testing.T) {
	good := kv.AppendEntry(nil, 0, []*command.Operation{set("a", "1"), set("b", "2")})
	reading := kv.AppendEntry(nil, 0, []*command.Operation{get("a")})
	cases := map[string][]byte{
		"version":         append([]byte{9}, good[1:]...),
		"flags":           append([]byte{1, 2}, good[2:]...),
		"cut short":       good[:len(good)-1],
		"too long":        append(bytes.Clone(good), 0),
		"count":           append([]byte{1, 0, 0xff, 0xff, 0xff, 0x7f}, good[3:]...),
		"hidden read":     append([]byte{2, 0}, reading[2:]...),
		"stamp":           append([]byte{2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, good[3:]...),
		"no stamp":        append([]byte{1}, good[1:]...),
		"unknown kind":    {1, 0, 1, 99, 0, 0, 0, 0},
		"nothing but one": {1},
	}
	for name, data := range cases {
		e := engine.NewMemory()
		m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
		if _, err := w.Apply(m, 11, 1, data, true); err == nil {
			t.Errorf("%s: no error", name)
		}
		if m.Meta().Applied != 10 {
			t.Errorf("%s: applied %d", name, m.Meta().Applied)
		}
		if err := w.Commit(); err == nil {
			t.Errorf("%s: committed half an entry", name)
		}
		if got := text(m.Read(e, get("a"))); got != "nil" {
			t.Errorf("%s: a is %s", name, got)
		}
	}
}

func TestApplyOutOfOrderPanics(t *testing.T) {
	for _, index := range []katakv.Index{9, 10, 12} {
		e := engine.NewMemory()
		m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("index %d after 10: no panic", index)
				}
			}()
			_, _ = w.Apply(m, index, 1, nil, false)
		}()
	}
}

func TestMapChange(t *testing.T) {
	nodes := []placement.Node{{Weight: 1, Addresses: addresses("one")}, {Weight: 1, Addresses: addresses("two")}, {Weight: 1, Addresses: addresses("three")}}
	first, err := placement.Bootstrap(7, nodes, 3, placement.Settings{Replicas: 3, MaxValueBytes: katakv.DefaultMaxValueBytes})
	if err != nil {
		t.Fatal(err)
	}
	e := engine.NewMemory()
	m, w := makeReplica(t, e, katakv.MetaShard, nil), kv.NewWriter(e)
	change := func(id katakv.NodeID, name string) *command.Operation {
		data, err := json.Marshal(placement.Change{UpdateNode: &placement.UpdateNode{ID: id, Addresses: addresses(name)}})
		if err != nil {
			t.Fatal(err)
		}
		return &command.Operation{Kind: command.KindMapChange, Values: [][]byte{data}}
	}
	if got := texts(apply(t, w, m, change(1, "x"))); !strings.Contains(got, "no cluster map yet") {
		t.Fatalf("without a map: got %s", got)
	}
	b := e.NewBatch()
	kv.WriteMap(b, first.Encode())
	if err := e.Commit(b); err != nil {
		t.Fatal(err)
	}
	if w.MapChanged() != nil {
		t.Error("the map changed by nobody")
	}
	bad := &command.Operation{Kind: command.KindMapChange, Values: [][]byte{[]byte("nonsense")}}
	got := texts(apply(t, w, m, change(1, "uno"), bad, change(99, "nobody"), change(2, "due")))
	if strings.Count(got, "OK") != 2 || strings.Count(got, "error invalid") != 2 {
		t.Errorf("got %s", got)
	}
	encoded := w.MapChanged()
	stored, err := kv.ReadMap(e)
	if err != nil || !bytes.Equal(encoded, stored) {
		t.Fatalf("MapChanged %q, stored %q, %v", encoded, stored, err)
	}
	next, err := placement.Decode(encoded)
	if err != nil || next.Epoch != first.Epoch+2 || next.Node(2).Addresses != addresses("due") || next.Node(1).Addresses != addresses("uno") {
		t.Fatalf("got %+v, %v", next, err)
	}
	if w.MapChanged() != nil {
		t.Error("MapChanged tells twice")
	}
}

func addresses(name string) placement.Addresses {
	return placement.Addresses{Peer: name + ":1", Cluster: name + ":2", Plain: name + ":3", HTTP: name + ":4"}
}

func FuzzApply(f *testing.F) {
	f.Add(kv.AppendEntry(nil, 0, []*command.Operation{set("a", "1"), get("a"), incrBy("a", 2)}))
	f.Add(kv.AppendEntry(nil, 0, []*command.Operation{set("a", "1"), set("b", "2")}))
	f.Add(kv.AppendEntry(nil, 1_775_000_000_000, []*command.Operation{once("id", time.Minute, incrBy("a", 1)), once("id", 0, set("a", "1"))}))
	f.Add(kv.AppendEntry(nil, 0, []*command.Operation{countKeys(3), onKeys(command.KindDel, "a", "b")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := engine.NewMemory()
		m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
		replies, err := w.Apply(m, 11, 1, data, true)
		if (err == nil) != (m.Meta().Applied == 11) || (err != nil && replies != nil) || (w.Commit() == nil) != (err == nil) {
			t.Fatalf("applied %d, %d replies, %v", m.Meta().Applied, len(replies), err)
		}
	})
}

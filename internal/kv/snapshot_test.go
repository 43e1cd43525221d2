package kv_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/engine/enginetest"
	"github.com/katakv/katakv/internal/engine/pebble"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/slot"
)

// engines are the two that every snapshot test runs over.
func engines(t *testing.T) map[string]func() engine.Engine {
	return map[string]func() engine.Engine{
		"memory": func() engine.Engine { return engine.NewMemory() },
		"pebble": func() engine.Engine { return openPebble(t, vfs.NewMem()) },
	}
}

func openPebble(t testing.TB, fs vfs.FS) *pebble.Engine {
	t.Helper()
	e, err := pebble.Open("state", pebble.Options{
		FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// sample fills shard 1, of the lower half of the slots, with n records, and shard 2 with as many.
func sample(t *testing.T, e engine.Engine, n int) {
	t.Helper()
	w := kv.NewWriter(e)
	rng := rand.New(rand.NewPCG(5, uint64(n)))
	for shard := katakv.ShardID(1); shard <= 2; shard++ {
		m := makeReplica(t, e, shard, half(shard))
		for i := range n {
			value := make([]byte, rng.IntN(300))
			key := fmt.Sprint("key", i)
			apply(t, w, m, set(key, string(value))) // refused by one of the two
			if i%3 == 0 {
				apply(t, w, m, once(fmt.Sprint("id", i), time.Minute, setWith(command.FlagGet, key, string(value))))
			}
		}
	}
}

func half(shard katakv.ShardID) *slot.Range {
	if shard == 1 {
		return &slot.Range{First: 0, Last: 8191}
	}
	return &slot.Range{First: 8192, Last: 16383}
}

// chunks reads the whole stream of shard 1.
func chunks(t testing.TB, e engine.Engine, maxBytes int) [][]byte {
	t.Helper()
	s := e.NewSnapshot()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	r, err := kv.NewSnapshotReader(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Meta().Replica != 11 {
		t.Fatalf("meta of the stream: %+v", r.Meta())
	}
	var all [][]byte
	for {
		data, final, err := r.Next(maxBytes)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 || len(data) > maxBytes {
			t.Fatalf("chunk of %d bytes, want 1 to %d", len(data), maxBytes)
		}
		all = append(all, data)
		if final {
			return all
		}
	}
}

func install(e engine.Engine, slots *slot.Range, chunks [][]byte) (kv.Meta, error) {
	in, err := kv.NewInstaller(e, 1, 99, slots)
	if err != nil {
		return kv.Meta{}, err
	}
	defer in.Abort()
	for _, data := range chunks {
		if err := in.Add(data); err != nil {
			return kv.Meta{}, err
		}
	}
	return in.Commit()
}

func TestSnapshotRoundTrip(t *testing.T) {
	for name, open := range engines(t) {
		for _, maxBytes := range []int{1, 7, 1000, 1 << 20} {
			for _, records := range []int{0, 1, 300} {
				t.Run(fmt.Sprintf("%s/%d/%d", name, maxBytes, records), func(t *testing.T) {
					testRoundTrip(t, open(), open(), maxBytes, records)
				})
			}
		}
	}
}

func testRoundTrip(t *testing.T, source, target engine.Engine, maxBytes, records int) {
	sample(t, source, records)
	sample(t, target, 200) // an older state, and another shard
	wantSum, wantApplied, err := kv.Checksum(source, 1)
	if err != nil {
		t.Fatal(err)
	}
	otherSum, _, err := kv.Checksum(target, 2)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := install(target, half(1), chunks(t, source, maxBytes))
	if err != nil {
		t.Fatal(err)
	}
	if meta.Replica != 99 || meta.Applied != wantApplied || *meta.Slots != *half(1) {
		t.Errorf("got %+v", meta)
	}
	m := openMachine(t, target, 1)
	if m.Meta().Replica != 99 || m.Meta().Applied != wantApplied || len(m.Meta().ConfState.GetVoters()) != 3 {
		t.Errorf("machine: got %+v", m.Meta())
	}
	gotSum, gotApplied, err := kv.Checksum(target, 1)
	if err != nil || gotSum != wantSum || gotApplied != wantApplied {
		t.Errorf("checksum %x at %d, %v; want %x at %d", gotSum, gotApplied, err, wantSum, wantApplied)
	}
	if sum, _, _ := kv.Checksum(target, 2); sum != otherSum {
		t.Error("the other shard changed")
	}
	d, err := target.Durable()
	if err != nil {
		t.Fatal(err)
	}
	if sum, _, err := kv.Checksum(d, 1); err != nil || sum != wantSum {
		t.Errorf("durable checksum %x, %v; want %x", sum, err, wantSum)
	}
	if err := errors.Join(d.Close(), source.Close(), target.Close()); err != nil {
		t.Error(err)
	}
}

// TestSnapshotRefused damages a stream in every way that a byte can be, and in some that writers could.
func TestSnapshotRefused(t *testing.T) {
	source := engine.NewMemory()
	sample(t, source, 12)
	stream := bytes.Join(chunks(t, source, 1<<20), nil)
	target := engine.NewMemory()
	sample(t, target, 3)
	before := enginetest.Contents(t, target)
	refused := func(what string, slots *slot.Range, stream ...[]byte) {
		t.Helper()
		if _, err := install(target, slots, stream); err == nil {
			t.Fatalf("%s: no error", what)
		}
		if after := enginetest.Contents(t, target); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Fatalf("%s: something was installed", what)
		}
	}
	for i := range stream {
		damaged := bytes.Clone(stream)
		damaged[i] ^= 0x10
		refused(fmt.Sprintf("byte %d", i), half(1), damaged)
		refused(fmt.Sprintf("cut to %d", i), half(1), stream[:i])
	}
	refused("a byte too many", half(1), stream, []byte{0})
	refused("twice", half(1), stream, stream)
	refused("other slots", &slot.Range{First: 0, Last: 8190}, stream)
	refused("no slots", nil, stream)
	other := engine.NewMemory()
	m := makeReplica(t, other, 1, half(2))
	apply(t, kv.NewWriter(other), m, set(keyIn(t, 8192, 16383), "v"))
	refused("keys of another shard", half(1), chunks(t, other, 1<<20)...)
}

func TestInstallerStates(t *testing.T) {
	source, target := engine.NewMemory(), engine.NewMemory()
	sample(t, source, 5)
	in, err := kv.NewInstaller(target, 1, 99, half(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chunks(t, source, 50) {
		// A receiver must know before it relies on Commit: found by a flipped bit that hid a stream's end.
		if in.Complete() == nil {
			t.Fatal("complete before its last chunk")
		}
		if err := in.Add(c); err != nil {
			t.Fatal(err)
		}
		clear(c) // it was not kept
	}
	if err := in.Complete(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Commit(); err != nil {
		t.Fatal(err)
	}
	in.Abort()
	if _, err := in.Commit(); err == nil {
		t.Error("a second commit: no error")
	}
	a, _, _ := kv.Checksum(source, 1)
	if b, _, err := kv.Checksum(target, 1); a != b || err != nil {
		t.Errorf("checksums %x and %x, %v", a, b, err)
	}
	if _, err := kv.NewSnapshotReader(target.NewSnapshot(), 7); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("read a shard that is not there: %v", err)
	}
}

func TestChecksumSeesEverything(t *testing.T) {
	sum := func(ops ...*command.Operation) uint64 {
		e := engine.NewMemory()
		m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
		apply(t, w, m, ops...)
		sum, applied, err := kv.Checksum(e, 1)
		if err != nil || applied != 11 {
			t.Fatalf("applied %d, %v", applied, err)
		}
		return sum
	}
	seen := map[uint64]int{}
	for i, s := range []uint64{
		sum(set("a", "bc")), sum(set("ab", "c")), sum(set("a", "bd")), sum(set("a", "bc"), set("d", "")), sum(),
	} {
		if j, ok := seen[s]; ok {
			t.Errorf("states %d and %d have the checksum %x", i, j, s)
		}
		seen[s] = i
	}
}

func FuzzInstaller(f *testing.F) {
	source := engine.NewMemory()
	w, m := kv.NewWriter(source), makeReplica(f, source, 1, half(1))
	f.Add(bytes.Join(chunks(f, source, 1<<20), nil), 3)
	apply(f, w, m, set(keyIn(f, 0, 8191), "value"))
	f.Add(bytes.Join(chunks(f, source, 1<<20), nil), 1000)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		if cut < 1 {
			cut = 1
		}
		var pieces [][]byte
		for rest := data; len(rest) > 0; {
			n := min(cut, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		inPieces, inOne := engine.NewMemory(), engine.NewMemory()
		_, err1 := install(inPieces, half(1), pieces)
		_, err2 := install(inOne, half(1), [][]byte{data})
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("in pieces: %v; in one: %v", err1, err2)
		}
		if fmt.Sprint(enginetest.Contents(t, inPieces)) != fmt.Sprint(enginetest.Contents(t, inOne)) {
			t.Fatal("pieces and one left different states")
		}
	})
}

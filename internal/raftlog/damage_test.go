package raftlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/raftlog"
)

// logFiles reads the segments in dir by name.
func logFiles(t testing.TB, fs vfs.FS) map[string][]byte {
	t.Helper()
	names, err := fs.List(dir)
	must(t, err)
	out := map[string][]byte{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		must(t, err)
		data, err := io.ReadAll(f)
		must(t, err)
		must(t, f.Close())
		out[name] = data
	}
	return out
}

// diskOf returns a file system with these files in dir.
func diskOf(t testing.TB, files map[string][]byte) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	must(t, fs.MkdirAll(dir, 0o755))
	for name, data := range files {
		f, err := fs.Create(fs.PathJoin(dir, name), vfs.WriteCategoryUnspecified)
		must(t, err)
		_, err = f.Write(slices.Clone(data))
		must(t, err)
		must(t, f.Close())
	}
	return fs
}

// with returns a copy of files in which one is replaced; nil data removes it.
func with(files map[string][]byte, name string, data []byte) map[string][]byte {
	out := map[string][]byte{}
	for n, d := range files {
		out[n] = d
	}
	if out[name] = data; data == nil {
		delete(out, name)
	}
	return out
}

// smallLog writes a log of a few batches, with a roll-over when roll is set, and returns its files and the states.
func smallLog(t testing.TB, roll bool) (files map[string][]byte, states []string) {
	t.Helper()
	fs := vfs.NewMem()
	opts := raftlog.Options{FS: fs, SegmentBytes: 2048}
	if roll {
		opts.SegmentBytes = 768
	}
	l, rec, err := raftlog.Open(dir, opts)
	must(t, err)
	states = append(states, render(rec))
	m := newModel()
	for i := uint64(1); i <= 4 || roll && l.Stats().Segments < 3; i++ {
		b := &raftlog.Batch{Updates: []raftlog.Update{
			{Shard: 1, Replica: 7, Entries: entries(i, i, "some data"), HardState: hard(i, 7, i)},
			{Shard: 2, Replica: 9, HardState: hard(2*i, 3, 0)},
		}}
		must(t, l.Append([]*raftlog.Batch{b}))
		m.apply(b)
		states = append(states, renderModel(m))
	}
	must(t, l.Close())
	return logFiles(t, fs), states
}

// TestBitFlips flips every bit of a log. Each flip is refused as damage, or cuts the last batch, or changes
// nothing because the byte is unused; no other state ever comes out.
func TestBitFlips(t *testing.T) {
	for _, roll := range []bool{false, true} {
		files, states := smallLog(t, roll)
		last, before := states[len(states)-1], states[len(states)-2]
		counts := map[string]int{}
		for name, data := range files {
			newest := name == slices.Max(keysOf(files))
			for i := range data {
				flipped := bytes.Clone(data)
				flipped[i] ^= 1 << (i % 8)
				_, rec, err := raftlog.Open(dir, raftlog.Options{FS: diskOf(t, with(files, name, flipped)), SegmentBytes: 768})
				var damaged *raftlog.DamagedError
				switch {
				case errors.As(err, &damaged):
					counts["damaged"]++
					if damaged.Offset > int64(i) || !strings.HasPrefix(damaged.File, dir) {
						t.Errorf("%s byte %d: got %v", name, i, err)
					}
				case err != nil:
					t.Fatalf("%s byte %d: got error %v, want a DamagedError", name, i, err)
				case render(rec) == last:
					counts["same"]++
					if end := lastNonZero(data); i <= end {
						t.Errorf("%s byte %d of %d in use: flip has no effect", name, i, end)
					}
				case render(rec) == before && newest:
					counts["cut"]++
				default:
					t.Fatalf("%s byte %d: silently different: %s", name, i, render(rec))
				}
			}
		}
		t.Logf("roll %v: %v", roll, counts)
		if counts["damaged"] == 0 || counts["cut"] == 0 {
			t.Errorf("roll %v: got %v, want some of each", roll, counts)
		}
	}
}

// lastNonZero returns the offset of the last byte that is not zero.
func lastNonZero(data []byte) int { return len(bytes.TrimRight(data, "\x00")) - 1 }

func keysOf(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	return names
}

// TestTornTail loses the last batch from every byte on, and in every single byte before what follows it. What is
// appended after the cut is all that comes back: nothing beyond the tear does.
func TestTornTail(t *testing.T) {
	files, states := smallLog(t, false)
	name := keysOf(files)[0]
	data := files[name]
	end := lastNonZero(data) + 1
	start := bytes.LastIndex(data, []byte("KRLB"))
	for i := start; i < end; i++ {
		cases := map[string][]byte{
			"zeroes from": append(bytes.Clone(data[:i]), make([]byte, len(data)-i)...),
			"zeroes to":   append(append(bytes.Clone(data[:start]), make([]byte, i+1-start)...), data[i+1:]...),
			"cut at":      bytes.Clone(data[:i]),
		}
		for what, torn := range cases {
			if bytes.Equal(bytes.TrimRight(torn, "\x00"), data[:end]) {
				continue // only padding is lost
			}
			fs := diskOf(t, with(files, name, torn))
			l, rec, err := raftlog.Open(dir, raftlog.Options{FS: fs, SegmentBytes: 2048})
			must(t, err)
			if got, want := render(rec), states[len(states)-2]; got != want {
				t.Fatalf("%s %d: got %s, want %s", what, i, got, want)
			}
			if after := logFiles(t, fs)[name]; len(after) != len(data) || lastNonZero(after) >= start {
				t.Fatalf("%s %d: the tail was not cleared", what, i)
			}
			must(t, l.Append([]*raftlog.Batch{{Updates: []raftlog.Update{{Shard: 3, Replica: 1, HardState: hard(1, 1, 0)}}}}))
			must(t, l.Close())
			_, rec, err = raftlog.Open(dir, raftlog.Options{FS: fs, SegmentBytes: 2048})
			must(t, err)
			if got, want := render(rec), states[len(states)-2]+" s3/r1 hs=1,1,0 mark=0,0"; got != want || rec.TornBytes != 0 {
				t.Fatalf("%s %d, then appended: got %s, torn %d, want %s", what, i, got, rec.TornBytes, want)
			}
		}
	}
}

// TestTornBytes counts what was cut.
func TestTornBytes(t *testing.T) {
	files, _ := smallLog(t, false)
	name := keysOf(files)[0]
	data := bytes.Clone(files[name])
	start, end := bytes.LastIndex(data, []byte("KRLB")), lastNonZero(data)+1
	data[end-3] ^= 0xff
	_, rec, err := raftlog.Open(dir, raftlog.Options{FS: diskOf(t, with(files, name, data)), SegmentBytes: 768})
	must(t, err)
	if want := int64(end-start+7) / 8 * 8; rec.TornBytes != want {
		t.Errorf("got %d torn bytes, want %d", rec.TornBytes, want)
	}
}

// TestIdleLogRecordsTheSync: after Tidy the last real batch is no longer a tail that may be torn.
func TestIdleLogRecordsTheSync(t *testing.T) {
	for _, tidy := range []bool{false, true} {
		fs := vfs.NewMem()
		l, _, err := raftlog.Open(dir, raftlog.Options{FS: fs, SegmentBytes: 768})
		must(t, err)
		must(t, l.Append([]*raftlog.Batch{{Updates: []raftlog.Update{{Shard: 1, Replica: 1, HardState: hard(4, 3, 2)}}}}))
		if tidy {
			must(t, l.Tidy())
			batches := l.Stats().Batches
			must(t, l.Tidy())
			if got := l.Stats().Batches; got != batches {
				t.Errorf("a second Tidy wrote: got %d batches, want %d", got, batches)
			}
		}
		must(t, l.Close())
		files := logFiles(t, fs)
		name := keysOf(files)[0]
		data := bytes.Clone(files[name])
		data[64+40] ^= 1 // the only vote
		_, _, err = raftlog.Open(dir, raftlog.Options{FS: diskOf(t, with(files, name, data)), SegmentBytes: 768})
		var damaged *raftlog.DamagedError
		if got := errors.As(err, &damaged); got != tidy {
			t.Errorf("tidy %v: got error %v, damaged %v", tidy, err, got)
		}
		if tidy && (damaged.Offset != 64 || !strings.HasSuffix(damaged.File, name)) {
			t.Errorf("got %v, want %s at 64", err, name)
		}
	}
}

// TestMissingSegment removes or empties each segment of a longer log in turn.
func TestMissingSegment(t *testing.T) {
	files, _ := smallLog(t, true)
	if len(files) < 3 {
		t.Fatalf("got %d segments, want 3 or more", len(files))
	}
	for name, data := range files {
		for what, instead := range map[string][]byte{"without": nil, "with zeroes in": make([]byte, len(data)), "with no bytes in": {}} {
			_, _, err := raftlog.Open(dir, raftlog.Options{FS: diskOf(t, with(files, name, instead)), SegmentBytes: 768})
			var damaged *raftlog.DamagedError
			if !errors.As(err, &damaged) || !strings.HasSuffix(damaged.File, name) {
				t.Errorf("%s %s: got %v, want it named as damaged", what, name, err)
			}
		}
	}
}

// TestDamageChangesNothing: a log that is refused is left as it was.
func TestDamageChangesNothing(t *testing.T) {
	files, _ := smallLog(t, true)
	name := slices.Min(keysOf(files))
	data := bytes.Clone(files[name])
	data[100] ^= 4
	files = with(files, name, data)
	fs := diskOf(t, files)
	for range 2 {
		if _, _, err := raftlog.Open(dir, raftlog.Options{FS: fs, SegmentBytes: 768}); err == nil {
			t.Fatal("opened a damaged log")
		}
		for n, got := range logFiles(t, fs) {
			if !bytes.Equal(got, files[n]) {
				t.Fatalf("%s was changed", n)
			}
		}
	}
}

// TestRecycledSegmentStaysDead: bytes of a segment's earlier life, whole valid batches of it included, are neither
// records nor a tear in its next life.
func TestRecycledSegmentStaysDead(t *testing.T) {
	fs := vfs.NewMem()
	opts := raftlog.Options{FS: fs, SegmentBytes: 768}
	l, _, err := raftlog.Open(dir, opts)
	must(t, err)
	m := newModel()
	for i := uint64(1); l.Stats().RemovedSegments < 6; i++ {
		b := &raftlog.Batch{Updates: []raftlog.Update{{Shard: 1, Replica: 7, Entries: entries(i, i, strings.Repeat("x", int(i%70)))}}}
		must(t, l.Append([]*raftlog.Batch{b}))
		m.apply(b)
		l.Release(1, 7, katakv.Index(i))
		m.replicas[raftlog.ReplicaKey{Shard: 1, Replica: 7}].released = i
		if i%3 == 0 {
			continue
		}
		_, rec, err := raftlog.Open(dir, raftlog.Options{FS: diskOf(t, logFiles(t, fs)), SegmentBytes: 768})
		must(t, err)
		if err := m.check(rec); err != nil || rec.TornBytes != 0 {
			t.Fatalf("after entry %d: %v, %d torn bytes", i, err, rec.TornBytes)
		}
	}
	must(t, l.Close())
}

// render writes what was recovered as one line.
func render(rec raftlog.Recovered) string {
	var out []string
	for _, r := range rec.Replicas {
		s := fmt.Sprintf("%v/%v hs=%d,%d,%d mark=%d,%d", r.Shard, r.Replica, r.HardState.GetTerm(), r.HardState.GetVote(),
			r.HardState.GetCommit(), r.Snapshot.Index, r.Snapshot.Term)
		for _, e := range r.Entries {
			s += fmt.Sprintf(" %d.%d:%q", e.GetTerm(), e.GetIndex(), e.Data)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// renderModel writes the model as render would.
func renderModel(m *model) string {
	var rec raftlog.Recovered
	for _, key := range []raftlog.ReplicaKey{{Shard: 1, Replica: 7}, {Shard: 2, Replica: 9}} {
		r := m.replicas[key]
		rec.Replicas = append(rec.Replicas, raftlog.RecoveredReplica{
			Shard: key.Shard, Replica: key.Replica, Snapshot: r.mark, Entries: r.entries,
			HardState: hard(r.hardState[0], r.hardState[1], r.hardState[2]),
		})
	}
	return render(rec)
}

package replica

import (
	"errors"
	"testing"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// entries builds entries of one term with indexes first..last and ten bytes of data each.
func entries(term, first, last uint64) []*raftpb.Entry {
	var out []*raftpb.Entry
	for i := first; i <= last; i++ {
		out = append(out, &raftpb.Entry{Term: new(term), Index: new(i), Data: make([]byte, 10)})
	}
	return out
}

const testEntryBytes = 10 + entryOverheadBytes

func TestWindow(t *testing.T) {
	var w window
	w.reset(10, 1)
	w.append(entries(1, 11, 20))
	w.append(entries(2, 16, 18)) // replaces 16..20

	t.Run("terms", func(t *testing.T) {
		tests := []struct {
			index, term uint64
			err         error
		}{
			{9, 0, raft.ErrCompacted}, {10, 1, nil}, {11, 1, nil}, {15, 1, nil}, {16, 2, nil}, {18, 2, nil}, {19, 0, raft.ErrUnavailable},
		}
		for _, tt := range tests {
			term, err := w.Term(tt.index)
			if term != tt.term || !errors.Is(err, tt.err) {
				t.Errorf("Term(%d): got %d, %v; want %d, %v", tt.index, term, err, tt.term, tt.err)
			}
		}
	})
	t.Run("entries", func(t *testing.T) {
		tests := []struct {
			lo, hi, max uint64
			want        int
			err         error
		}{
			{11, 19, 1 << 20, 8, nil},
			{12, 14, 1 << 20, 2, nil},
			{11, 19, 0, 1, nil}, // at least one
			{11, 19, 3 * (10 + entryFramingBytes), 3, nil},
			{10, 12, 1 << 20, 0, raft.ErrCompacted},
			{11, 20, 1 << 20, 0, raft.ErrUnavailable},
		}
		for _, tt := range tests {
			got, err := w.Entries(tt.lo, tt.hi, tt.max)
			if len(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Entries(%d, %d, %d): got %d, %v; want %d, %v", tt.lo, tt.hi, tt.max, len(got), err, tt.want, tt.err)
			}
			if cap(got) != len(got) {
				t.Errorf("Entries(%d, %d, %d): an append would write into the window", tt.lo, tt.hi, tt.max)
			}
		}
	})
	if want := 8 * testEntryBytes; w.bytes != want {
		t.Errorf("it counts %d bytes; want %d", w.bytes, want)
	}
}

func TestWindowTrim(t *testing.T) {
	tests := []struct {
		name     string
		limit    uint64
		budget   int
		wantBase uint64
	}{
		{"within the budget", 20, 10 * testEntryBytes, 10},
		{"a quarter below the budget", 20, 4 * testEntryBytes, 17},
		{"what is not applied stays", 13, 0, 13},
		{"all", 20, 0, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w window
			w.reset(10, 1)
			w.append(entries(3, 11, 20))
			w.trim(tt.limit, tt.budget)
			if w.base != tt.wantBase || w.last() != 20 || w.bytes != int(20-tt.wantBase)*testEntryBytes {
				t.Errorf("got (%d, %d], %d bytes; want (%d, 20]", w.base, w.last(), w.bytes, tt.wantBase)
			}
			if term, err := w.Term(w.base); err != nil || (w.base > 10 && term != 3) {
				t.Errorf("the term before the window is %d, %v", term, err)
			}
		})
	}
}

// Found by seeds 23958 and 26328: entries that Raft still had in a message were overwritten by a truncation and
// went out as another leader's.
func TestWindowNeverRewritesWhatItGaveOut(t *testing.T) {
	changes := map[string]func(w *window){
		"truncated": func(w *window) { w.append(entries(2, 13, 20)) },
		"trimmed":   func(w *window) { w.trim(20, 0) },
		"both": func(w *window) {
			w.trim(14, 0)
			w.append(entries(2, 15, 30))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			var w window
			w.reset(10, 1)
			for i := uint64(11); i <= 20; i++ {
				w.append(entries(1, i, i))
			}
			given, err := w.Entries(11, 21, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			change(&w)
			w.append(entries(3, w.last()+1, w.last()+10))
			for i, e := range given {
				if e == nil || e.GetIndex() != uint64(11+i) || e.GetTerm() != 1 {
					t.Fatalf("entry %d became %v", 11+i, e)
				}
			}
		})
	}
}

package raftlog_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/require"
)

// FuzzDirectory damages a log and opens it. Each four bytes of the input change something: a byte, the end of a file,
// a whole file, or a block that moves. What is opened must be a state that the log had at its end, or before its last
// batch; else it is refused and nothing is changed. What was opened takes further batches.
func FuzzDirectory(f *testing.F) {
	logs := make([]map[string][]byte, 2)
	states := make([][]string, 2)
	for i := range logs {
		logs[i], states[i] = smallLog(f, i == 1)
	}
	f.Add(false, []byte{})
	f.Add(true, []byte{0, 7, 0, 1})
	f.Add(true, []byte{1, 200, 0, 200, 9, 0, 30, 1})
	f.Add(false, []byte{2, 1, 1, 3, 3, 0, 0, 0})
	f.Add(true, []byte{4, 3, 0, 9, 4, 9, 0, 3})
	f.Fuzz(func(t *testing.T, roll bool, input []byte) {
		const mostChanges = 8
		which := 0
		if roll {
			which = 1
		}
		files := maps.Clone(logs[which])
		for change := range slices.Chunk(input[:min(len(input), changeBytes*mostChanges)], changeBytes) {
			damage(files, change)
		}
		fs := diskOf(t, files)
		total := 0
		for _, data := range files {
			total += len(data)
		}
		var l *raftlog.Log
		var rec raftlog.Recovered
		var err error
		require.AllocBelow(t, 64*total, func() { l, rec, err = raftlog.Open(dir, raftlog.Options{FS: fs, SegmentBytes: 768}) })
		if err != nil {
			if !errors.As(err, new(*raftlog.DamagedError)) && !errors.Is(err, raftlog.ErrVersion) {
				t.Fatalf("got error %v, want a DamagedError", err)
			}
			if !maps.EqualFunc(logFiles(t, fs), files, bytes.Equal) {
				t.Fatal("a log that was refused was changed")
			}
			return
		}
		got := render(rec)
		if len(input) <= changeBytes && !slices.Contains(states[which], got) {
			t.Fatalf("one change makes it %s", got)
		}
		update := raftlog.Update{Shard: 3, Replica: 33, HardState: hard(1, 1, 0)}
		must(t, l.Append([]*raftlog.Batch{{Updates: []raftlog.Update{update}}}))
		must(t, l.Close())
		_, rec, err = raftlog.Open(dir, raftlog.Options{FS: fs, SegmentBytes: 768})
		must(t, err)
		if len(rec.Replicas) == 0 || rec.Replicas[len(rec.Replicas)-1].Replica != 33 {
			t.Fatalf("what was appended is not there: %s", render(rec))
		}
	})
}

// changeBytes is how many bytes of input one change takes.
const changeBytes = 4

// damage makes one change, chosen by four bytes.
func damage(files map[string][]byte, change []byte) {
	names := slices.Sorted(maps.Keys(files))
	if len(change) < changeBytes || len(names) == 0 {
		return
	}
	name := names[int(change[0]>>3)%len(names)]
	data := bytes.Clone(files[name])
	at := (int(change[1])<<8 | int(change[2])) * len(data) >> 16
	value := change[3]
	switch change[0] & 7 {
	case 0, 1:
		if at < len(data) {
			data[at] ^= value
		}
	case 2:
		data = data[:at]
	case 3:
		delete(files, name)
		return
	case 4: // a block that was lost, or never written
		clear(data[at:min(len(data), at+int(value))])
	case 5: // a block that went elsewhere
		copy(data[at:], data[:int(value)*len(data)/256])
	case 6: // a file under another's name
		files[names[int(value)%len(names)]] = data
		return
	case 7:
		data = append(data, change...)
	}
	files[name] = data
}

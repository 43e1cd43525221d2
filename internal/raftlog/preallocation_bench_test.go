package raftlog_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkPreallocation measures one 1 KiB write and its fdatasync into a segment prepared in each of the
// ways that were considered; doc.go and segment.go state what it showed. Run it on the disk in question:
//
//	TMPDIR=/data go test -run '^$' -bench Preallocation -benchtime 3000x ./internal/raftlog
func BenchmarkPreallocation(b *testing.B) {
	const segmentBytes = 16 << 20
	ways := []struct {
		name    string
		prepare func(b *testing.B, f vfs.File)
	}{
		{"none", func(*testing.B, vfs.File) {}},
		{"fallocate", func(b *testing.B, f vfs.File) {
			must(b, f.Preallocate(0, segmentBytes))
		}},
		{"zeroed", func(b *testing.B, f vfs.File) {
			fill(b, f, segmentBytes, 0)
		}},
		{"recycled", func(b *testing.B, f vfs.File) {
			fill(b, f, segmentBytes, 0xa5)
		}},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			dir, record := b.TempDir(), make([]byte, 1024)
			f, err := vfs.Default.Create(dir+"/segment", vfs.WriteCategoryUnspecified)
			must(b, err)
			defer f.Close()
			way.prepare(b, f)
			must(b, f.Sync())
			var offset int64
			b.SetBytes(int64(len(record)))
			for b.Loop() {
				if offset+int64(len(record)) > segmentBytes {
					offset = 0
				}
				_, err := f.WriteAt(record, offset)
				must(b, err)
				must(b, f.SyncData())
				offset += int64(len(record))
			}
		})
	}
}

// fill writes size bytes of one value.
func fill(b *testing.B, f vfs.File, size int64, value byte) {
	b.Helper()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = value
	}
	for offset := int64(0); offset < size; offset += int64(len(block)) {
		_, err := f.WriteAt(block, offset)
		must(b, err)
	}
}

// must fails the test or benchmark when err is not nil.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

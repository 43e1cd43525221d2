package raftlog_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/raftlog"
)

// BenchmarkAppend appends the updates of 20 replicas, one 150-byte entry and a HardState each, with and without a
// disk, releasing as it goes.
func BenchmarkAppend(b *testing.B) {
	const updates, dataBytes, releaseEvery = 20, 150, 1000
	for _, fs := range []struct {
		name string
		fs   vfs.FS
	}{{"memory", nullFS{vfs.NewMem()}}, {"disk", vfs.Default}} {
		b.Run(fmt.Sprintf("%s/updates=%d", fs.name, updates), func(b *testing.B) {
			l, _, err := raftlog.Open(b.TempDir(), raftlog.Options{FS: fs.fs})
			must(b, err)
			defer l.Close()
			data, batch := make([]byte, dataBytes), &raftlog.Batch{}
			for i := range updates {
				batch.Updates = append(batch.Updates, raftlog.Update{
					Shard: katakv.ShardID(i), Replica: katakv.ReplicaID(i + 1),
					HardState: hard(1, 1, 0), Entries: []*raftpb.Entry{entry(0, 1, data)},
				})
			}
			batches := []*raftlog.Batch{batch}
			var index uint64
			b.ReportAllocs()
			b.SetBytes(updates * dataBytes)
			for b.Loop() {
				index++
				for i := range batch.Updates {
					*batch.Updates[i].Entries[0].Index = index
					*batch.Updates[i].HardState.Commit = index
				}
				must(b, l.Append(batches))
				if index%releaseEvery == 0 {
					for _, u := range batch.Updates {
						l.Release(u.Shard, u.Replica, katakv.Index(index))
					}
				}
			}
			b.ReportMetric(float64(updates)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// nullFS spares the benchmark the cost of a file in memory: segments are written nowhere.
type nullFS struct{ vfs.FS }

func (fs nullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return nullFile{f}, err
}

func (fs nullFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.OpenReadWrite(name, c, o...)
	return nullFile{f}, err
}

type nullFile struct{ vfs.File }

func (nullFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

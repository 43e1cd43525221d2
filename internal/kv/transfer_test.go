package kv_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/crashfs"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
)

// transfer exports a shard and imports it on another disk, over an older state, with a crash in the middle. There the
// shard must be the old one or the new one, and the new one once the import was acknowledged.
func (d *disk) transfer(i int) {
	shard := katakv.ShardID(i + 1)
	view := d.engine.NewSnapshot()
	defer func() {
		if err := view.Close(); err != nil {
			d.t.Fatal(err)
		}
	}()
	fs := crashfs.New()
	target := openPebble(d.t, fs)
	makeReplica(d.t, target, shard, modelSlots(i))
	old, fresh := checksumOf(d.t, target, shard), checksumOf(d.t, view, shard)

	left, rng := 1+d.rng.IntN(60), rand.New(rand.NewPCG(d.rng.Uint64(), 0))
	var mu sync.Mutex
	var crashed *crashfs.FS
	fs.Intercept(func(errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			crashed = crashOf(fs, rng)
		}
		return nil
	})
	d.importShard(view, target, i)
	mu.Lock()
	left = 0
	mu.Unlock()
	if crashed != nil {
		d.wantChecksum(crashed, shard, old, fresh)
	}
	after := crashOf(fs, d.rng)
	if err := target.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.wantChecksum(after, shard, fresh)
}

func (d *disk) importShard(from engine.Snapshot, to engine.Engine, i int) {
	reader, err := kv.NewSnapshotReader(from, katakv.ShardID(i+1))
	if err != nil {
		d.t.Fatal(err)
	}
	in, err := kv.NewInstaller(to, katakv.ShardID(i+1), 99, modelSlots(i))
	if err != nil {
		d.t.Fatal(err)
	}
	for final := false; !final; {
		var data []byte
		if data, final, err = reader.Next(1 + d.rng.IntN(300)); err == nil {
			err = in.Add(data)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if _, err := in.Commit(); err != nil {
		d.t.Fatal(err)
	}
}

// wantChecksum opens what a crash left and wants one of these checksums of a shard.
func (d *disk) wantChecksum(fs *crashfs.FS, shard katakv.ShardID, want ...uint64) {
	e := openPebble(d.t, fs)
	got := checksumOf(d.t, e, shard)
	for _, w := range want {
		if got == w {
			if err := e.Close(); err != nil {
				d.t.Fatal(err)
			}
			return
		}
	}
	d.t.Fatalf("%v has checksum %x after a crash, want one of %x", shard, got, want)
}

func checksumOf(t *testing.T, r engine.Reader, shard katakv.ShardID) uint64 {
	t.Helper()
	sum, _, err := kv.Checksum(r, shard)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

package crashfs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv/internal/crashfs"
)

// fill makes about 1 MiB in 20 files, a twentieth of it not synced.
func fill(b *testing.B, disk vfs.FS) {
	b.Helper()
	for i := range 20 {
		name := fmt.Sprintf("f%02d", i)
		write(b, disk, name, strings.Repeat("x", 50<<10), 0, true)
		write(b, disk, name, strings.Repeat("y", 2<<10), 50<<10, false)
	}
	syncDir(b, disk, "/")
}

func BenchmarkCrash(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for name, keep := range map[string]crashfs.Keep{"synced": crashfs.KeepSynced, "some": crashfs.KeepSome, "all": crashfs.KeepAll} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			disk := crashfs.New()
			fill(b, disk)
			for b.Loop() {
				disk.Crash(keep, rng)
			}
		})
	}
	b.Run("clone", func(b *testing.B) {
		b.ReportAllocs()
		disk := crashfs.New()
		fill(b, disk)
		for b.Loop() {
			disk.Clone()
		}
	})
	b.Run("MemFS", func(b *testing.B) {
		b.ReportAllocs()
		disk := vfs.NewCrashableMem()
		fill(b, disk)
		for b.Loop() {
			disk.CrashClone(vfs.CrashCloneCfg{})
		}
	})
}

// BenchmarkAppend is a log's append: 1 KiB and a sync, in a file of 256 KiB that is written over.
func BenchmarkAppend(b *testing.B) {
	for name, disk := range map[string]vfs.FS{"crashfs": crashfs.New(), "MemFS": vfs.NewCrashableMem()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			write(b, disk, "log", strings.Repeat("x", 256<<10), 0, true)
			f, err := disk.OpenReadWrite("log", vfs.WriteCategoryUnspecified)
			must(b, err)
			data := []byte(strings.Repeat("y", 1<<10))
			for i := 0; b.Loop(); i++ {
				_, err := f.WriteAt(data, int64(i%256)<<10)
				must(b, err)
				must(b, f.SyncData())
			}
		})
	}
}

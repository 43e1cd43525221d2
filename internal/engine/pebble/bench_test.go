package pebble_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/engine/pebble"
)

// BenchmarkCommit is what a core does to its engine: batches of some dozen small records under random keys.
func BenchmarkCommit(b *testing.B) {
	const keys, perBatch, keyBytes, valueBytes = 100_000, 40, 24, 150
	for _, mib := range []int64{4, 8, 16, 32, 64} {
		b.Run(fmt.Sprintf("memtable=%dMiB", mib), func(b *testing.B) {
			e, err := pebble.Open(b.TempDir(), pebble.Options{
				MemTableBytes: mib << 20, Fatal: func(err error) { panic(err) },
			})
			if err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			batch := e.NewBatch()
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				for range perBatch {
					key, _ := batch.SetDeferred(keyBytes, valueBytes)
					n := rng.Uint64N(keys)
					clear(key)
					key[0] = 'k'
					binary.BigEndian.PutUint16(key[1:], uint16(n*0x9E37%16384))
					binary.BigEndian.PutUint64(key[8:], n)
				}
				if err := e.Commit(batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perBatch, "ns/set")
			// Flushes and compactions run beside the commits, and count as well.
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/perBatch, "cpu-ns/set")
			b.ReportMetric(float64(e.Metrics().WriteStalls), "stalls")
			if err := e.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package kv_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/engine/pebble"
	"github.com/katakv/katakv/internal/kv"
)

// BenchmarkApply applies entries of 20 SETs of 128 bytes over 100,000 keys, two entries a commit.
func BenchmarkApply(b *testing.B) {
	const opsPerEntry, entriesPerCommit, keys, entries = 20, 2, 100_000, 5_000
	onDisk := func(b *testing.B) engine.Engine {
		e, err := pebble.Open(b.TempDir(), pebble.Options{Fatal: func(err error) { panic(err) }})
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	inMemory := func(*testing.B) engine.Engine { return engine.NewMemory() }
	value := strings.Repeat("v", 128)
	for _, c := range []struct {
		name string
		open func(*testing.B) engine.Engine
		op   func(key string) *command.Operation
	}{
		{"engine=memory/op=set", inMemory, func(key string) *command.Operation { return set(key, value) }},
		{"engine=pebble/op=set", onDisk, func(key string) *command.Operation { return set(key, value) }},
		{"engine=pebble/op=incr", onDisk, func(key string) *command.Operation { return incrBy(key, 1) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := c.open(b)
			rng := rand.New(rand.NewPCG(1, 2))
			payloads := make([][]byte, entries)
			for i := range payloads {
				ops := make([]*command.Operation, opsPerEntry)
				for j := range ops {
					ops[j] = c.op(fmt.Sprintf("user:%08d", rng.IntN(keys)))
				}
				payloads[i] = kv.AppendEntry(nil, 0, ops)
			}
			m, w := makeReplica(b, e, 1, every()), kv.NewWriter(e)
			next := 0
			b.ReportAllocs()
			for b.Loop() {
				for range entriesPerCommit {
					_, err := w.Apply(m, m.Meta().Applied+1, 1, payloads[next%entries], true)
					if err != nil {
						b.Fatal(err)
					}
					next++
				}
				if err := w.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(opsPerEntry*entriesPerCommit), "ns/op-applied")
			if err := e.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

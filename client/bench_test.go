package client_test

import (
	"testing"

	"github.com/katakv/katakv/client"
)

// BenchmarkGet is one GET through a client, beside one on a connection: what finding the node, a connection and an
// answer costs.
func BenchmarkGet(b *testing.B) {
	startCluster()
	ctx := b.Context()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	s := c.NewSession()
	if err := s.Set(ctx, "bench", make([]byte, 100)); err != nil {
		b.Fatal(err)
	}
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Get(ctx, "bench"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("session", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Get(ctx, "bench"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("conn", func(b *testing.B) {
		conn, err := client.Dial(ctx, real.Nodes[0].Plain, client.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := conn.Do(ctx, "GET", "bench"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

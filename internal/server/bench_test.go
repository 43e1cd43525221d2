package server_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
)

// okBackend answers OK to everything, so that a benchmark shows the front door alone.
type okBackend struct{ fakeBackend }

func (*okBackend) Execute(_ context.Context, _ router.Mode, calls []router.Call) {
	for i := range calls {
		calls[i].Reply = command.OKReply()
	}
}

func (*okBackend) Run(_ context.Context, batch router.Batch) {
	for i := range batch.Calls {
		batch.Calls[i].Reply = command.OKReply()
	}
}

// BenchmarkSet sends SETs of 128 bytes over loopback; the figures are per command and include the client's side,
// which only writes and counts bytes.
func BenchmarkSet(b *testing.B) {
	for _, bm := range []struct {
		name  string
		depth int
	}{{"Pipeline1", 1}, {"Pipeline16", 16}, {"Pipeline256", 256}} {
		b.Run(bm.name, func(b *testing.B) {
			n := startNode(b, router.Redirect, func(c *server.Config, f *fakeBackend) {
				c.Backend = &okBackend{fakeBackend: fakeBackend{topo: f.topo}}
			})
			conn := dial(b, n.address())
			request := []byte(strings.Repeat(encode("SET", "user:0000000101", strings.Repeat("v", 128)), bm.depth))
			reply := make([]byte, len("+OK\r\n")*bm.depth)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%bm.depth != 0 {
					continue // One round for depth commands, so that figures are per command.
				}
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, reply); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

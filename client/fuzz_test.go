package client_test

import (
	"io"
	"net"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
)

// FuzzClusterSlots has a server answer any bytes. Whatever it is, the call ends, and a map that is accepted has every
// slot once.
func FuzzClusterSlots(f *testing.F) {
	f.Add([]byte("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:7001\r\n$2\r\nid\r\n"))
	f.Add([]byte("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:-1\r\n"))
	f.Add([]byte(">1\r\n+push\r\n*0\r\n"))
	f.Add([]byte("-MOVED 1 a:1\r\n"))
	f.Add([]byte("|1\r\n+a\r\n+b\r\n%1\r\n+k\r\n#t\r\n"))
	f.Add([]byte("*2147483647\r\n$2147483647\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		addr := fakeServer(t, func(socket net.Conn) {
			_, _ = socket.Write(reply)
			_ = socket.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, socket)
		})
		conn, err := client.Dial(t.Context(), addr, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		slots, err := conn.ClusterSlots(t.Context())
		_ = conn.Close()
		if err != nil {
			return
		}
		total := 0
		for _, s := range slots {
			total += int(s.Last-s.First) + 1
			if s.Leader == "" {
				t.Fatalf("slots %d to %d have no leader", s.First, s.Last)
			}
		}
		if total != katakv.SlotCount {
			t.Fatalf("%d slots", total)
		}
	})
}

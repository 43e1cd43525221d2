package server_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
)

// FuzzConnection sends any bytes and checks that what comes back is a whole number of replies, and that the server
// lives.
func FuzzConnection(f *testing.F) {
	for _, seed := range []string{
		"PING\r\n", encode("SET", "k", "v") + encode("GET", "k"), "*9000000000\r\n", "*2\r\n$3\r\nGET\r\n$2147483648\r\n",
		encode("HELLO", "3") + encode("COMMAND") + encode("CLUSTER", "SHARDS"), "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01",
		encode("FOO\r\n-ERR x", "\r\n") + encode("CLIENT", "SETNAME", "\n"), encode("MSET", "a", "1", "b"), "QUIT\r\nPING\r\n",
		encode("CONFIG", "GET", "[") + encode("CLIENT", "LIST", "ID", "1") + encode("ECHO", "\x00\xff"), "SET \"a b\" 'c'\r\n",
		encode("COMMAND", "GETKEYS", "MSET", "a") + encode("COMMAND", "DOCS", "client") + encode("INFO", "all"),
		encode("KATA", "WITH", "session", "", "GET", "k") + encode("KATA", "SET", "k", "v", "IF", "1-0"),
	} {
		f.Add([]byte(seed))
	}
	n := startNode(f, router.Redirect, nil)
	f.Fuzz(func(t *testing.T, input []byte) {
		conn := dial(t, n.address())
		defer conn.Close()
		go func() {
			_, _ = conn.Write(input)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		output, err := io.ReadAll(conn)
		if err != nil {
			t.Fatalf("read replies: %v", err)
		}
		if at := bytes.Index(output, []byte("HTTP/1.1 400 ")); at >= 0 {
			output = output[:at]
		}
		p := resp.NewReplyParser(resp.DefaultReplyLimits())
		for len(output) > 0 {
			k := copy(p.Space(1), output)
			p.Commit(k)
			output = output[k:]
			for err = nil; err == nil; {
				_, err = p.Next()
			}
			if !errors.Is(err, resp.ErrIncomplete) {
				t.Fatalf("not RESP: %v", err)
			}
		}
		if p.Pending() {
			t.Error("the last reply is not whole")
		}
	})
}

package server_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/resp"
)

// testClient sends commands and shows replies as text:
//
//	+OK  -ERR text  :3  "bulk"  nil  [a b]  {k: v}  ~(a b)  txt"verbatim"
type testClient struct {
	t      testing.TB
	conn   net.Conn
	parser *resp.ReplyParser
}

func connect(t testing.TB, address string) *testClient {
	t.Helper()
	return &testClient{t: t, conn: dial(t, address), parser: resp.NewReplyParser(resp.DefaultReplyLimits())}
}

// send writes raw bytes.
func (c *testClient) send(raw string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(raw)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// receive returns the next reply.
func (c *testClient) receive() (resp.Value, error) {
	for {
		v, err := c.parser.Next()
		if !errors.Is(err, resp.ErrIncomplete) {
			return v, err
		}
		n, err := c.conn.Read(c.parser.Space(1))
		c.parser.Commit(n)
		if n == 0 && err != nil {
			return v, err
		}
	}
}

// next shows the next reply.
func (c *testClient) next() string {
	c.t.Helper()
	v, err := c.receive()
	if err != nil {
		c.t.Fatalf("read reply: %v", err)
	}
	return show(v)
}

// do sends one command and shows its reply.
func (c *testClient) do(args ...string) string {
	c.t.Helper()
	c.send(encode(args...))
	return c.next()
}

// value sends one command and returns its reply.
func (c *testClient) value(args ...string) resp.Value {
	c.t.Helper()
	c.send(encode(args...))
	v, err := c.receive()
	if err != nil {
		c.t.Fatalf("%v: read reply: %v", args, err)
	}
	return v
}

func show(v resp.Value) string {
	switch v.Kind {
	case resp.KindNull:
		return "nil"
	case resp.KindSimple:
		return "+" + string(v.Bytes)
	case resp.KindError:
		return "-" + string(v.Bytes)
	case resp.KindInt:
		return fmt.Sprintf(":%d", v.Int)
	case resp.KindBulk:
		return fmt.Sprintf("%q", v.Bytes)
	case resp.KindVerbatim:
		return fmt.Sprintf("%s%q", v.Format, v.Bytes)
	case resp.KindArray:
		return "[" + showAll(v.Elems) + "]"
	case resp.KindSet:
		return "~(" + showAll(v.Elems) + ")"
	case resp.KindMap:
		var pairs []string
		for i := 0; i+1 < len(v.Elems); i += 2 {
			pairs = append(pairs, show(v.Elems[i])+": "+show(v.Elems[i+1]))
		}
		return "{" + strings.Join(pairs, " ") + "}"
	}
	return v.Kind.String()
}

func showAll(values []resp.Value) string {
	var words []string
	for _, v := range values {
		words = append(words, show(v))
	}
	return strings.Join(words, " ")
}

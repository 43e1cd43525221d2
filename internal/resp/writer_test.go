package resp_test

import (
	"math"
	"testing"

	"github.com/katakv/katakv/internal/resp"
)

func TestWriter(t *testing.T) {
	for _, c := range []struct {
		name         string
		write        func(w *resp.Writer)
		want2, want3 string
	}{
		{"simple", func(w *resp.Writer) { w.SimpleString("OK") }, "+OK\r\n", "+OK\r\n"},
		{"simple with line breaks", func(w *resp.Writer) { w.SimpleString("a\r\n+b\n") }, "+a  +b \r\n", "+a  +b \r\n"},
		{"error", func(w *resp.Writer) { w.Error("ERR no") }, "-ERR no\r\n", "-ERR no\r\n"},
		{"error with line breaks", func(w *resp.Writer) { w.Error("ERR 'x\r\n:1\r\n'") }, "-ERR 'x  :1  '\r\n", "-ERR 'x  :1  '\r\n"},
		{"int", func(w *resp.Writer) { w.Int(math.MinInt64) }, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"bulk", func(w *resp.Writer) { w.Bulk([]byte("a\r\n\x00")) }, "$4\r\na\r\n\x00\r\n", "$4\r\na\r\n\x00\r\n"},
		{"nil bulk", func(w *resp.Writer) { w.Bulk(nil) }, "$0\r\n\r\n", "$0\r\n\r\n"},
		{"bulk string", func(w *resp.Writer) { w.BulkString("hi") }, "$2\r\nhi\r\n", "$2\r\nhi\r\n"},
		{"null", func(w *resp.Writer) { w.Null() }, "$-1\r\n", "_\r\n"},
		{"null array", func(w *resp.Writer) { w.NullArray() }, "*-1\r\n", "_\r\n"},
		{"array", func(w *resp.Writer) { w.ArrayHeader(2) }, "*2\r\n", "*2\r\n"},
		{"map", func(w *resp.Writer) { w.MapHeader(2) }, "*4\r\n", "%2\r\n"},
		{"set", func(w *resp.Writer) { w.SetHeader(2) }, "*2\r\n", "~2\r\n"},
		{"push", func(w *resp.Writer) { w.PushHeader(3) }, "*3\r\n", ">3\r\n"},
		{"true", func(w *resp.Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"false", func(w *resp.Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"double", func(w *resp.Writer) { w.Double(1.5) }, "$3\r\n1.5\r\n", ",1.5\r\n"},
		{"large double", func(w *resp.Writer) { w.Double(1e300) }, "$6\r\n1e+300\r\n", ",1e+300\r\n"},
		{"infinity", func(w *resp.Writer) { w.Double(math.Inf(1)) }, "$3\r\ninf\r\n", ",inf\r\n"},
		{"minus infinity", func(w *resp.Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"no number", func(w *resp.Writer) { w.Double(math.NaN()) }, "$3\r\nnan\r\n", ",nan\r\n"},
		{"verbatim", func(w *resp.Writer) { w.Verbatim("txt", "a\nb") }, "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"},
		{"raw", func(w *resp.Writer) { w.Raw([]byte("+X\r\n")) }, "+X\r\n", "+X\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, side := range []struct {
				protocol int
				want     string
			}{{resp.Protocol2, c.want2}, {resp.Protocol3, c.want3}} {
				w := resp.NewWriter(nil, side.protocol)
				c.write(w)
				if got := string(w.Bytes()); got != side.want || w.Len() != len(side.want) {
					t.Errorf("RESP%d: got %q, want %q", side.protocol, got, side.want)
				}
			}
		})
	}
}

func TestWriterReset(t *testing.T) {
	w := resp.NewWriter(make([]byte, 0, 100), resp.Protocol2)
	w.SimpleString("OK")
	w.Reset()
	w.SetProtocol(resp.Protocol3)
	w.Null()
	if got := string(w.Bytes()); got != "_\r\n" || w.Protocol() != resp.Protocol3 {
		t.Errorf("got %q in RESP%d, want a null in RESP3", got, w.Protocol())
	}
	w.Bulk(make([]byte, 1<<20))
	w.Reset()
	if got := cap(w.Bytes()); got > 64<<10 {
		t.Errorf("after a large reply and Reset: got %d bytes held, want them released", got)
	}
}

func TestAppendCommand(t *testing.T) {
	const want = "x*2\r\n$3\r\nGET\r\n$0\r\n\r\n"
	if got := string(resp.AppendCommand([]byte("x"), []byte("GET"), nil)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(resp.AppendCommandStrings([]byte("x"), "GET", "")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

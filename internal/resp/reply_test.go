package resp_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/resp"
)

var smallReplyLimits = resp.ReplyLimits{MaxDepth: 3, MaxElements: 10, MaxBulkBytes: 20, MaxReplyBytes: 40}

// feedReplies hands pieces to the parser and returns the replies and the final error, one line each.
func feedReplies(t testing.TB, p *resp.ReplyParser, pieces ...[]byte) (events []string) {
	t.Helper()
	for _, piece := range pieces {
		for len(piece) > 0 {
			n := copy(p.Space(1), piece)
			p.Commit(n)
			piece = piece[n:]
			for {
				value, err := p.Next()
				if errors.Is(err, resp.ErrIncomplete) {
					break
				}
				if err != nil {
					var protocol *resp.ProtocolError
					if _, again := p.Next(); !errors.As(err, &protocol) || !errors.Is(again, err) {
						t.Fatalf("got %v and then %v, want a protocol error twice", err, again)
					}
					return append(events, "error "+err.Error())
				}
				events = append(events, show(value))
			}
		}
	}
	return events
}

// show writes a value out in full, so that equal texts mean equal values.
func show(v resp.Value) string {
	var b strings.Builder
	if v.Attributes != nil {
		fmt.Fprintf(&b, "|%s|", showAll(v.Attributes))
	}
	b.WriteString(v.Kind.String())
	switch v.Kind {
	case resp.KindInt, resp.KindBool:
		fmt.Fprintf(&b, " %d", v.Int)
	case resp.KindDouble:
		fmt.Fprintf(&b, " %v", v.Double)
	case resp.KindSimple, resp.KindError, resp.KindBulk, resp.KindBigNumber:
		fmt.Fprintf(&b, " %q", v.Bytes)
	case resp.KindVerbatim:
		fmt.Fprintf(&b, " %s %q", v.Format, v.Bytes)
	case resp.KindArray, resp.KindMap, resp.KindSet, resp.KindPush:
		fmt.Fprintf(&b, "[%s]", showAll(v.Elems))
	}
	return b.String()
}

func showAll(values []resp.Value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = show(v)
	}
	return strings.Join(texts, ", ")
}

var replyCases = []struct {
	name, in string
	want     []string
}{
	{"nothing", "", nil},
	{"simple", "+OK\r\n", []string{`simple "OK"`}},
	{"empty simple", "+\r\n", []string{`simple ""`}},
	{"error", "-ERR no such thing\r\n", []string{`error "ERR no such thing"`}},
	{"integers", ":0\r\n:-5\r\n:+7\r\n", []string{"int 0", "int -5", "int 7"}},
	{
		"smallest and largest", ":-9223372036854775808\r\n:9223372036854775807\r\n",
		[]string{"int -9223372036854775808", "int 9223372036854775807"},
	},
	{"bulk", "$5\r\na\r\nbc\r\n$0\r\n\r\n", []string{`bulk "a\r\nbc"`, `bulk ""`}},
	{"nulls", "$-1\r\n*-1\r\n_\r\n", []string{"null", "null", "null"}},
	{"booleans", "#t\r\n#f\r\n", []string{"bool 1", "bool 0"}},
	{
		"doubles", ",1.5\r\n,-2e3\r\n,10\r\n,inf\r\n,-inf\r\n,nan\r\n",
		[]string{"double 1.5", "double -2000", "double 10", "double +Inf", "double -Inf", "double NaN"},
	},
	{"big number", "(-123456789012345678\r\n", []string{`big-number "-123456789012345678"`}},
	{"blob error", "!5\r\nERR\r\n\r\n", []string{`error "ERR\r\n"`}},
	{"verbatim", "=6\r\ntxt:ab\r\n=4\r\nmkd:\r\n", []string{`verbatim txt "ab"`, `verbatim mkd ""`}},
	{"array", "*3\r\n:1\r\n$1\r\na\r\n*1\r\n+b\r\n", []string{`array[int 1, bulk "a", array[simple "b"]]`}},
	{"empty aggregates", "*0\r\n%0\r\n~0\r\n>0\r\n", []string{"array[]", "map[]", "set[]", "push[]"}},
	{"empty within", "*2\r\n*0\r\n%0\r\n", []string{"array[array[], map[]]"}},
	{"map", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", []string{`map[simple "a", int 1, simple "b", array[int 2]]`}},
	{"set and push", "~1\r\n:1\r\n>2\r\n+a\r\n:2\r\n", []string{"set[int 1]", `push[simple "a", int 2]`}},
	{"attributes", "|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n+next\r\n", []string{`|simple "ttl", int 9|bulk "v"`, `simple "next"`}},
	{"attributes within", "*2\r\n|1\r\n+a\r\n:1\r\n*1\r\n:2\r\n:3\r\n", []string{`array[|simple "a", int 1|array[int 2], int 3]`}},
	{"attributes of null", "|1\r\n+a\r\n:1\r\n$-1\r\n", []string{`|simple "a", int 1|null`}},
	{"no attributes", "|0\r\n:1\r\n", []string{"int 1"}},
	{"deep enough", "*1\r\n*1\r\n*1\r\n:1\r\n", []string{"array[array[array[int 1]]]"}},

	{"too deep", "*1\r\n*1\r\n*1\r\n*1\r\n", []string{"error Protocol error: reply nested too deeply"}},
	{"too many elements", "*5\r\n*6\r\n", []string{"error Protocol error: too many elements in reply"}},
	{"too many pairs", "%6\r\n", []string{"error Protocol error: too many elements in reply"}},
	{"huge count", "*9000000000\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"negative count", "%-1\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"streamed", "*?\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"bulk too large", "$21\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"two gigabytes", "$2147483648\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"bulk of negative length", "$-2\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"null error", "!-1\r\n", []string{"error Protocol error: invalid bulk length"}},
	{
		"reply too large", "*3\r\n$18\r\n012345678901234567\r\n$18\r\n012345678901234567\r\n$1\r\n",
		[]string{"error Protocol error: too big reply"},
	},
	{"line too large", "+" + strings.Repeat("a", 30), []string{"error Protocol error: too big line in reply"}},
	{"line of the largest", "+" + strings.Repeat("a", 20) + "\r\n", []string{`simple "` + strings.Repeat("a", 20) + `"`}},
	{"length too short", "$1\r\nabc\r\n", []string{"error Protocol error: expected a line end after the bulk"}},
	{"line without return", "+OK\n", []string{"error Protocol error: invalid line in reply"}},
	{"empty line", "\r\n", []string{"error Protocol error: invalid line in reply"}},
	{"stray return", "+a\rb\r\n", []string{"error Protocol error: invalid line in reply"}},
	{"unknown kind", "hello\r\n", []string{`error Protocol error: invalid kind of reply: '\x68'`}},
	{"not an integer", ":1x\r\n", []string{"error Protocol error: invalid integer in reply"}},
	{"two signs", ":+-1\r\n", []string{"error Protocol error: invalid integer in reply"}},
	{"integer too large", ":9223372036854775808\r\n", []string{"error Protocol error: invalid integer in reply"}},
	{"not a boolean", "#x\r\n", []string{"error Protocol error: invalid boolean in reply"}},
	{"not a null", "_x\r\n", []string{"error Protocol error: invalid null in reply"}},
	{"not a double", ",0x10\r\n", []string{"error Protocol error: invalid double in reply"}},
	{"not a big number", "(1-2\r\n", []string{"error Protocol error: invalid big number in reply"}},
	{"verbatim without format", "=3\r\ntxt\r\n", []string{"error Protocol error: invalid verbatim string"}},
	{"attributes twice", "|1\r\n+a\r\n:1\r\n|1\r\n", []string{"error Protocol error: attributes after attributes in reply"}},
	{"good before bad", ":1\r\n:x\r\n", []string{"int 1", "error Protocol error: invalid integer in reply"}},
}

func TestReplyParserAtEveryByte(t *testing.T) {
	for _, c := range replyCases {
		t.Run(c.name, func(t *testing.T) {
			in := []byte(c.in)
			for at := 0; at <= len(in); at++ {
				if got := feedReplies(t, resp.NewReplyParser(smallReplyLimits), in[:at], in[at:]); !slices.Equal(got, c.want) {
					t.Fatalf("cut at %d: got %q, want %q", at, got, c.want)
				}
			}
			if got := feedReplies(t, resp.NewReplyParser(smallReplyLimits), singles(in)...); !slices.Equal(got, c.want) {
				t.Fatalf("in single bytes: got %q, want %q", got, c.want)
			}
		})
	}
}

func TestReplyParserPending(t *testing.T) {
	p := resp.NewReplyParser(smallReplyLimits)
	for _, c := range []struct {
		piece string
		want  bool
	}{
		{"", false},
		{"*1\r\n", true},
		{"|1\r\n+a\r\n:1\r\n", true},
		{"$1\r\n", true},
		{"a\r\n", false},
		{"|1\r\n+a\r\n:1\r\n", true},
		{":1\r\n", false},
		{"$1\r\n", true},
		{"a\r\n", false},
	} {
		if feedReplies(t, p, []byte(c.piece)); p.Pending() != c.want {
			t.Errorf("after %q: got pending %v, want %v", c.piece, p.Pending(), c.want)
		}
	}
}

func TestReplyParserLargeValue(t *testing.T) {
	text := strings.Repeat("0123456789", 100_000)
	w := resp.NewWriter(nil, resp.Protocol3)
	w.ArrayHeader(2)
	w.BulkString(text)
	w.Int(1)
	for _, pieceBytes := range []int{1000, 70_000, w.Len()} {
		p := resp.NewReplyParser(resp.DefaultReplyLimits())
		want := []string{fmt.Sprintf("array[bulk %q, int 1]", text)}
		if got := feedReplies(t, p, slices.Collect(slices.Chunk(w.Bytes(), pieceBytes))...); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: replies differ", pieceBytes)
		}
	}
}

func TestReplyError(t *testing.T) {
	value := resp.Value{Kind: resp.KindError, Bytes: []byte("MOVED 3999 127.0.0.1:6381")}
	var reply *resp.ReplyError
	if !errors.As(value.Err(), &reply) || reply.Prefix() != "MOVED" || reply.Error() != "MOVED 3999 127.0.0.1:6381" {
		t.Errorf("got %#v, want the error MOVED", value.Err())
	}
	if err := (resp.Value{Kind: resp.KindSimple}).Err(); err != nil {
		t.Errorf("error of a string: got %v, want none", err)
	}
	if !(resp.Value{}).IsNull() || value.IsNull() {
		t.Error("only the zero value is null")
	}
}

// writeValue writes a value as RESP3.
func writeValue(w *resp.Writer, v resp.Value) {
	if v.Attributes != nil {
		w.Raw(fmt.Appendf(nil, "|%d\r\n", len(v.Attributes)/2))
		for _, attribute := range v.Attributes {
			writeValue(w, attribute)
		}
	}
	switch v.Kind {
	case resp.KindNull:
		w.Null()
	case resp.KindSimple:
		w.SimpleString(string(v.Bytes))
	case resp.KindError:
		w.Raw(fmt.Appendf(nil, "!%d\r\n%s\r\n", len(v.Bytes), v.Bytes))
	case resp.KindInt:
		w.Int(v.Int)
	case resp.KindBulk:
		w.Bulk(v.Bytes)
	case resp.KindBool:
		w.Bool(v.Int == 1)
	case resp.KindDouble:
		w.Double(v.Double)
	case resp.KindBigNumber:
		w.Raw(fmt.Appendf(nil, "(%s\r\n", v.Bytes))
	case resp.KindVerbatim:
		w.Verbatim(v.Format, string(v.Bytes))
	case resp.KindArray:
		w.ArrayHeader(len(v.Elems))
	case resp.KindMap:
		w.MapHeader(len(v.Elems) / 2)
	case resp.KindSet:
		w.SetHeader(len(v.Elems))
	case resp.KindPush:
		w.PushHeader(len(v.Elems))
	}
	for _, elem := range v.Elems {
		writeValue(w, elem)
	}
}

func FuzzReply(f *testing.F) {
	for _, c := range replyCases {
		f.Add([]byte(c.in), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, pieceBytes uint8) {
		whole := feedReplies(t, resp.NewReplyParser(smallReplyLimits), in)
		size := max(1, int(pieceBytes))
		pieces := slices.Collect(slices.Chunk(in, size))
		if got := feedReplies(t, resp.NewReplyParser(smallReplyLimits), pieces...); !slices.Equal(got, whole) {
			t.Fatalf("in pieces of %d: got %q, want %q", size, got, whole)
		}
		// What was read and written again reads the same.
		p := resp.NewReplyParser(resp.DefaultReplyLimits())
		p.Commit(copy(p.Space(len(in)+1), in))
		for {
			value, err := p.Next()
			if err != nil {
				break
			}
			w := resp.NewWriter(nil, resp.Protocol3)
			writeValue(w, value)
			if got := feedReplies(t, resp.NewReplyParser(resp.DefaultReplyLimits()), w.Bytes()); !slices.Equal(got, []string{show(value)}) {
				t.Fatalf("written and read again: got %q, want %q", got, show(value))
			}
		}
	})
}

func BenchmarkReplyPipeline16(b *testing.B) {
	w := resp.NewWriter(nil, resp.Protocol2)
	for range 16 {
		w.BulkString(strings.Repeat("v", 128))
	}
	p := resp.NewReplyParser(resp.DefaultReplyLimits())
	b.SetBytes(int64(w.Len()))
	b.ReportAllocs()
	for b.Loop() {
		p.Commit(copy(p.Space(w.Len()), w.Bytes()))
		for {
			if _, err := p.Next(); err != nil {
				break
			}
		}
	}
}

func BenchmarkWriter16(b *testing.B) {
	w := resp.NewWriter(nil, resp.Protocol2)
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		for i := range 16 {
			w.SimpleString("OK")
			w.Int(int64(i))
		}
	}
}

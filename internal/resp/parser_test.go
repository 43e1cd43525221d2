package resp_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/resp"
)

// smallLimits make every limit reachable with short inputs.
var smallLimits = resp.Limits{MaxArgs: 8, MaxBulkBytes: 16, MaxCommandBytes: 40, MaxSkipBytes: 100}

// feed hands pieces to the parser as a connection would and returns what came out, one line each.
func feed(t testing.TB, p *resp.Parser, pieces ...[]byte) (events []string) {
	t.Helper()
	for _, piece := range pieces {
		for len(piece) > 0 {
			n := copy(p.Space(1), piece)
			p.Commit(n)
			piece = piece[n:]
			var final bool
			if events, final = drain(t, p, events); final {
				return events
			}
		}
	}
	return events
}

func drain(t testing.TB, p *resp.Parser, events []string) ([]string, bool) {
	t.Helper()
	for {
		args, err := p.Next()
		var tooLarge *resp.TooLargeError
		switch {
		case errors.Is(err, resp.ErrIncomplete):
			return events, false
		case errors.As(err, &tooLarge):
			events = append(events, fmt.Sprintf("large %d %d %d", tooLarge.Arg, tooLarge.Bytes, tooLarge.LimitBytes))
		case err != nil:
			if _, again := p.Next(); !errors.Is(again, err) {
				t.Fatalf("after %v: got %v, want the same error again", err, again)
			}
			return append(events, "error "+err.Error()), true
		case len(args) == 0:
			t.Fatal("got a command without arguments")
		default:
			events = append(events, describe(args))
		}
		if err != nil && args != nil {
			t.Fatalf("got arguments %q beside error %v", args, err)
		}
	}
}

func describe(args [][]byte) string {
	var b strings.Builder
	for i, arg := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%q", arg)
		if arg == nil {
			b.WriteString("(nil)")
		}
	}
	return b.String()
}

var parserCases = []struct {
	name, in string
	want     []string
}{
	{"nothing", "", nil},
	{"one", "*1\r\n$4\r\nPING\r\n", []string{`"PING"`}},
	{"set", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n", []string{`"SET" "k" "hello"`}},
	{"pipeline", "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nQUIT\r\n", []string{`"PING"`, `"GET" "k"`, `"QUIT"`}},
	{"binary", "*2\r\n$3\r\nGET\r\n$4\r\n\r\n\x00\xff\r\n", []string{`"GET" "\r\n\x00\xff"`}},
	{"empty argument", "*2\r\n$3\r\nGET\r\n$0\r\n\r\n", []string{`"GET" ""`}},
	{"only empty arguments", "*2\r\n$0\r\n\r\n$0\r\n\r\n", []string{`"" ""`}},
	{"empty commands", "*0\r\n*-1\r\n*-5\r\n\r\n\n \r\n*1\r\n$1\r\na\r\n", []string{`"a"`}},
	{"cut short", "*2\r\n$3\r\nGET\r\n$3\r\nab", nil},

	{"huge count", "*9000000000\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count over limit", "*9\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count beyond int64", "*92233720368547758080\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count no number", "*x\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count missing", "*\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count with leading zero", "*01\r\n$4\r\nPING\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count with plus", "*+1\r\n$4\r\nPING\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count without return", "*1\n$4\r\nPING\r\n", []string{"error Protocol error: invalid multibulk length"}},
	{"count without end", "*" + strings.Repeat("1", 40), []string{"error Protocol error: invalid multibulk length"}},
	{"two gigabytes", "*1\r\n$2147483648\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"length over hard cap", "*1\r\n$101\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"negative length", "*1\r\n$-1\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"length no number", "*1\r\n$1x\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"length missing", "*1\r\n$\r\n", []string{"error Protocol error: invalid bulk length"}},
	{"no dollar", "*1\r\nPING\r\n", []string{"error Protocol error: expected '$', got 'P'"}},
	{"no dollar, unprintable", "*1\r\n\r\n", []string{`error Protocol error: expected '$', got '\x0d'`}},
	{"length too short", "*1\r\n$3\r\nPING\r\n", []string{"error Protocol error: expected a line end after the bulk"}},
	{"commands before an error count", "*1\r\n$1\r\na\r\n*1\r\n!", []string{`"a"`, "error Protocol error: expected '$', got '!'"}},

	{
		"value too large", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$17\r\n01234567890123456\r\nPING\r\n",
		[]string{"large 2 17 16", `"PING"`},
	},
	{
		"more after the large value", "*4\r\n$3\r\nSET\r\n$20\r\n01234567890123456789\r\n$18\r\n012345678901234567\r\n$2\r\nNX\r\nPING\r\n",
		[]string{"large 1 20 16", `"PING"`},
	},
	{
		"command too large", "*4\r\n$16\r\n0123456789012345\r\n$16\r\n0123456789012345\r\n$9\r\n012345678\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n",
		[]string{"large -1 42 40", `"b"`},
	},
	{
		"exactly the limits", "*3\r\n$16\r\n0123456789012345\r\n$16\r\n0123456789012345\r\n$8\r\n01234567\r\n",
		[]string{`"0123456789012345" "0123456789012345" "01234567"`},
	},
	{
		"too much to skip", "*3\r\n$50\r\n" + strings.Repeat("x", 50) + "\r\n$50\r\n" + strings.Repeat("x", 50) + "\r\n$1\r\n",
		[]string{"error Protocol error: invalid bulk length"},
	},
	{
		"large value cut by a wrong length", "*1\r\n$17\r\n0123456789012345678\r\n",
		[]string{"error Protocol error: expected a line end after the bulk"},
	},

	{"inline", "SET k v\r\n  get\tk  \nquit\r\n", []string{`"SET" "k" "v"`, `"get" "k"`, `"quit"`}},
	{"inline quotes", `SET "a b" 'c d' "" ''` + "\r\n", []string{`"SET" "a b" "c d" "" ""`}},
	{"inline escapes", `ECHO "\n\r\t\b\a\x41\xfF\q\\\"" '\n\''` + "\r\n", []string{`"ECHO" "\n\r\t\b\aA\xffq\\\"" "\\n'"`}},
	{"inline quote within a word", `a"b c"` + "\r\n", []string{`"ab c"`}},
	{"inline bad escape", `"\xg1"` + "\r\n", []string{`"xg1"`}},
	{"inline open quote", `GET "a` + "\r\n", []string{"error Protocol error: unbalanced quotes in request"}},
	{"inline quote ends in escape", `GET "a\` + "\r\n", []string{"error Protocol error: unbalanced quotes in request"}},
	{"inline text after quote", `GET "a"b` + "\r\n", []string{"error Protocol error: unbalanced quotes in request"}},
	{"inline value too large", "GET 01234567890123456\r\nPING\r\n", []string{"large 1 17 16", `"PING"`}},
	{"inline command too large", "a 0123456789012345 0123456789012345 01234567\r\nPING\r\n", []string{"large -1 41 40", `"PING"`}},
	{"inline too many arguments", "a b c d e f g h i\r\n", []string{"error Protocol error: too big inline request"}},
	{"inline too long", strings.Repeat("a", resp.MaxInlineBytes+1), []string{"error Protocol error: too big inline request"}},
	{"inline too long, ended", strings.Repeat(" ", resp.MaxInlineBytes+1) + "\n", []string{"error Protocol error: too big inline request"}},
	{"inline of the longest", strings.Repeat(" ", resp.MaxInlineBytes-1) + "a\n", []string{`"a"`}},

	{"http get", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", []string{"error this port speaks the Redis protocol, not HTTP"}},
	{"http put", "PUT /a HTTP/1.0\r\n", []string{"error this port speaks the Redis protocol, not HTTP"}},
	{"http 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []string{"error this port speaks the Redis protocol, not HTTP"}},
	{"http post", "POST / HTTP/1.1\r\n\r\nSET k v\r\n", []string{"error this port speaks the Redis protocol, not HTTP"}},
	{"http post without version", "post\r\n", []string{"error this port speaks the Redis protocol, not HTTP"}},
	{"http post with a quote", "POST /' HTTP/1.1\r\n", []string{"error this port speaks the Redis protocol, not HTTP"}},
	{"http host", "PING\r\nhost: localhost\r\n", []string{`"PING"`, "error this port speaks the Redis protocol, not HTTP"}},
	{"get of a path is redis", "GET /\r\n", []string{`"GET" "/"`}},
	{"value that names http is redis", "SET k HTTP/1.1\r\n", []string{`"SET" "k" "HTTP/1.1"`}},
	{"tls", "\x16\x03\x01\x02\x00\x01", []string{"error this port speaks the Redis protocol, not TLS"}},
}

func TestParser(t *testing.T) {
	for _, c := range parserCases {
		t.Run(c.name, func(t *testing.T) {
			if got := feed(t, resp.NewParser(smallLimits), []byte(c.in)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParserResumesAtEveryByte(t *testing.T) {
	for _, c := range parserCases {
		in := []byte(c.in)
		step := 1 + len(in)/500 // The long lines are cut at 500 places only.
		for at := 0; at <= len(in); at += step {
			if got := feed(t, resp.NewParser(smallLimits), in[:at], in[at:]); !slices.Equal(got, c.want) {
				t.Fatalf("%s cut at %d: got %q, want %q", c.name, at, got, c.want)
			}
		}
		if got := feed(t, resp.NewParser(smallLimits), singles(in)...); !slices.Equal(got, c.want) {
			t.Fatalf("%s in single bytes: got %q, want %q", c.name, got, c.want)
		}
	}
}

// singles cuts b into single bytes.
func singles(b []byte) [][]byte { return slices.Collect(slices.Chunk(b, 1)) }

func TestParserKeepsLargeValuesInAnyPieces(t *testing.T) {
	value := make([]byte, 3<<20)
	for i := range value {
		value[i] = byte(i * 7 >> 3)
	}
	in := resp.AppendCommand(nil, []byte("SET"), []byte("k"), value, []byte("NX"))
	in = resp.AppendCommandStrings(in, "PING")
	for _, pieceBytes := range []int{1000, 4096, 65536, 1 << 20, len(in)} {
		p := resp.NewParser(resp.DefaultLimits())
		want := []string{describe([][]byte{[]byte("SET"), []byte("k"), value, []byte("NX")}), `"PING"`}
		if got := feed(t, p, slices.Collect(slices.Chunk(in, pieceBytes))...); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: commands differ", pieceBytes)
		}
		if p.Pending() {
			t.Errorf("in pieces of %d: got a pending command at the end", pieceBytes)
		}
	}
}

func TestParserHandsOutMemoryOfItsOwn(t *testing.T) {
	p := resp.NewParser(resp.DefaultLimits())
	in := resp.AppendCommandStrings(nil, "SET", "key", "value")
	for _, pieces := range [][][]byte{{in}, {in[:20], in[20:]}, {[]byte("SET key value\r\n")}} {
		for _, piece := range pieces {
			p.Commit(copy(p.Space(len(piece)), piece))
			if len(pieces) == 2 && &piece[0] == &in[0] {
				if _, err := p.Next(); !errors.Is(err, resp.ErrIncomplete) {
					t.Fatalf("got %v, want %v", err, resp.ErrIncomplete)
				}
			}
		}
		args, err := p.Next()
		if err != nil {
			t.Fatal(err)
		}
		space := p.Space(64)
		for i := range space {
			space[i] = '!'
		}
		p.Commit(0)
		_ = append(args[0], "overrun"...)
		_ = append(args[1], "overrun"...)
		if got := describe(args); got != `"SET" "key" "value"` {
			t.Errorf("after reuse of the buffer: got %s", got)
		}
	}
}

func TestParserMemoryFollowsReceivedBytes(t *testing.T) {
	const slackBytes = 192 << 10 // The read buffer and a little.
	for _, pieceBytes := range []int{500, 4 << 10, 60 << 10} {
		p := resp.NewParser(resp.DefaultLimits())
		feed(t, p, []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8388608\r\n"))
		if got := p.HeldBytes(); got > 8<<10 {
			t.Fatalf("a declared length alone holds %d bytes", got)
		}
		piece, changes, previous := make([]byte, pieceBytes), 0, 0
		for received := pieceBytes; received < 8<<20; received += pieceBytes {
			feed(t, p, piece)
			held := p.HeldBytes()
			if held > 2*received+slackBytes {
				t.Fatalf("%d bytes received: %d held", received, held)
			}
			if held != previous {
				changes++
			}
			previous = held
		}
		// Growth is geometric, or the copying would be quadratic.
		if changes > 40 {
			t.Errorf("in pieces of %d: memory grew %d times", pieceBytes, changes)
		}
	}
}

func TestParserMemoryOfManyArguments(t *testing.T) {
	limits := resp.DefaultLimits()
	p := resp.NewParser(limits)
	feed(t, p, fmt.Appendf(nil, "*%d\r\n", limits.MaxArgs))
	if got := p.HeldBytes(); got > 8<<10 {
		t.Fatalf("a declared count alone holds %d bytes", got)
	}
	arg := []byte("$3\r\nabc\r\n")
	block := bytes.Repeat(arg, 1024)
	for i := range limits.MaxArgs / 1024 {
		if got := feed(t, p, block); len(got) > 0 && i != limits.MaxArgs/1024-1 {
			t.Fatalf("block %d: got a command early", i)
		}
	}
	if got := p.HeldBytes(); got > 128<<10 {
		t.Errorf("after the command: %d bytes held", got)
	}
}

func TestParserSkipsWithoutBuffering(t *testing.T) {
	p := resp.NewParser(resp.DefaultLimits())
	feed(t, p, []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n"))
	piece := make([]byte, 50_000)
	for range 100_000_000 / len(piece) {
		if got := feed(t, p, piece); got != nil {
			t.Fatalf("got %q early", got)
		}
		if got := p.HeldBytes(); got > 192<<10 {
			t.Fatalf("skipping holds %d bytes", got)
		}
	}
	want := []string{"large 2 100000000 8388608", `"PING"`}
	if got := feed(t, p, []byte("\r\nPING\r\n")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParserSetLimits(t *testing.T) {
	p := resp.NewParser(smallLimits)
	in := resp.AppendCommandStrings(nil, "SET", "k", strings.Repeat("v", 30))
	if got := feed(t, p, in); !slices.Equal(got, []string{"large 2 30 16"}) {
		t.Errorf("under small limits: got %q", got)
	}
	p.SetLimits(resp.DefaultLimits())
	if got := feed(t, p, in); len(got) != 1 || !strings.HasPrefix(got[0], `"SET" "k"`) {
		t.Errorf("under large limits: got %q", got)
	}
}

func TestParserPending(t *testing.T) {
	p := resp.NewParser(smallLimits)
	for _, c := range []struct {
		piece string
		want  bool
	}{{"", false}, {"*", true}, {"1\r\n", true}, {"$1\r\n", true}, {"a\r", true}, {"\n", false}, {"PI", true}, {"NG\n", false}} {
		if feed(t, p, []byte(c.piece)); p.Pending() != c.want {
			t.Errorf("after %q: got pending %v, want %v", c.piece, p.Pending(), c.want)
		}
	}
}

func TestParserAllocatesTwiceForASmallCommand(t *testing.T) {
	p := resp.NewParser(resp.DefaultLimits())
	in := resp.AppendCommandStrings(nil, "SET", "user:101", strings.Repeat("v", 128))
	allocs := testing.AllocsPerRun(100, func() {
		p.Commit(copy(p.Space(len(in)), in))
		if _, err := p.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Next(); !errors.Is(err, resp.ErrIncomplete) {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("got %v allocations for a command, want 2", allocs)
	}
}

func FuzzParser(f *testing.F) {
	for _, c := range parserCases {
		if len(c.in) < 1000 {
			f.Add([]byte(c.in), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, pieceBytes uint8) {
		p := resp.NewParser(smallLimits)
		whole := feed(t, p, in)
		if held := p.HeldBytes(); held > 3*len(in)+8<<10 {
			t.Fatalf("%d bytes received, %d held", len(in), held)
		}
		size := max(1, int(pieceBytes))
		if got := feed(t, resp.NewParser(smallLimits), slices.Collect(slices.Chunk(in, size))...); !slices.Equal(got, whole) {
			t.Fatalf("in pieces of %d: got %q, want %q", size, got, whole)
		}
		// Whatever the bytes are, as arguments they come back.
		args := [][]byte{[]byte("SET"), in}
		for chunk := range slices.Chunk(in, size) {
			args = append(args, chunk)
		}
		encoded := resp.AppendCommand(nil, args...)
		want := []string{describe(args)}
		for _, pieces := range [][][]byte{{encoded}, slices.Collect(slices.Chunk(encoded, size))} {
			if got := feed(t, resp.NewParser(resp.DefaultLimits()), pieces...); !slices.Equal(got, want) {
				t.Fatalf("round trip: got %q, want %q", got, want)
			}
		}
	})
}

func BenchmarkParserPipeline16(b *testing.B) {
	var in []byte
	for i := range 16 {
		in = resp.AppendCommandStrings(in, "SET", fmt.Sprintf("user:%08d", i), strings.Repeat("v", 128))
	}
	p := resp.NewParser(resp.DefaultLimits())
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		rest := in
		for len(rest) > 0 {
			n := copy(p.Space(1), rest)
			p.Commit(n)
			rest = rest[n:]
			for {
				if _, err := p.Next(); err != nil {
					break
				}
			}
		}
	}
}

func BenchmarkParserLargeValue(b *testing.B) {
	in := resp.AppendCommandStrings(nil, "SET", "k", strings.Repeat("v", 1<<20))
	p := resp.NewParser(resp.DefaultLimits())
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		rest := in
		for len(rest) > 0 {
			n := copy(p.Space(1), rest)
			p.Commit(n)
			rest = rest[n:]
			if _, err := p.Next(); err != nil && len(rest) == 0 {
				b.Fatal(err)
			}
		}
	}
}

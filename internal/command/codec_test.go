package command_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

func list(items ...string) [][]byte {
	var out [][]byte
	for _, s := range items {
		out = append(out, []byte(s))
	}
	return out
}

// operations has one of each kind, and the extremes.
func operations() []command.Operation {
	return []command.Operation{
		{Kind: command.KindGet, Keys: list("k")},
		{Kind: command.KindMGet, Keys: list("a", "", "a")},
		{Kind: command.KindExists, Keys: list("a", "b")},
		{Kind: command.KindStrlen, Keys: list("a")},
		{Kind: command.KindCountKeysInSlot, Delta: katakv.SlotCount - 1},
		{Kind: command.KindSet, Keys: list("k"), Values: list("v")},
		{Kind: command.KindSet, Flags: command.FlagXX | command.FlagGet, Keys: list(""), Values: list("")},
		{Kind: command.KindMSet, Keys: list("k", "l"), Values: list("v", strings.Repeat("w", 70_000))},
		{Kind: command.KindDel, Keys: list("k", "l")},
		{Kind: command.KindIncrBy, Delta: math.MinInt64, Keys: list("n")},
		{Kind: command.KindAppend, Keys: list(strings.Repeat("k", katakv.MaxKeyBytes)), Values: list("v")},
		{Kind: command.KindSetNX, Keys: list("k"), Values: list("v")},
		{Kind: command.KindGetRecord, Keys: list("k")},
		{Kind: command.KindScan, Delta: 7, Values: list("prefix", "")},
		{Kind: command.KindSetIf, Flags: command.FlagRevision, Delta: int64(katakv.MaxRevision), Keys: list("k"), Values: list("v")},
		{Kind: command.KindSetIf, Flags: command.FlagNX, Keys: list("k"), Values: list("v")},
		{Kind: command.KindDelIf, Flags: command.FlagXX, Keys: list("k")},
		{Kind: command.KindMapChange, Values: list("{}")},
		{Kind: command.KindIncrBy, Delta: 1, Keys: list("n"), Once: &command.Once{ID: []byte("a"), Retention: time.Minute}},
		{Kind: command.KindMSet, Keys: list("k", "l"), Values: list("v", "w"), Once: &command.Once{
			ID: bytes.Repeat([]byte{0}, katakv.MaxRequestIDBytes), Retention: katakv.MaxRequestRetention,
		}},
	}
}

func replies() []command.Reply {
	return []command.Reply{
		{},
		command.OKReply(),
		command.IntReply(math.MinInt64),
		command.BulkReply([]byte{}),
		command.BulkReply([]byte("value")),
		{Kind: command.ReplyArray, Array: []command.Reply{}},
		{Kind: command.ReplyArray, Array: []command.Reply{
			{},
			command.IntReply(7),
			{Kind: command.ReplyArray, Array: []command.Reply{command.BulkReply([]byte("deep"))}},
		}},
		command.ErrorReply(&katakv.Error{Code: katakv.CodeMoved, Message: "ask there", Slot: 16383, Leader: 1 << 60}),
		command.ErrorReply(&katakv.Error{}),
		command.RecordReply(katakv.MaxRevision, []byte("v")),
		command.Change{Applied: true, Revision: 7}.Reply(),
		(&command.Page{Next: katakv.SlotCount, Start: []byte{}, Records: []command.Record{{Key: []byte("k"), Revision: 1, Value: []byte{}}}}).Reply(),
	}
}

func sameSlices(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func sameOperation(a, b *command.Operation) bool {
	return a.Kind == b.Kind && a.Flags == b.Flags && a.Delta == b.Delta &&
		sameSlices(a.Keys, b.Keys) && sameSlices(a.Values, b.Values) && reflect.DeepEqual(a.Once, b.Once)
}

func TestOperationRoundTrip(t *testing.T) {
	var all []byte
	for _, op := range operations() {
		if err := op.Check(); err != nil {
			t.Fatalf("check %v: %v", op.Kind, err)
		}
		all = command.AppendOperation(all, &op)
	}
	rest, reused := all, command.Operation{}
	for i, want := range operations() {
		got, after, err := command.DecodeOperation(rest)
		if err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
		if !sameOperation(&got, &want) {
			t.Fatalf("operation %d: got %+v, want %+v", i, got, want)
		}
		after2, err := command.DecodeOperationInto(&reused, rest)
		if err != nil || len(after2) != len(after) || !sameOperation(&reused, &want) {
			t.Fatalf("operation %d into a used one: got %+v, %v; want %+v", i, reused, err, want)
		}
		rest = after
	}
	if len(rest) != 0 {
		t.Fatalf("%d bytes left", len(rest))
	}
}

func TestOperationCutShort(t *testing.T) {
	for _, op := range operations() {
		data := command.AppendOperation(nil, &op)
		step := 1 + len(data)/500
		for n := 0; n < len(data); n += step {
			if _, _, err := command.DecodeOperation(data[:n]); !errors.Is(err, command.ErrMalformed) {
				t.Fatalf("kind %d cut to %d of %d bytes: got %v, want ErrMalformed", op.Kind, n, len(data), err)
			}
		}
	}
}

func TestOperationMalformed(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	cases := []struct {
		name string
		data []byte
	}{
		{"unknown kind", []byte{200, 0, 0, 1, 0, 1, 'k'}},
		{"no kind", []byte{0, 0, 0, 0, 0}},
		{"get without key", []byte{byte(command.KindGet), 0, 0, 0, 0}},
		{"set without value", []byte{byte(command.KindSet), 0, 0, 1, 0, 1, 'k'}},
		{"unpaired mset", []byte{byte(command.KindMSet), 0, 0, 2, 1, 1, 'k', 1, 'l', 1, 'v'}},
		{"flags on get", []byte{byte(command.KindGet), 1, 0, 1, 0, 1, 'k'}},
		{"unknown flag", []byte{byte(command.KindSet), 128, 0, 1, 1, 1, 'k', 1, 'v'}},
		{"NX and XX", []byte{byte(command.KindSet), 3, 0, 1, 1, 1, 'k', 1, 'v'}},
		{"revision of SET", []byte{byte(command.KindSet), 8, 2, 1, 1, 1, 'k', 1, 'v'}},
		{"NX and a revision", []byte{byte(command.KindSetIf), 9, 2, 1, 1, 1, 'k', 1, 'v'}},
		{"GET of SETIF", []byte{byte(command.KindSetIf), 4, 0, 1, 1, 1, 'k', 1, 'v'}},
		{"revision zero", []byte{byte(command.KindDelIf), 8, 0, 1, 0, 1, 'k'}},
		{"negative revision", []byte{byte(command.KindDelIf), 8, 1, 1, 0, 1, 'k'}},
		{"NX of DELIF", []byte{byte(command.KindDelIf), 1, 0, 1, 0, 1, 'k'}},
		{"scan without start", []byte{byte(command.KindScan), 0, 0, 0, 1, 1, 'p'}},
		{"slot out of range", command.AppendOperation(nil, &command.Operation{Kind: command.KindCountKeysInSlot, Delta: 16384})},
		{"many keys", append([]byte{byte(command.KindMGet), 0, 0}, huge...)},
		{"long key", append([]byte{byte(command.KindGet), 0, 0, 1, 0}, huge...)},
		{"key over the limit", command.AppendOperation(nil, &command.Operation{
			Kind: command.KindGet, Keys: [][]byte{make([]byte, katakv.MaxKeyBytes+1)},
		})},
	}
	for _, c := range cases {
		if _, _, err := command.DecodeOperation(c.data); !errors.Is(err, command.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", c.name, err)
		}
	}
}

func TestDecodeOperationIntoDoesNotAllocate(t *testing.T) {
	op := command.Operation{Kind: command.KindSet, Keys: list("key"), Values: list("value")}
	data := command.AppendOperation(nil, &op)
	var reused command.Operation
	got := testing.AllocsPerRun(100, func() {
		if _, err := command.DecodeOperationInto(&reused, data); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func TestReplyRoundTrip(t *testing.T) {
	var all []byte
	for _, r := range replies() {
		all = command.AppendReply(all, &r)
	}
	rest := all
	for i, want := range replies() {
		got, after, err := command.DecodeReply(rest)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("reply %d: got %+v, %v; want %+v", i, got, err, want)
		}
		whole := rest[:len(rest)-len(after)]
		for n := range whole {
			if _, _, err := command.DecodeReply(whole[:n]); !errors.Is(err, command.ErrMalformed) {
				t.Fatalf("reply %d cut to %d of %d bytes: got %v, want ErrMalformed", i, n, len(whole), err)
			}
		}
		rest = after
	}
	if len(rest) != 0 {
		t.Fatalf("%d bytes left", len(rest))
	}
}

func TestReplyLongMessageIsCut(t *testing.T) {
	r := command.ErrorReply(&katakv.Error{Code: katakv.CodeInvalid, Message: strings.Repeat("x", 1<<20)})
	got, _, err := command.DecodeReply(command.AppendReply(nil, &r))
	if err != nil || len(got.Err.Message) != 4<<10 {
		t.Fatalf("got %d bytes of message, %v; want 4096", len(got.Err.Message), err)
	}
}

func TestReplyMalformed(t *testing.T) {
	cases := []struct {
		name string
		data []byte
	}{
		{"unknown kind", []byte{6}},
		{"unknown code", []byte{5, 200, 0, 0, 0}},
		{"slot out of range", []byte{5, 1, 0, 0x80, 0x80, 1, 0}},
		{"endless nesting", bytes.Repeat([]byte{4, 1}, 1000)},
		{"array longer than the data", []byte{4, 0xff, 0xff, 0x3f, 0}},
	}
	for _, c := range cases {
		if _, _, err := command.DecodeReply(c.data); !errors.Is(err, command.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", c.name, err)
		}
	}
}

func FuzzDecodeOperation(f *testing.F) {
	for _, op := range operations() {
		if op.Bytes() < 1000 {
			f.Add(command.AppendOperation(nil, &op))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		op, rest, err := command.DecodeOperation(data)
		if err != nil {
			return
		}
		if err := op.Check(); err != nil {
			t.Fatalf("decoded what does not check: %v", err)
		}
		again, left, err := command.DecodeOperation(command.AppendOperation(nil, &op))
		if err != nil || len(left) != 0 || !sameOperation(&again, &op) || len(rest) >= len(data) {
			t.Fatalf("got %+v, %d left, %v; want %+v", again, len(left), err, op)
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	for _, r := range replies() {
		f.Add(command.AppendReply(nil, &r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, rest, err := command.DecodeReply(data)
		if err != nil {
			return
		}
		again, left, err := command.DecodeReply(command.AppendReply(nil, &r))
		if err != nil || len(left) != 0 || !reflect.DeepEqual(again, r) || len(rest) >= len(data) {
			t.Fatalf("got %+v, %d left, %v; want %+v", again, len(left), err, r)
		}
	})
}

func BenchmarkDecodeSet(b *testing.B) {
	op := command.Operation{Kind: command.KindSet, Keys: list("user:1234567890"), Values: list(strings.Repeat("v", 128))}
	data := command.AppendOperation(nil, &op)
	var reused command.Operation
	b.ReportAllocs()
	for b.Loop() {
		if _, err := command.DecodeOperationInto(&reused, data); err != nil {
			b.Fatal(err)
		}
	}
}

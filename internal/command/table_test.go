package command_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

func split(line string) [][]byte {
	var args [][]byte
	for _, word := range strings.Fields(line) {
		args = append(args, []byte(word))
	}
	return args
}

func TestTableIsWellFormed(t *testing.T) {
	all := command.All()
	if !slices.IsSortedFunc(all, func(a, b *command.Spec) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("All is not sorted")
	}
	seen := map[string]bool{}
	for _, s := range all {
		checkSpec(t, s, seen)
		if got, ok := command.Lookup([]byte(strings.ToUpper(s.Name))); !ok || got != s {
			t.Errorf("Lookup(%s) = %v, %v", strings.ToUpper(s.Name), got, ok)
		}
		for _, sub := range s.Subcommands {
			checkSpec(t, sub, seen)
			if got, ok := s.Subcommand([]byte(strings.ToUpper(sub.Name))); !ok || got != sub {
				t.Errorf("Subcommand(%s) = %v, %v", sub.Name, got, ok)
			}
		}
	}
}

func checkSpec(t *testing.T, s *command.Spec, seen map[string]bool) {
	t.Helper()
	name := s.FullName()
	if seen[name] {
		t.Errorf("%s appears twice", name)
	}
	seen[name] = true
	if name != strings.ToLower(name) || s.Arity == 0 || s.Group == "" {
		t.Errorf("%s: bad name, arity or group", name)
	}
	if s.Refusal != "" {
		return
	}
	if s.Summary == "" || s.Since == "" || s.Complexity == "" || strings.HasSuffix(s.Summary, ".") {
		t.Errorf("%s: summary, since or complexity is missing or ends with a period", name)
	}
	if s.Flags.Has(command.SpecWrite) && s.Flags.Has(command.SpecReadOnly) {
		t.Errorf("%s both writes and only reads", name)
	}
	if s.FirstKey > 0 && (s.Parse == nil || s.Step == 0 || s.LastKey == 0) {
		t.Errorf("%s has keys, but no parser or key positions", name)
	}
	if len(s.Categories()) == 0 {
		t.Errorf("%s has no category", name)
	}
}

// TestParsedKindAgreesWithFlags parses the smallest form of each data command.
func TestParsedKindAgreesWithFlags(t *testing.T) {
	for _, s := range command.All() {
		if s.Parse == nil {
			continue
		}
		args := [][]byte{[]byte(s.Name)}
		for len(args) < max(s.Arity, -s.Arity) {
			args = append(args, []byte("1"))
		}
		op, err := s.Parse(args)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if op.Kind.Writes() != s.Flags.Has(command.SpecWrite) {
			t.Errorf("%s: kind %d writes %v, but the flags say otherwise", s.Name, op.Kind, op.Kind.Writes())
		}
		if got, want := len(op.Keys), len(s.Keys(args)); got != want {
			t.Errorf("%s: operation has %d keys, Keys has %d", s.Name, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	tests := []struct{ line, name, err string }{
		{"get k", "get", ""},
		{"GeT k", "get", ""},
		{"get", "", "ERR wrong number of arguments for 'get' command"},
		{"get a b", "", "ERR wrong number of arguments for 'get' command"},
		{"set k", "", "ERR wrong number of arguments for 'set' command"},
		{"FOO bar baz", "", "ERR unknown command 'FOO', with args beginning with: 'bar' 'baz' "},
		{strings.Repeat("x", 40), "", "ERR unknown command '" + strings.Repeat("x", 40) + "', with args beginning with: "},
		{"cluster", "", "ERR wrong number of arguments for 'cluster' command"},
		{"CLUSTER Info", "cluster|info", ""},
		{"cluster info x", "", "ERR wrong number of arguments for 'cluster|info' command"},
		{"cluster nope", "", "ERR unknown subcommand 'nope'. Try CLUSTER HELP."},
		{"cluster meet 1.2.3.4 1", "", "ERR CLUSTER MEET is not supported: the cluster manages itself; use `katakv cluster`"},
		{"client tracking on", "", "ERR CLIENT TRACKING is not supported: client-side caching needs it; disable the cache in the client"},
		{"command", "command", ""},
		{"command count", "command|count", ""},
		{"config get", "", "ERR wrong number of arguments for 'config|get' command"},
		{"config get *", "config|get", ""},
	}
	for _, tt := range tests {
		s, err := command.Resolve(split(tt.line))
		if got := errorText(err); got != tt.err {
			t.Errorf("%q: got error %q, want %q", tt.line, got, tt.err)
		}
		if err == nil && s.FullName() != tt.name {
			t.Errorf("%q: got %s, want %s", tt.line, s.FullName(), tt.name)
		}
	}
}

func errorText(err *katakv.Error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestUnknownCommandStaysOneShortLine(t *testing.T) {
	args := [][]byte{[]byte("a\r\nb\x00\xff"), []byte(strings.Repeat("y", 1000)), []byte("z")}
	_, err := command.Resolve(args)
	if strings.ContainsAny(err.Message, "\r\n\x00") || len(err.Message) > 400 {
		t.Errorf("got %q", err.Message)
	}
}

func TestParse(t *testing.T) {
	const expiry = " is not supported yet: keys cannot expire; set the key without it"
	tests := []struct {
		line string
		want command.Operation
		err  string
	}{
		{"set k v", command.Operation{Kind: command.KindSet}, ""},
		{"set k v nx", command.Operation{Kind: command.KindSet, Flags: command.FlagNX}, ""},
		{"set k v XX Get", command.Operation{Kind: command.KindSet, Flags: command.FlagXX | command.FlagGet}, ""},
		{"set k v nx get", command.Operation{Kind: command.KindSet, Flags: command.FlagNX | command.FlagGet}, ""},
		{"set k v nx xx", command.Operation{}, "ERR syntax error"},
		{"set k v what", command.Operation{}, "ERR syntax error"},
		{"set k v EX 10", command.Operation{}, "ERR SET option EX" + expiry},
		{"set k v px 10", command.Operation{}, "ERR SET option px" + expiry},
		{"set k v keepttl", command.Operation{}, "ERR SET option keepttl" + expiry},
		{"getset k v", command.Operation{Kind: command.KindSet, Flags: command.FlagGet}, ""},
		{"setnx k v", command.Operation{Kind: command.KindSetNX}, ""},
		{"mset a 1 b 2", command.Operation{Kind: command.KindMSet}, ""},
		{"mset a 1 b", command.Operation{}, "ERR wrong number of arguments for 'mset' command"},
		{"incr k", command.Operation{Kind: command.KindIncrBy, Delta: 1}, ""},
		{"decr k", command.Operation{Kind: command.KindIncrBy, Delta: -1}, ""},
		{"incrby k 5", command.Operation{Kind: command.KindIncrBy, Delta: 5}, ""},
		{"incrby k 5.0", command.Operation{}, "ERR value is not an integer or out of range"},
		{"decrby k 5", command.Operation{Kind: command.KindIncrBy, Delta: -5}, ""},
		{"decrby k -9223372036854775808", command.Operation{}, "ERR decrement would overflow"},
		{"decrby k 9223372036854775807", command.Operation{Kind: command.KindIncrBy, Delta: -math.MaxInt64}, ""},
		{"cluster countkeysinslot 16383", command.Operation{Kind: command.KindCountKeysInSlot, Delta: 16383}, ""},
		{"cluster countkeysinslot 16384", command.Operation{}, "ERR Invalid slot"},
		{"cluster countkeysinslot -1", command.Operation{}, "ERR Invalid slot"},
	}
	for _, tt := range tests {
		args := split(tt.line)
		s, err := command.Resolve(args)
		if err != nil {
			t.Fatalf("%q: %v", tt.line, err)
		}
		op, err := s.Parse(args)
		if got := errorText(err); got != tt.err {
			t.Errorf("%q: got error %q, want %q", tt.line, got, tt.err)
		}
		if op.Kind != tt.want.Kind || op.Flags != tt.want.Flags || op.Delta != tt.want.Delta {
			t.Errorf("%q: got %+v, want %+v", tt.line, op, tt.want)
		}
	}
}

func TestMSetKeepsPairs(t *testing.T) {
	args := split("mset a 1 b 2 a 3")
	s, _ := command.Lookup(args[0])
	op, err := s.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, key := range op.Keys {
		got = append(got, string(key)+"="+string(op.Values[i]))
	}
	if want := []string{"a=1", "b=2", "a=3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseIntAgreesWithStrconv(t *testing.T) {
	texts := []string{
		"0", "-1", "1", "10", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
		"-9223372036854775809", "18446744073709551615", "18446744073709551616", "99999999999999999999", "",
		"-", "+1", "01", "-0", "00", " 1", "1 ", "1.0", "1e3", "0x10", "1_0", "abc",
	}
	for _, text := range texts {
		want, err := strconv.ParseInt(text, 10, 64)
		// Redis accepts exactly the form that it would print.
		ok := err == nil && strconv.FormatInt(want, 10) == text
		got, gotOK := command.ParseInt([]byte(text))
		if gotOK != ok || (ok && got != want) {
			t.Errorf("ParseInt(%q) = %d, %v; want %d, %v", text, got, gotOK, want, ok)
		}
	}
}

func FuzzParseInt(f *testing.F) {
	for _, seed := range []string{"0", "-1", "9223372036854775807", "-9223372036854775808", "007"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, err := strconv.ParseInt(string(text), 10, 64)
		ok := err == nil && strconv.FormatInt(want, 10) == string(text)
		if got, gotOK := command.ParseInt(text); gotOK != ok || (ok && got != want) {
			t.Errorf("ParseInt(%q) = %d, %v; want %d, %v", text, got, gotOK, want, ok)
		}
	})
}

func TestLimits(t *testing.T) {
	limits := command.Limits{MaxKeyBytes: 3, MaxValueBytes: 5}
	tests := []struct{ line, err string }{
		{"set abc 12345", ""},
		{"set abcd 1", "ERR key of 4 bytes is over the limit of 3 bytes"},
		{"set abc 123456", "ERR value of 6 bytes is over the limit of 5 bytes (setting max-value-bytes)"},
		{"mset a 1 b 123456", "ERR value of 6 bytes is over the limit of 5 bytes (setting max-value-bytes)"},
		{"mget a b abcd", "ERR key of 4 bytes is over the limit of 3 bytes"},
	}
	for _, tt := range tests {
		args := split(tt.line)
		s, _ := command.Lookup(args[0])
		op, err := s.Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		if got := errorText(limits.Check(&op)); got != tt.err {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.err)
		}
	}
}

func TestFrontPathDoesNotAllocate(t *testing.T) {
	for _, line := range []string{"SET k v", "get k", "Incr k", "del a b c", "setnx k v"} {
		args := split(line)
		allocs := testing.AllocsPerRun(100, func() {
			s, err := command.Resolve(args)
			if err != nil {
				t.Fatal(err)
			}
			op, err := s.Parse(args)
			if err != nil || &op.Keys[0][0] != &args[1][0] {
				t.Fatalf("%q: %v, or the key was copied", line, err)
			}
		})
		if allocs != 0 {
			t.Errorf("%q: got %v allocations, want 0", line, allocs)
		}
	}
}

package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/katakv/katakv"
)

// maxNameBytes is longer than any name in the table; a longer one is unknown without looking.
const maxNameBytes = 32

// Spec describes one command, or one subcommand of a container such as CLUSTER. It is immutable.
type Spec struct {
	// Name is in lower case; a subcommand's holds only its own part, see [Spec.FullName].
	Name string
	// Arity counts the arguments with the command's name (and the subcommand's): n exactly, -n at least.
	Arity int
	Flags SpecFlags
	Group Group
	// FirstKey, LastKey and Step say which arguments are keys, as Redis does: LastKey counts from the end
	// when it is negative. FirstKey is 0 for a command without keys.
	FirstKey, LastKey, Step int
	// Syntax is what follows the name, for people.
	Syntax string
	// Summary is one sentence without period.
	Summary string
	// Since is the Redis version that introduced the command.
	Since string
	// Complexity is the cost in the sense of Redis's documentation.
	Complexity string
	// Parse turns checked arguments into an operation that aliases them. It is nil for commands that the
	// server answers by itself.
	Parse func(args [][]byte) (Operation, *katakv.Error)
	// Refusal, when set, is why a command that Redis has is refused here, and what to do instead.
	Refusal string
	// Subcommands makes a container: sorted by name.
	Subcommands []*Spec

	parent *Spec
}

// table holds every command under its name; sorted holds the same in order.
var (
	sorted = buildSorted()
	table  = buildTable(sorted)
)

func buildSorted() []*Spec {
	all := slices.Concat(stringSpecs(), keyspaceSpecs(), connectionSpecs(), serverSpecs(), clusterSpecs(), kataSpecs())
	slices.SortFunc(all, bySpecName)
	for _, s := range all {
		slices.SortFunc(s.Subcommands, bySpecName)
		for _, sub := range s.Subcommands {
			sub.parent = s
		}
	}
	return all
}

func buildTable(all []*Spec) map[string]*Spec {
	m := make(map[string]*Spec, len(all))
	for _, s := range all {
		m[s.Name] = s
	}
	return m
}

func bySpecName(a, b *Spec) int { return strings.Compare(a.Name, b.Name) }

// All returns every command sorted by name. The slice and what it points to are read-only.
func All() []*Spec { return sorted }

// Lookup finds a command by its name in any case. It does not allocate.
func Lookup(name []byte) (*Spec, bool) {
	var buf [maxNameBytes]byte
	if len(name) > len(buf) {
		return nil, false
	}
	s, ok := table[string(lower(buf[:0], name))]
	return s, ok
}

// Subcommand finds a subcommand by its name in any case. It does not allocate.
func (s *Spec) Subcommand(name []byte) (*Spec, bool) {
	for _, sub := range s.Subcommands {
		if equalFold(name, sub.Name) {
			return sub, true
		}
	}
	return nil, false
}

// FullName is "get", or "cluster|info" for a subcommand.
func (s *Spec) FullName() string {
	if s.parent == nil {
		return s.Name
	}
	return s.parent.Name + "|" + s.Name
}

// Container reports whether the command does nothing but hold subcommands, so that one must be named.
func (s *Spec) Container() bool { return len(s.Subcommands) > 0 && s.Arity == -2 }

// Resolve finds the command or subcommand that args name and checks the number of arguments. args holds at
// least the command's name. The error's wording is Redis's.
func Resolve(args [][]byte) (*Spec, *katakv.Error) {
	s, ok := Lookup(args[0])
	if !ok {
		return nil, unknownCommand(args)
	}
	if err := s.Check(args); err != nil {
		return nil, err
	}
	if len(s.Subcommands) == 0 || len(args) < 2 {
		return s, s.refused()
	}
	sub, ok := s.Subcommand(args[1])
	if !ok {
		return nil, katakv.Errorf(katakv.CodeInvalid, "unknown subcommand '%s'. Try %s HELP.",
			printable(args[1]), strings.ToUpper(s.Name))
	}
	if err := sub.refused(); err != nil {
		return nil, err
	}
	return sub, sub.Check(args)
}

// Check returns an error unless the number of arguments fits.
func (s *Spec) Check(args [][]byte) *katakv.Error {
	if s.Arity == len(args) || (s.Arity < 0 && len(args) >= -s.Arity) {
		return nil
	}
	return s.wrongArity()
}

// Keys returns the arguments that are keys; args must have passed [Spec.Check]. With one key after the other
// it aliases args, otherwise it allocates.
func (s *Spec) Keys(args [][]byte) [][]byte {
	if s.FirstKey == 0 || len(args) <= s.FirstKey {
		return nil
	}
	last := s.LastKey
	if last < 0 {
		last += len(args)
	}
	if s.Step == 1 {
		return args[s.FirstKey : last+1]
	}
	var keys [][]byte
	for i := s.FirstKey; i <= last; i += s.Step {
		keys = append(keys, args[i])
	}
	return keys
}

func (s *Spec) wrongArity() *katakv.Error {
	return katakv.Errorf(katakv.CodeInvalid, "wrong number of arguments for '%s' command", s.FullName())
}

func (s *Spec) refused() *katakv.Error {
	if s.Refusal == "" {
		return nil
	}
	name := strings.ReplaceAll(strings.ToUpper(s.FullName()), "|", " ")
	return katakv.Errorf(katakv.CodeUnsupported, "%s is not supported: %s", name, s.Refusal)
}

// maxEchoBytes bounds what an error repeats of a client's own words, as in Redis.
const maxEchoBytes = 128

// unknownCommand is worded as in Redis, because clients recognise it.
func unknownCommand(args [][]byte) *katakv.Error {
	var rest strings.Builder
	for _, arg := range args[1:] {
		if rest.Len() >= maxEchoBytes {
			break
		}
		fmt.Fprintf(&rest, "'%s' ", printable(arg[:min(len(arg), maxEchoBytes-rest.Len())]))
	}
	return katakv.Errorf(katakv.CodeInvalid, "unknown command '%s', with args beginning with: %s",
		printable(args[0]), rest.String())
}

// printable shortens a client's word and replaces what could not stand in a line of an error reply.
func printable(word []byte) string {
	word = word[:min(len(word), maxEchoBytes)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(word), "?"))
}

// lower appends word in ASCII lower case to dst.
func lower(dst, word []byte) []byte {
	for _, c := range word {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// equalFold compares word in any ASCII case with name, which is in lower case.
func equalFold(word []byte, name string) bool {
	if len(word) != len(name) {
		return false
	}
	for i, c := range word {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

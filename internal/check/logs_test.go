package check_test

import (
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

// entries returns entries from an index on, of the given terms; data tells them from others of the same terms.
func entries(first katakv.Index, data uint64, terms ...katakv.Term) []check.Entry {
	var all []check.Entry
	for i, term := range terms {
		at := check.Position{Index: first + katakv.Index(i), Term: term}
		all = append(all, check.Entry{Position: at, Hash: data + uint64(at.Index)})
	}
	return all
}

func at(index katakv.Index, term katakv.Term) check.Position {
	return check.Position{Index: index, Term: term}
}

func TestLogsThatMatch(t *testing.T) {
	var l check.Logs
	wantError(t, l.Append(m1, entries(1, 0, 1, 1, 2)))
	wantError(t, l.Append(m2, entries(1, 0, 1, 1)))
	wantError(t, l.Append(m2, entries(3, 5, 3, 3)))
	wantError(t, l.Append(m1, entries(3, 5, 3))) // replaces the entry of term 2
	wantError(t, l.Append(other, entries(1, 9, 1)))
	wantError(t, l.Append(m1, nil))

	one, ok1 := l.Chain(m1, 3)
	two, ok2 := l.Chain(m2, 3)
	if !ok1 || !ok2 || one != two {
		t.Errorf("chains at index 3: got %x, %v and %x, %v, want equal ones", one, ok1, two, ok2)
	}
	if l.Holds(m1, at(3, 2)) || !l.Holds(m2, at(4, 3)) || l.Holds(m1, at(4, 3)) || l.Last(m2) != at(4, 3) || l.Last(m3) != at(0, 0) {
		t.Errorf("got last %v of m2", l.Last(m2))
	}

	wantError(t, l.Restart(m3, at(4, 3), entries(5, 5, 3)))
	three, ok3 := l.Chain(m3, 2)
	if two, _ := l.Chain(m2, 2); !ok3 || three != two || !l.Holds(m3, at(2, 1)) {
		t.Errorf("below the base: got %x, %v, want %x", three, ok3, two)
	}
}

func TestLogsThatBeginWithAState(t *testing.T) {
	var l check.Logs
	l.Begin(1, at(10, 1))
	wantError(t, l.Restart(m1, at(10, 1), entries(11, 0, 1)))
	wantError(t, l.Restart(m2, at(11, 1), nil))
	if _, ok := l.Chain(m2, 9); ok {
		t.Error("a chain before the log began")
	}
	if _, ok := l.Chain(m2, 10); !ok {
		t.Error("no chain where the log began")
	}
}

func TestLogsThatDoNotMatch(t *testing.T) {
	tests := []struct {
		name string
		act  func(*check.Logs) error
		want []string
	}{
		{"another entry", func(l *check.Logs) error { return l.Append(m2, entries(1, 7, 1)) }, []string{"s1/r12", "index 1 of term 1", "s1/r11"}},
		{"another prefix", func(l *check.Logs) error {
			_ = l.Append(m2, entries(1, 0, 1, 1))
			return l.Append(m2, entries(3, 0, 2))
		}, []string{"index 3 of term 2", "terms 1 and 2"}},
		{"after it was replaced", func(l *check.Logs) error {
			_ = l.Append(m1, entries(2, 0, 3))
			return l.Append(m2, entries(1, 7, 1))
		}, []string{"index 1 of term 1"}},
		{"a hole", func(l *check.Logs) error { return l.Append(m1, entries(5, 0, 2)) }, []string{"from index 5", "indexes 1 to 3"}},
		{"a hole inside", func(l *check.Logs) error {
			return l.Append(m1, append(entries(4, 0, 2), entries(6, 0, 2)...))
		}, []string{"index 6 of term 2 after index 4"}},
		{"terms go back", func(l *check.Logs) error { return l.Append(m1, entries(4, 0, 1)) }, []string{"index 4 of term 1", "of term 2"}},
		{"restart with another entry", func(l *check.Logs) error { return l.Restart(m1, at(0, 0), entries(1, 7, 1)) }, []string{"index 1 of term 1"}},
		{"unseen base", func(l *check.Logs) error { return l.Restart(m2, at(4, 2), nil) }, []string{"s1/r12", "index 4 of term 2", "no log"}},
		{"below the base", func(l *check.Logs) error {
			_ = l.Restart(m2, at(2, 2), nil)
			return l.Append(m2, entries(2, 0, 2))
		}, []string{"from index 2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var l check.Logs
			wantError(t, l.Append(m1, entries(1, 0, 1, 2, 2)))
			wantError(t, test.act(&l), test.want...)
		})
	}
}

func BenchmarkLogsAppend(b *testing.B) {
	var l check.Logs
	next := katakv.Index(1)
	one := make([]check.Entry, 1)
	b.ReportAllocs()
	for b.Loop() {
		one[0] = check.Entry{Position: at(next, 1), Hash: uint64(next)}
		for _, m := range []check.Member{m1, m2, m3} {
			if err := l.Append(m, one); err != nil {
				b.Fatal(err)
			}
		}
		next++
	}
}

func TestLogsAreWhatIsSent(t *testing.T) {
	var l check.Logs
	wantError(t, l.Append(m1, entries(1, 0, 1, 1, 2)))
	wantError(t, l.Sent(m1, 2, at(1, 1), entries(2, 0, 1, 2)))
	wantError(t, l.Sent(m1, 2, at(0, 0), nil))
	wantError(t, l.Sent(m1, 2, at(4, 2), entries(5, 0, 2)), "s1/r11", "after", "no log")
	wantError(t, l.Sent(m1, 2, at(1, 1), entries(2, 8, 1)), "to send", "s1/r11", "another entry", "index 2 of term 1")
	wantError(t, l.Sent(m1, 2, at(3, 2), entries(4, 0, 2))) // it may never come to hold it
	wantError(t, l.Append(m2, entries(1, 0, 1, 1, 2)))
	wantError(t, l.Append(m2, entries(4, 7, 2)), "s1/r12", "another entry", "index 4 of term 2")
	wantError(t, l.Sent(m1, 1, at(2, 1), entries(3, 0, 2)), "index 3 of term 2", "in term 1")
	wantError(t, l.Sent(m1, 2, at(1, 1), entries(3, 0, 2)), "index 3 of term 2 after")
}

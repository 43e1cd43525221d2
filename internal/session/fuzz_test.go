package session_test

import (
	"testing"

	"github.com/katakv/katakv/internal/session"
)

// FuzzParse: whatever comes is refused, or is the one token of the session that is read from it.
func FuzzParse(f *testing.F) {
	for _, n := range []int{0, 3, session.MaxEntries + 1} {
		f.Add(full(n).Token(cluster))
		f.Add(full(n).Token(7))
	}
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		s, err := session.Parse([]byte(token), cluster)
		if err != nil {
			return
		}
		if again := s.Token(cluster); again != token {
			t.Errorf("read %q, written as %q", token, again)
		}
	})
}

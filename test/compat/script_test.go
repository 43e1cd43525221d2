package compat

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// step is one command of the script.
type step struct {
	Do    []string
	Keys  []int  // which arguments are keys
	Want  any    // the reply
	Error string // or how the error begins
	Only  string // "plain" or "cluster"; both if empty
}

// withPrefix returns the command with a prefix before its keys. A hash tag stays a hash tag.
func (s step) withPrefix(prefix string) []string {
	args := slices.Clone(s.Do)
	for _, i := range s.Keys {
		args[i] = prefix + args[i]
	}
	return args
}

// doer sends one command through a client. Replies are nil, string, int64 or []any.
type doer func(args []string, keys []int) (any, error)

// runScript runs the whole script for one kind of port.
func runScript(t *testing.T, port, prefix string, do doer) {
	t.Helper()
	data, err := os.ReadFile("testdata/script.json")
	if err != nil {
		t.Fatal(err)
	}
	var script []step
	if err := json.Unmarshal(data, &script); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, s := range script {
		if s.Only != "" && s.Only != port {
			continue
		}
		ran++
		got, err := do(s.withPrefix(prefix), s.Keys)
		switch {
		case s.Error != "":
			if err == nil || !strings.HasPrefix(err.Error(), s.Error) {
				t.Errorf("%q: got %v, %v, want an error %q", s.Do, got, err, s.Error)
			}
		case err != nil:
			t.Errorf("%q: got error %v, want %v", s.Do, err, s.Want)
		case !reflect.DeepEqual(plain(got), s.Want):
			t.Errorf("%q: got %v, want %v", s.Do, plain(got), s.Want)
		}
	}
	if ran < 40 {
		t.Errorf("only %d steps ran", ran)
	}
}

// plain turns a reply into what JSON decodes to.
func plain(reply any) any {
	switch reply := reply.(type) {
	case int64:
		return float64(reply)
	case []any:
		out := make([]any, len(reply))
		for i := range reply {
			out[i] = plain(reply[i])
		}
		return out
	}
	return reply
}

package require_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/katakv/katakv/internal/require"
)

// recorder is a testing.TB that notes how it ended instead of ending the test.
type recorder struct {
	testing.TB
	end, message string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) {
	r.end, r.message = "skip", fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.end, r.message = "fatal", fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// record runs f as a test would be run and returns how it ended: "", "skip" or "fatal".
func record(f func(testing.TB)) string {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.end
}

func TestTool(t *testing.T) {
	tests := []struct {
		name, tool, strict, want string
	}{
		{"present", "go", "1", ""},
		{"missing, plain machine", "no-such-tool-katakv", "", "skip"},
		{"missing, continuous integration", "no-such-tool-katakv", "1", "fatal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(require.StrictEnv, test.strict)
			got := record(func(tb testing.TB) { require.Tool(tb, test.tool) })
			if got != test.want {
				t.Fatalf("got end %q, want %q", got, test.want)
			}
		})
	}
}

func TestSeed(t *testing.T) {
	tests := []struct {
		value   string
		want    uint64
		wantEnd string
	}{
		{"", 1, ""},
		{"42", 42, ""},
		{"1152921504606846975", 1<<60 - 1, ""},
		{"0x10", 0, "fatal"},
		{"-1", 0, "fatal"},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			t.Setenv(require.SeedEnv, test.value)
			var got uint64
			end := record(func(tb testing.TB) { got = require.Seed(tb) })
			if got != test.want || end != test.wantEnd {
				t.Fatalf("got %d and end %q, want %d and %q", got, end, test.want, test.wantEnd)
			}
		})
	}
}

func TestSeeds(t *testing.T) {
	tests := []struct {
		first, count string
		want         []uint64
		wantEnd      string
	}{
		{"", "", []uint64{1, 2, 3}, ""},
		{"7", "", []uint64{7, 8, 9}, ""},
		{"7", "1", []uint64{7}, ""},
		{"", "5", []uint64{1, 2, 3, 4, 5}, ""},
		{"", "0", nil, "fatal"},
		{"", "many", nil, "fatal"},
		{"x", "", nil, "fatal"},
	}
	for _, test := range tests {
		t.Run(test.first+"/"+test.count, func(t *testing.T) {
			t.Setenv(require.SeedEnv, test.first)
			t.Setenv(require.SeedsEnv, test.count)
			var got []uint64
			end := record(func(tb testing.TB) { got = require.Seeds(tb, 3) })
			if !slices.Equal(got, test.want) || end != test.wantEnd {
				t.Fatalf("got %v and end %q, want %v and %q", got, end, test.want, test.wantEnd)
			}
		})
	}
}

package pebble

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What is removed stays until it is time, unless its name is given to another file.
func TestLateRemovals(t *testing.T) {
	l := newLateRemovals(vfs.NewMem())
	create := func(names ...string) {
		t.Helper()
		for _, name := range names {
			f, err := l.Create(name, vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(names ...string) {
		t.Helper()
		got, err := l.List("")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, names) {
			t.Errorf("got %v, want %v", got, names)
		}
	}
	create("a", "b", "c", "d", "e", "f")
	if err := l.Remove("none"); err == nil {
		t.Error("what is not there was removed")
	}
	for _, name := range []string{"a", "b", "c", "d", "f"} {
		if err := l.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	want("a", "b", "c", "d", "e", "f")
	create("b")
	if err := l.Rename("e", "c"); err != nil {
		t.Fatal(err)
	}
	if err := l.RemoveAll("f"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.carryOut(); err != nil {
			t.Fatal(err)
		}
		want("b", "c")
	}
}

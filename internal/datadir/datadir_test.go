package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/datadir"
)

func open(t *testing.T, path string) *datadir.Dir {
	t.Helper()
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestIdentitySurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := open(t, path)
	if id := d.Identity(); !id.Empty() {
		t.Fatalf("a new directory belongs to %+v", id)
	}
	want := datadir.Identity{Cluster: 0xfeedfacefeedface, Node: 3, Cores: 2, Active: true}
	if err := d.SetIdentity(want); err != nil {
		t.Fatal(err)
	}
	for boot := 1; boot <= 3; boot++ {
		got, err := d.NextBoot()
		if err != nil || int(got) != boot {
			t.Fatalf("boot %d: got %d, %v", boot, got, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = open(t, path)
	}
	got := d.Identity()
	want.Format, want.Boot = got.Format, 3
	if got != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    string
	}{
		{"a directory in use", func(t *testing.T, path string) {
			d := open(t, path)
			t.Cleanup(func() { _ = d.Close() })
		}, "in use by another process"},
		{"somebody else's files", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "thesis.tex"), "precious")
		}, `holds "thesis.tex"`},
		{"another format", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), `{"format": 99, "cluster": "1", "node": 1}`)
		}, "has format 99"},
		{"a damaged identity", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), `{"format": 1, "clus`)
		}, "IDENTITY"},
		{"a failed disk", func(t *testing.T, path string) {
			d := open(t, path)
			if err := d.Fail(errors.New("fdatasync: input/output error")); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}, "fdatasync: input/output error"},
		{"a marker without its text", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "FAILED"), "")
		}, "rejoin the cluster as a new one"},
		{"a marker that cannot be read", func(t *testing.T, path string) {
			if err := os.Mkdir(filepath.Join(path, "FAILED"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "rejoin the cluster as a new one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := t.TempDir()
			tt.prepare(t, path)
			d, err := datadir.Open(path)
			if err == nil {
				_ = d.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q; want it to say %q", err, tt.want)
			}
		})
	}
}

func TestDiskOfItsOwnIsEmpty(t *testing.T) {
	path := t.TempDir()
	if err := os.Mkdir(filepath.Join(path, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "lost+found")); err != nil {
		t.Errorf("lost+found is gone: %v", err)
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	path := t.TempDir()
	writeFile(t, filepath.Join(path, "log-0"), "leftover")
	writeFile(t, filepath.Join(path, "notes"), "precious")
	if _, err := datadir.Open(path); err == nil {
		t.Fatal("it opened")
	}
	for _, name := range []string{"log-0", "notes"} {
		if _, err := os.Stat(filepath.Join(path, name)); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

package datadir_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/datadir"
	"github.com/katakv/katakv/internal/placement"
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
	want := datadir.Identity{Cluster: 0xfeedfacefeedface, Node: 3, Cores: 2, Stage: datadir.Active}
	if err := d.SetIdentity(want); err != nil {
		t.Fatal(err)
	}
	quiets := []time.Duration{0, 5, 5} // of the longest promise so far
	for boot := 1; boot <= 3; boot++ {
		got, quiet, err := d.NextBoot([]time.Duration{5, 0, 9}[boot-1])
		if err != nil || int(got) != boot || quiet != quiets[boot-1] {
			t.Fatalf("boot %d: got %d, quiet for %v, %v; want %v", boot, got, quiet, err, quiets[boot-1])
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = open(t, path)
	}
	got := d.Identity()
	want.Format, want.Boot, want.Promise = got.Format, 3, 9
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
			writeFile(t, filepath.Join(path, "IDENTITY"), seal(`  "format": 99, "cluster": "1", "node": "a"}`))
		}, "has format 99, this program reads 2: use the program that wrote it"},
		{"the format of old, without a checksum", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), `{"format": 1, "cluster": "1", "node": 1, "cores": 1, "active": true}`)
		}, "has format 1, from before the first release"},
		{"nothing but a format", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), `{"format":1}`)
			writeFile(t, filepath.Join(path, "log-0"), "votes")
		}, "has format 1, from before the first release"},
		{"a damaged identity", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), `{"format": 2, "clus`)
		}, "IDENTITY is damaged (its checksum does not match)"},
		{"an empty identity", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), "")
		}, "IDENTITY is damaged"},
		{"an identity of no node", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), seal(`  "format": 2, "cluster": "1", "cores": 1, "stage": "active"}`))
		}, "IDENTITY is damaged (it names no node)"},
		{"an identity without cores", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), seal(`  "format": 2, "cluster": "1", "node": 1, "stage": "active"}`))
		}, "IDENTITY is damaged (it names 0 cores)"},
		{"an identity at no stage", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"), seal(`  "format": 2, "cluster": "1", "node": 1, "cores": 1}`))
		}, `IDENTITY is damaged ("" is no stage)`},
		{"a log without identity", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "log-0"), "votes")
		}, `holds "log-0" and no valid IDENTITY`},
		{"a state without identity", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "state"), "values")
		}, `holds "state" and no valid IDENTITY`},
		{"a map without identity", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "MAP"), "{}")
		}, `holds "MAP" and no valid IDENTITY`},
		{"a log beside an unfinished bootstrap", func(t *testing.T, path string) {
			writeFile(t, filepath.Join(path, "IDENTITY"),
				seal(`  "format": 2, "cluster": "1", "node": 1, "cores": 1, "stage": "preparing"}`))
			writeFile(t, filepath.Join(path, "log-0"), "votes")
		}, `holds "log-0" and no valid IDENTITY`},
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
			before := names(t, path)
			d, err := datadir.Open(path)
			if err == nil {
				_ = d.Close()
				t.Fatal("it opened")
			}
			if after := names(t, path); !slices.Equal(after, before) {
				t.Errorf("%q are there now; want %q", after, before)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q; want it to say %q", err, tt.want)
			}
		})
	}
}

// TestEveryFlippedBitIsSeen damages an identity in every way that one bit can.
func TestEveryFlippedBitIsSeen(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	if err := d.SetIdentity(datadir.Identity{Cluster: 7, Node: 3, Cores: 1, Stage: datadir.Active, Boot: 5}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, "IDENTITY")
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, rest, _ := strings.Cut(string(sound), "\",\n"); seal(rest) != string(sound) {
		t.Errorf("got %q; want %q", sound, seal(rest))
	}
	for bit := range 8 * len(sound) {
		damaged := slices.Clone(sound)
		damaged[bit/8] ^= 1 << (bit % 8)
		writeFile(t, file, string(damaged))
		if d, err := datadir.Open(path); err == nil {
			t.Fatalf("with bit %d flipped it opened as that of %+v", bit, d.Identity())
		} else if !strings.Contains(err.Error(), "is damaged") {
			t.Fatalf("with bit %d flipped: got %q; want it to say that it is damaged", bit, err)
		}
	}
}

// TestUnfinishedBootstrapIsBegunAnew cuts a bootstrap off before its last step.
func TestUnfinishedBootstrapIsBegunAnew(t *testing.T) {
	path := t.TempDir()
	id := datadir.Identity{Cluster: 7, Node: 3, Cores: 1, Stage: datadir.Prepared}
	for range 2 {
		d := open(t, path)
		if got := d.Identity(); !got.Empty() {
			t.Fatalf("it belongs to %+v already", got)
		}
		if err := d.Prepare(id); err != nil {
			t.Fatal(err)
		}
		if got := names(t, path); !slices.Equal(got, []string{"IDENTITY"}) {
			t.Fatalf("a bootstrap begins with %q", got)
		}
		writeFile(t, d.StatePath(), "half of a state")
		if err := d.SetMap(&placement.Map{}); err != nil {
			t.Fatal(err)
		}
		if m, err := d.Map(); m != nil || err != nil {
			t.Errorf("got map %+v, %v; want none before there is a cluster", m, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, path)
	if err := d.SetIdentity(id); err != nil {
		t.Fatal(err)
	}
	if err := d.Prepare(id); err == nil {
		t.Error("a directory of a cluster was prepared for another")
	}
	if _, err := os.Stat(d.StatePath()); err != nil {
		t.Errorf("the state is gone: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
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

// seal puts the first line of an IDENTITY in front of the rest, as docs/formats.md says.
func seal(rest string) string {
	sum := crc32.Checksum([]byte(rest), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Sprintf("{\n  \"checksum\": \"%08x\",\n%s", sum, rest)
}

// names returns what a directory holds, its lock apart.
func names(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "LOCK" {
			names = append(names, e.Name())
		}
	}
	return names
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

package datadir_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/katakv/katakv/internal/datadir"
	"github.com/katakv/katakv/internal/placement"
)

// FuzzOpen opens a directory whose files hold any bytes; the first bit of which lets a checksum vouch for them. What is accepted is kept when it is written again, and boots
// count upwards.
func FuzzOpen(f *testing.F) {
	source := f.TempDir()
	d, err := datadir.Open(source)
	if err != nil {
		f.Fatal(err)
	}
	if err := d.SetIdentity(datadir.Identity{Cluster: 5, Node: 2, Cores: 1, Stage: datadir.Prepared}); err != nil {
		f.Fatal(err)
	}
	if _, _, err := d.NextBoot(0); err != nil {
		f.Fatal(err)
	}
	m := &placement.Map{}
	if err := d.SetMap(m); err != nil {
		f.Fatal(err)
	}
	if err := d.Close(); err != nil {
		f.Fatal(err)
	}
	var names []string
	var files [][]byte
	entries, err := os.ReadDir(source)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(source, e.Name()))
		if err != nil {
			f.Fatal(err)
		}
		if len(data) > 0 {
			names, files = append(names, e.Name()), append(files, data)
		}
	}
	for i := range names {
		f.Add(uint8(2*i), files[i])
		f.Add(uint8(2*i), []byte("null"))
		f.Add(uint8(2*i), []byte(`{"format":1}`))
		f.Add(uint8(2*i+1), []byte(`"format":2,"cluster":"5","node":2,"cores":3,"stage":"active","boot":18446744073709551615}`))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		if which%2 == 1 {
			data = []byte(seal(string(data)))
		}
		for i, name := range names {
			content := files[i]
			if int(which/2)%len(names) == i {
				content = data
			}
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		openAny(t, dir)
	})
}

func openAny(t *testing.T, dir string) {
	t.Helper()
	d, err := datadir.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	if m, err := d.Map(); err == nil && m != nil {
		if err := d.SetMap(m); err != nil {
			t.Fatal(err)
		}
		again, err := d.Map()
		if err != nil || !bytes.Equal(again.Encode(), m.Encode()) {
			t.Fatalf("got map %+v, %v, want %+v", again, err, m)
		}
	}
	identity := d.Identity()
	if identity.Empty() {
		return
	}
	first, _, err := d.NextBoot(0)
	if err != nil {
		return
	}
	if second, _, err := d.NextBoot(0); err != nil || second <= first {
		t.Fatalf("boot %d after %d, %v", second, first, err)
	}
}

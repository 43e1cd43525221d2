package localcluster

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzLayout reads any bytes as cluster.json. What is accepted comes back as it was written.
func FuzzLayout(f *testing.F) {
	f.Add([]byte(`{"format":1,"nodes":[{"id":1,"peer":"127.0.0.1:1","cluster":"127.0.0.1:2","plain":"127.0.0.1:3","http":"127.0.0.1:4"}]}`))
	f.Add([]byte(`{"format":1,"nodes":[]}`))
	f.Add([]byte(`{"format":2,"nodes":[{}]}`))
	f.Add([]byte(`null`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, layoutName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := readLayout(dir)
		if err != nil {
			return
		}
		if got := len(l.members()); got != len(l.Nodes) {
			t.Fatalf("%d members of %d nodes", got, len(l.Nodes))
		}
		if err := l.write(dir); err != nil {
			t.Fatal(err)
		}
		again, err := readLayout(dir)
		if err != nil || !reflect.DeepEqual(again, l) {
			t.Fatalf("got %+v, %v, want %+v", again, err, l)
		}
	})
}

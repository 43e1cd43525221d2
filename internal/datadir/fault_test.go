package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMarkerNeedsNoSync marks a directory on a disk whose every sync fails, and opens it once the disk is well again.
func TestMarkerNeedsNoSync(t *testing.T) {
	path := t.TempDir()
	errSync, syncs := errors.New("sync: input/output error"), 0
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	d.sync = func(*os.File) error { syncs++; return errSync }
	for _, reason := range []string{"log 0 failed", "log 1 failed"} {
		if err := d.Fail(errors.New(reason)); !errors.Is(err, errSync) {
			t.Errorf("got %v; want the error of the sync", err)
		}
	}
	if syncs != 4 {
		t.Errorf("%d syncs were tried; want those of the marker and of its directory, twice", syncs)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	for _, want := range []string{"log 0 failed", "log 1 failed", "rejoin the cluster as a new one"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("opened again: got %v; want it to say %q", err, want)
		}
	}
}

// TestOpenSyncsWhatItCreates looks at the directories that Open syncs, and at what is in them by then.
func TestOpenSyncsWhatItCreates(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "srv", "katakv", "data")
	var synced []string
	record := func(f *os.File) error {
		entries, err := os.ReadDir(f.Name())
		for _, e := range entries {
			synced = append(synced, e.Name())
		}
		return err
	}
	steps := []struct {
		name string
		want []string
	}{
		{"three levels are absent", []string{"data", "katakv", "srv"}},
		{"the start before may have been cut off", []string{"data"}},
		{"a node's", nil},
	}
	for _, step := range steps {
		synced = nil
		d, err := open(path+"/", record)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(synced, step.want) {
			t.Errorf("%s: got %q synced; want %q", step.name, synced, step.want)
		}
		if len(step.want) == 1 {
			d.sync = (*os.File).Sync
			err = d.SetIdentity(Identity{Cluster: 7, Node: 3, Cores: 1, Stage: Prepared})
		}
		if err := errors.Join(err, d.Close()); err != nil {
			t.Fatal(err)
		}
	}
	errSync := errors.New("sync: input/output error")
	if _, err := open(filepath.Join(root, "other"), func(*os.File) error { return errSync }); !errors.Is(err, errSync) {
		t.Errorf("got %v; want the error of the sync", err)
	}
}

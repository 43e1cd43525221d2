package datadir

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestMarkerNeedsNoSync marks a directory on a disk whose every sync fails, and opens it once the disk is well again.
func TestMarkerNeedsNoSync(t *testing.T) {
	path := t.TempDir()
	errSync, syncs := errors.New("sync: input/output error"), 0
	d, err := open(path, func(*os.File) error { syncs++; return errSync })
	if err != nil {
		t.Fatal(err)
	}
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

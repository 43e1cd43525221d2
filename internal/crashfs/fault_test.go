package crashfs_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/katakv/katakv/internal/crashfs"
)

var errBroken = errors.New("broken")

// TestFailedSyncDrops: what a failed sync should have written is read until the crash and gone after it, though a
// second sync succeeds.
func TestFailedSyncDrops(t *testing.T) {
	disk := crashfs.New()
	write(t, disk, "a", "old", 0, true)
	syncDir(t, disk, "/")
	f, err := disk.OpenReadWrite("a", vfs.WriteCategoryUnspecified)
	must(t, err)
	_, err = f.WriteAt([]byte("new and longer"), 0)
	must(t, err)
	disk.Intercept(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync && op.Path == "a" {
			return errBroken
		}
		return nil
	})
	if err := f.Sync(); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	disk.Intercept(nil)
	must(t, f.Sync())
	if got := contents(t, disk, "")["a"]; got != "new and longer" {
		t.Errorf("before the crash: got %q", got)
	}
	if got := contents(t, disk.Clone(), "")["a"]; got != "new and longer" {
		t.Errorf("after the death of the process: got %q", got)
	}
	want := "old" + strings.Repeat("\x00", 11)
	for seed := range uint64(100) {
		for _, keep := range []crashfs.Keep{crashfs.KeepSynced, crashfs.KeepSome, crashfs.KeepAll} {
			if got := contents(t, disk.Crash(keep, rand.New(rand.NewPCG(seed, 0))), "")["a"]; got != want {
				t.Fatalf("keep %d: got %q", keep, got)
			}
		}
	}
	_, err = f.WriteAt([]byte("N"), 0) // dirty again: the kernel writes the whole page
	must(t, err)
	must(t, f.Sync())
	if got := contents(t, disk.Crash(crashfs.KeepSynced, nil), "")["a"]; got != "New and longer" {
		t.Errorf("after a further write: got %q", got)
	}
}

func TestFailedWriteIsShort(t *testing.T) {
	disk := crashfs.New()
	f, err := disk.Create("a", vfs.WriteCategoryUnspecified)
	must(t, err)
	disk.Intercept(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite {
			return errBroken
		}
		return nil
	})
	if n, err := f.Write([]byte("abcdef")); n != 3 || !errors.Is(err, errBroken) {
		t.Errorf("got %d, %v", n, err)
	}
	if got := contents(t, disk, "")["a"]; got != "abc" {
		t.Errorf("got %q", got)
	}
}

// TestInterceptMayCrash takes crashed copies from within operations.
func TestInterceptMayCrash(t *testing.T) {
	disk, crashes := crashfs.New(), 0
	disk.Intercept(func(errorfs.Op) error {
		crashes++
		disk.Crash(crashfs.KeepSynced, nil)
		disk.Clone()
		return nil
	})
	write(t, disk, "a", "x", 0, true)
	syncDir(t, disk, "/")
	if crashes < 4 {
		t.Errorf("asked %d times", crashes)
	}
}

func TestLock(t *testing.T) {
	disk := crashfs.New()
	l, err := disk.Lock("LOCK")
	must(t, err)
	if _, err := disk.Lock("/LOCK"); err == nil {
		t.Error("locked twice")
	}
	crashed, err := disk.Crash(crashfs.KeepAll, nil).Lock("LOCK")
	must(t, err)
	must(t, errors.Join(l.Close(), l.Close(), crashed.Close()))
	_, err = disk.Lock("LOCK")
	must(t, err)
}

// TestConcurrentUse is for the race detector: files are written while copies are taken and read.
func TestConcurrentUse(t *testing.T) {
	disk := crashfs.New()
	var writers sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		writers.Go(func() {
			f, err := disk.Create(name, vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Error(err)
				return
			}
			for range 200 {
				if _, err := f.Write([]byte(strings.Repeat(name, 3000))); err != nil {
					t.Error(err)
				}
				if err := f.Sync(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		for name, data := range contents(t, disk.Crash(crashfs.KeepSome, rng), "") {
			if strings.Trim(data, name+"\x00") != "" {
				t.Errorf("%s holds what was written elsewhere", name)
			}
		}
	}
	writers.Wait()
}

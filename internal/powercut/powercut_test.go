package powercut_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/katakv/katakv/internal/powercut"
	"github.com/katakv/katakv/internal/require"
)

// need skips the test where disks cannot be made.
func need(t *testing.T) {
	t.Helper()
	require.Root(t)
	require.Tool(t, "mkfs.ext4")
	require.Available(t, powercut.Available())
}

// disk makes a disk for the test.
func disk(t *testing.T) *powercut.Disk {
	t.Helper()
	need(t)
	d, err := powercut.Create(filepath.Join(t.TempDir(), "a disk"), powercut.Options{SizeMiB: 32})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.Dir() + powercut.ImageSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the image is left: %v", err)
		}
		wantUnmounted(t, d.Dir())
	})
	return d
}

func wantUnmounted(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("%s holds %v (%v), want that nothing is mounted there", dir, entries, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// create makes a file with a text, open for writing.
func create(t *testing.T, d *powercut.Disk, name, text string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(d.Dir(), name))
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	_, err = f.WriteString(text)
	must(t, err)
	return f
}

func syncDir(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	must(t, err)
	defer f.Close()
	must(t, f.Sync())
}

func TestCut(t *testing.T) {
	d := disk(t)
	for range 2 {
		kept := create(t, d, "kept", "synced")
		must(t, kept.Sync())
		syncDir(t, d.Dir())
		_, err := kept.WriteString(" and more")
		must(t, err)
		lost := create(t, d, "lost", "never synced")
		must(t, d.Cut())
		if _, err := kept.WriteString("x"); !errors.Is(err, syscall.EIO) {
			t.Errorf("write after the cut: got %v, want EIO", err)
		}
		if err := kept.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync after the cut: got %v, want EIO", err)
		}
		if err := d.Restore(); !errors.Is(err, syscall.EBUSY) {
			t.Fatalf("restore with open files: got %v, want that it is busy", err)
		}
		must(t, errors.Join(kept.Close(), lost.Close()))
		must(t, d.Restore())
		if got, err := os.ReadFile(kept.Name()); err != nil || string(got) != "synced" {
			t.Errorf("got %q and %v, want what was synced", got, err)
		}
		if _, err := os.Stat(lost.Name()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file that was never synced: got %v, want that it is gone", err)
		}
		must(t, os.Remove(kept.Name())) // again on the restored disk
	}
}

// TestCutWithoutSyncOfRename loses a rename whose content was never synced, which ext4 as distributions mount it
// would save.
func TestCutWithoutSyncOfRename(t *testing.T) {
	d := disk(t)
	old := create(t, d, "file", "old")
	must(t, errors.Join(old.Sync(), old.Close()))
	syncDir(t, d.Dir())
	fresh := create(t, d, "file.tmp", "new")
	must(t, fresh.Close())
	must(t, os.Rename(fresh.Name(), old.Name()))
	must(t, d.Cut())
	must(t, d.Restore())
	if got, err := os.ReadFile(old.Name()); err != nil || string(got) != "old" {
		t.Errorf("got %q and %v, want the old content", got, err)
	}
}

func TestOrderlyRestore(t *testing.T) {
	d := disk(t)
	must(t, create(t, d, "file", "unsynced").Close())
	must(t, d.Restore())
	if got, err := os.ReadFile(filepath.Join(d.Dir(), "file")); err != nil || string(got) != "unsynced" {
		t.Errorf("got %q and %v, want everything", got, err)
	}
}

func TestFill(t *testing.T) {
	d := disk(t)
	before, err := d.FreeBytes()
	must(t, err)
	for _, leave := range []int64{8 << 20, 1 << 20, 0} {
		must(t, d.Fill(leave))
		if left, err := d.FreeBytes(); err != nil || left < leave-16<<10 || left > leave+64<<10 {
			t.Errorf("got %d bytes left and %v, want %d", left, err, leave)
		}
	}
	f := create(t, d, "file", "")
	if _, err := f.Write(make([]byte, 1<<20)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write to the full disk: got %v, want ENOSPC", err)
	}
	must(t, d.Free())
	must(t, d.Free())
	_, err = f.Write(make([]byte, 1<<20))
	must(t, err)
	must(t, errors.Join(f.Close(), os.Remove(f.Name())))
	if left, err := d.FreeBytes(); err != nil || left < before-64<<10 {
		t.Errorf("got %d bytes left and %v, want %d as before", left, err, before)
	}
}

func TestReadOnly(t *testing.T) {
	d := disk(t)
	f := create(t, d, "file", "synced")
	must(t, f.Sync())
	syncDir(t, d.Dir())
	must(t, d.ReadOnly())
	_, err := f.WriteString("x")
	if err == nil {
		err = f.Sync()
	}
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EIO) {
		t.Errorf("write: got %v, want EROFS or EIO", err)
	}
	if _, err := os.Create(filepath.Join(d.Dir(), "other")); !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EIO) {
		t.Errorf("create: got %v, want EROFS or EIO", err)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !strings.HasPrefix(string(got), "synced") {
		t.Errorf("read: got %q and %v, want that it works", got, err)
	}
	must(t, f.Close())
	must(t, d.Restore())
	if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "synced" {
		t.Errorf("got %q and %v, want what was synced", got, err)
	}
	must(t, create(t, d, "other", "writable").Sync())
}

// TestRestoreSeesOtherMounts has a process whose mounts are a copy of ours: until it ends the disk lives on in it.
func TestRestoreSeesOtherMounts(t *testing.T) {
	d := disk(t)
	unshare := require.Tool(t, "unshare")
	cmd := exec.Command(unshare, "--mount", "--propagation", "private", "cat")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	_, err = io.WriteString(stdin, "x")
	must(t, err)
	_, err = io.ReadFull(stdout, make([]byte, 1)) // it has its mounts
	must(t, err)
	must(t, d.Cut())
	if err := d.Restore(); err == nil || !strings.Contains(err.Error(), "mounts of its own") {
		t.Fatalf("got %v, want an error that tells of the other process", err)
	}
	if left, err := d.FreeBytes(); !errors.Is(err, syscall.ENODEV) {
		t.Fatalf("got %d bytes left and %v beneath the disk, want that it is not mounted", left, err)
	}
	must(t, stdin.Close())
	_ = cmd.Wait()
	must(t, d.Restore())
	must(t, create(t, d, "file", "x").Sync())
}

// TestCloseInUse takes the disk away from someone who uses it.
func TestCloseInUse(t *testing.T) {
	need(t)
	d, err := powercut.Create(filepath.Join(t.TempDir(), "disk"), powercut.Options{SizeMiB: 32})
	must(t, err)
	f := create(t, d, "file", "x")
	if err := d.Close(); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("got %v, want that it is busy", err)
	}
	must(t, d.Close())
	wantUnmounted(t, d.Dir())
	if err := d.Cut(); err == nil {
		t.Error("a closed disk was cut")
	}
	must(t, f.Close())
}

// TestSweepStale sweeps up after a process that was killed: the test makes by hand what that would have left.
func TestSweepStale(t *testing.T) {
	living := disk(t)
	base := filepath.Dir(living.Dir())
	stale := filepath.Join(base, "stale")
	image := stale + powercut.ImageSuffix
	must(t, os.Mkdir(stale, 0o700))
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 16<<20))
	for _, command := range [][]string{
		{require.Tool(t, "mkfs.ext4"), "-q", image},
		{require.Tool(t, "mount"), "-o", "loop", image, stale},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", command, err, out)
		}
	}
	must(t, powercut.SweepStale(base))
	wantUnmounted(t, stale)
	if _, err := os.Stat(image); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the image is left: %v", err)
	}
	must(t, create(t, living, "file", "x").Sync())

	// A killed run's disk does not stand in the way of a new one.
	must(t, os.WriteFile(image, []byte("not even a disk"), 0o600))
	again, err := powercut.Create(stale, powercut.Options{SizeMiB: 16})
	must(t, err)
	must(t, unix.Access(again.Dir(), unix.W_OK))
	must(t, again.Close())
}

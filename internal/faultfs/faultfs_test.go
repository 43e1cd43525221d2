package faultfs_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/katakv/katakv/internal/faultfs"
	"github.com/katakv/katakv/internal/require"
)

// patience bounds what should happen at once.
const patience = 10 * time.Second

// mount mounts a new directory for the test and returns the mount and the directory beneath.
func mount(t *testing.T) (disk *faultfs.FS, backing string) {
	t.Helper()
	require.Root(t)
	require.Available(t, faultfs.Available())
	backing = t.TempDir()
	disk, err := faultfs.Mount(backing, t.TempDir(), faultfs.Options{Seed: require.Seed(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return disk, backing
}

// open opens a file on the mount for reading and writing, and makes it if need be.
func open(t *testing.T, disk *faultfs.FS, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(disk.Dir(), name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func write(t *testing.T, f *os.File, text string, at int64) {
	t.Helper()
	_, err := f.WriteAt([]byte(text), at)
	must(t, err)
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	must(t, err)
	if string(got) != want {
		t.Fatalf("%s holds %q, want %q", path, got, want)
	}
}

func TestPassesOn(t *testing.T) {
	disk, backing := mount(t)
	f := open(t, disk, "a")
	write(t, f, "hello", 0)
	must(t, f.Sync())
	must(t, unix.Fdatasync(int(f.Fd())))
	wantContent(t, filepath.Join(backing, "a"), "hello")

	must(t, unix.Fallocate(int(f.Fd()), 0, 0, 1<<20))
	if info, err := os.Stat(f.Name()); err != nil || info.Size() != 1<<20 {
		t.Fatalf("after fallocate: got %v and error %v", info, err)
	}
	must(t, f.Truncate(5))
	must(t, os.Link(f.Name(), filepath.Join(disk.Dir(), "b")))
	must(t, os.Mkdir(filepath.Join(disk.Dir(), "dir"), 0o700))
	must(t, os.Rename(filepath.Join(disk.Dir(), "b"), filepath.Join(disk.Dir(), "dir", "c")))
	wantContent(t, filepath.Join(backing, "dir", "c"), "hello")
	dir, err := os.Open(filepath.Join(disk.Dir(), "dir"))
	must(t, err)
	defer dir.Close()
	must(t, dir.Sync())
	if names, err := dir.Readdirnames(0); err != nil || len(names) != 1 || names[0] != "c" {
		t.Fatalf("got names %v and error %v, want c", names, err)
	}
	must(t, os.Remove(f.Name()))
	write(t, f, "j", 0) // it is open still
	wantContent(t, filepath.Join(disk.Dir(), "dir", "c"), "jello")

	a, err := os.OpenFile(filepath.Join(disk.Dir(), "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	defer a.Close()
	for range 3 {
		_, err := a.WriteString("ab")
		must(t, err)
	}
	wantContent(t, filepath.Join(backing, "log"), "ababab")
	large := bytes.Repeat([]byte("0123456789"), 1<<19)
	must(t, os.WriteFile(filepath.Join(disk.Dir(), "large"), large, 0o600))
	wantContent(t, filepath.Join(disk.Dir(), "large"), string(large))

	var above, beneath unix.Statfs_t
	must(t, errors.Join(unix.Statfs(disk.Dir(), &above), unix.Statfs(backing, &beneath)))
	if above.Blocks != beneath.Blocks || above.Bavail == 0 {
		t.Fatalf("statfs: got %+v, want %+v", above, beneath)
	}
	if c := disk.Counters(); c.Syncs != 2 || c.DirSyncs != 1 || c.FailedSyncs != 0 || c.WrittenBytes != uint64(5+1+6+len(large)) {
		t.Errorf("got counters %+v", c)
	}
}

// TestLock takes an exclusive lock twice: descriptors of one process stand for those of two.
func TestLock(t *testing.T) {
	disk, _ := mount(t)
	first, second := open(t, disk, "LOCK"), open(t, disk, "LOCK")
	must(t, unix.Flock(int(first.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	wantError(t, "second lock", unix.Flock(int(second.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
	must(t, first.Close())
	must(t, unix.Flock(int(second.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

func TestFailSyncs(t *testing.T) {
	disk, _ := mount(t)
	f := open(t, disk, "a")
	write(t, f, "hello", 0)
	disk.Set(faultfs.Faults{FailSyncs: 2})
	wantError(t, "first", f.Sync(), syscall.EIO)
	wantError(t, "second", unix.Fdatasync(int(f.Fd())), syscall.EIO)
	must(t, f.Sync())
	wantContent(t, f.Name(), "hello")

	disk.Set(faultfs.Faults{FailSyncs: faultfs.Forever})
	for range 5 {
		wantError(t, "for ever", f.Sync(), syscall.EIO)
	}
	dir, err := os.Open(disk.Dir())
	must(t, err)
	defer dir.Close()
	wantError(t, "directory", dir.Sync(), syscall.EIO)
	disk.Clear()
	must(t, f.Sync())
	must(t, dir.Sync())
	if got := disk.Counters().FailedSyncs; got != 8 {
		t.Errorf("got %d failed syncs, want 8", got)
	}
}

func TestDropUnsynced(t *testing.T) {
	disk, backing := mount(t)
	f, other := open(t, disk, "a"), open(t, disk, "b")
	write(t, f, "0123456789", 0)
	must(t, f.Sync())
	write(t, other, "other", 0)
	write(t, f, "abc", 2)
	write(t, f, "XY", 3)         // over what is unsynced itself
	write(t, f, "0123456789", 8) // beyond the end
	must(t, unix.Fallocate(int(f.Fd()), 0, 0, 4096))
	must(t, f.Truncate(8192))
	disk.Set(faultfs.Faults{FailSyncs: 1, DropUnsynced: true})
	wantError(t, "sync", f.Sync(), syscall.EIO)
	wantContent(t, f.Name(), "0123456789")
	wantContent(t, filepath.Join(backing, "a"), "0123456789")
	wantContent(t, other.Name(), "other")
	if got := disk.Counters().DroppedBytes; got != 15 {
		t.Errorf("got %d dropped bytes, want 15", got)
	}

	must(t, f.Sync()) // succeeds, and brings nothing back
	wantContent(t, f.Name(), "0123456789")
	write(t, f, "ab", 0)
	must(t, f.Sync())
	disk.Set(faultfs.Faults{FailSyncs: 1, DropUnsynced: true})
	wantError(t, "sync of what is clean", f.Sync(), syscall.EIO)
	wantContent(t, f.Name(), "ab23456789")

	// A descriptor for reading only drops alike.
	reader, err := os.Open(f.Name())
	must(t, err)
	defer reader.Close()
	write(t, f, "zz", 0)
	disk.Set(faultfs.Faults{FailSyncs: 1, DropUnsynced: true})
	wantError(t, "sync by a reader", reader.Sync(), syscall.EIO)
	wantContent(t, f.Name(), "ab23456789")
}

func TestStall(t *testing.T) {
	disk, _ := mount(t)
	f := open(t, disk, "a")
	disk.Set(faultfs.Faults{StallSyncs: true})
	ended := make(chan error, 1)
	go func() { ended <- f.Sync() }()
	for deadline := time.Now().Add(patience); disk.Counters().Stalled == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the sync does not hang")
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("the sync has ended: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	disk.Set(faultfs.Faults{FailSyncs: 1})
	select {
	case err := <-ended:
		wantError(t, "the sync that hung", err, syscall.EIO)
	case <-time.After(patience):
		t.Fatal("the sync hangs still")
	}
	if got := disk.Counters().Stalled; got != 0 {
		t.Errorf("got %d stalled, want 0", got)
	}
}

func TestDelays(t *testing.T) {
	disk, _ := mount(t)
	f := open(t, disk, "a")
	tests := []struct {
		name   string
		faults faultfs.Faults
		do     func() error
	}{
		{"sync", faultfs.Faults{SyncDelay: 50 * time.Millisecond, SyncJitter: 20 * time.Millisecond}, f.Sync},
		{"write", faultfs.Faults{WriteDelay: 50 * time.Millisecond}, func() error { _, err := f.WriteAt([]byte("x"), 0); return err }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			disk.Set(test.faults)
			start := time.Now()
			must(t, test.do())
			if took := time.Since(start); took < 50*time.Millisecond {
				t.Errorf("took %v, want 50 ms at least", took)
			}
		})
	}
}

func TestFull(t *testing.T) {
	disk, _ := mount(t)
	f := open(t, disk, "a")
	disk.Set(faultfs.Faults{Full: true, FullAfterBytes: 10, ShowFull: true})
	wantError(t, "fallocate", unix.Fallocate(int(f.Fd()), 0, 0, 11), syscall.ENOSPC)
	n, err := unix.Pwrite(int(f.Fd()), []byte("0123456"), 0)
	if n != 7 || err != nil {
		t.Fatalf("got %d and %v, want 7", n, err)
	}
	n, err = unix.Pwrite(int(f.Fd()), []byte("789xyz"), 7)
	if n != 3 || err != nil {
		t.Fatalf("got %d and %v, want the 3 bytes that were left", n, err)
	}
	_, err = f.WriteAt([]byte("x"), 10)
	wantError(t, "write", err, syscall.ENOSPC)
	_, err = os.Create(filepath.Join(disk.Dir(), "b"))
	wantError(t, "create", err, syscall.ENOSPC)
	wantError(t, "mkdir", os.Mkdir(filepath.Join(disk.Dir(), "c"), 0o700), syscall.ENOSPC)
	var stat unix.Statfs_t
	must(t, unix.Statfs(disk.Dir(), &stat))
	if stat.Bavail != 0 {
		t.Errorf("statfs shows %d free blocks, want 0", stat.Bavail)
	}
	must(t, f.Sync())
	must(t, os.Rename(f.Name(), filepath.Join(disk.Dir(), "d")))
	must(t, os.Remove(filepath.Join(disk.Dir(), "d")))
	disk.Clear()
	write(t, f, "x", 10)
}

func TestErrors(t *testing.T) {
	disk, _ := mount(t)
	f := open(t, disk, "a")
	write(t, f, "hello", 0)
	disk.Set(faultfs.Faults{FailWrites: 1, FailReads: 1})
	_, err := f.WriteAt([]byte("j"), 0)
	wantError(t, "write", err, syscall.EIO)
	_, err = f.ReadAt(make([]byte, 5), 0)
	wantError(t, "read", err, syscall.EIO)
	wantContent(t, f.Name(), "hello")
	if left := disk.Faults(); left.FailReads != 0 || left.FailWrites != 0 {
		t.Errorf("got %+v left", left)
	}
}

func TestReadOnly(t *testing.T) {
	disk, _ := mount(t)
	f := open(t, disk, "a")
	write(t, f, "hello", 0)
	disk.Set(faultfs.Faults{ReadOnly: true})
	_, err := f.WriteAt([]byte("j"), 0)
	wantError(t, "write", err, syscall.EROFS)
	wantError(t, "sync", f.Sync(), syscall.EROFS)
	wantError(t, "truncate", f.Truncate(0), syscall.EROFS)
	wantError(t, "fallocate", unix.Fallocate(int(f.Fd()), 0, 0, 11), syscall.EROFS)
	wantError(t, "remove", os.Remove(f.Name()), syscall.EROFS)
	wantError(t, "rename", os.Rename(f.Name(), f.Name()+"2"), syscall.EROFS)
	wantError(t, "link", os.Link(f.Name(), f.Name()+"2"), syscall.EROFS)
	_, err = os.Create(filepath.Join(disk.Dir(), "b"))
	wantError(t, "create", err, syscall.EROFS)
	_, err = os.OpenFile(f.Name(), os.O_WRONLY, 0)
	wantError(t, "open for writing", err, syscall.EROFS)
	wantContent(t, f.Name(), "hello")
}

// TestWithin confines faults to a directory.
func TestWithin(t *testing.T) {
	disk, _ := mount(t)
	must(t, os.MkdirAll(filepath.Join(disk.Dir(), "one/data"), 0o700))
	must(t, os.MkdirAll(filepath.Join(disk.Dir(), "one/database"), 0o700))
	hit, near, far := open(t, disk, "one/data/x"), open(t, disk, "one/database/x"), open(t, disk, "x")
	disk.Set(faultfs.Faults{Within: "one/data", FailSyncs: faultfs.Forever})
	wantError(t, "within", hit.Sync(), syscall.EIO)
	must(t, near.Sync())
	must(t, far.Sync())
}

// TestUnmountInUse takes the mount away from someone who uses it.
func TestUnmountInUse(t *testing.T) {
	disk, backing := mount(t)
	other, err := faultfs.Mount(backing, t.TempDir(), faultfs.Options{})
	must(t, err)
	f := open(t, other, "a")
	other.Set(faultfs.Faults{StallSyncs: true})
	start := time.Now()
	err = other.Unmount()
	wantError(t, "unmount", err, syscall.EBUSY)
	if took := time.Since(start); took > patience {
		t.Errorf("took %v", took)
	}
	if err := f.Sync(); err == nil {
		t.Error("a sync after the unmount succeeded")
	}
	if again := other.Unmount(); !errors.Is(again, syscall.EBUSY) {
		t.Errorf("again: got %v, want the same error", again)
	}
	_ = disk
}

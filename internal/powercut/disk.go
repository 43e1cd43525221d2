package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// DefaultSizeMiB is room for a small node, minSizeMiB for ext4 with its journal.
	DefaultSizeMiB = 512
	minSizeMiB     = 16

	// ImageSuffix is added to the name of the directory to name the file that holds its disk.
	ImageSuffix = ".powercut"

	// ballast is the name of the file that takes space.
	ballast = "ballast"
)

// What the kernel's fs/ext4/ext4.h calls EXT4_IOC_SHUTDOWN, and the way to do it that writes nothing more,
// EXT4_GOING_FLAGS_NOLOGFLUSH.
const (
	shutdownRequest    = 0x8004587d
	shutdownNoLogFlush = 2
)

// Options say what to make.
type Options struct {
	// SizeMiB is how large the disk is; zero means DefaultSizeMiB. The file beneath is sparse.
	SizeMiB int
}

// Disk is a disk that Create made.
type Disk struct {
	dir   string
	image string
	lock  *os.File // of the image, as long as this process owns the disk

	// mu is held while the disk is changed: that takes as long as the kernel needs.
	mu struct {
		sync.Mutex
		device string // "loop0"; empty while the disk is not mounted
		closed bool
	}
}

// Available returns nil if disks can be made here, and otherwise says in one sentence why not.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("mounting needs the superuser")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		return errors.New("mkfs.ext4 is not installed")
	}
	if _, err := os.Stat(loopControl); err != nil {
		return fmt.Errorf("the kernel has no loop devices: %w", err)
	}
	return nil
}

// Create makes an empty disk and mounts it at dir, which is created when absent. The root of the disk is empty
// but for ext4's lost+found, so a program's data belongs in a directory of its own there.
func Create(dir string, options Options) (*Disk, error) {
	if options.SizeMiB == 0 {
		options.SizeMiB = DefaultSizeMiB
	}
	if options.SizeMiB < minSizeMiB {
		return nil, fmt.Errorf("a disk of %d MiB: want %d at least", options.SizeMiB, minSizeMiB)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", dir, err)
	}
	if err := sweep(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &Disk{dir: dir, image: dir + ImageSuffix}
	if err := d.format(options.SizeMiB); err != nil {
		return nil, fmt.Errorf("make a disk for %s: %w", dir, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.mountLocked(); err != nil {
		return nil, errors.Join(err, d.removeLocked())
	}
	return d, nil
}

// format makes the image.
func (d *Disk) format(sizeMiB int) error {
	lock, err := os.OpenFile(d.image, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	d.lock = lock
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = lock.Truncate(int64(sizeMiB) << 20)
	}
	if err == nil {
		// No space for the superuser alone, and nothing left to write in the background.
		cmd := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image)
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("mkfs.ext4: %w: %s", err, strings.TrimSpace(string(out)))
		}
	}
	if err != nil {
		return errors.Join(err, d.removeLocked())
	}
	return nil
}

// Dir returns where the disk is mounted.
func (d *Disk) Dir() string { return d.dir }

// Cut takes the power away: all that uses the disk gets EIO from now on, and what was not synced is lost.
func (d *Disk) Cut() error {
	return d.do("cut the power of", func(root *os.File) error {
		return unix.IoctlSetPointerInt(int(root.Fd()), shutdownRequest, shutdownNoLogFlush)
	})
}

// ReadOnly lets the kernel find an error on the disk: everything that writes gets EROFS from now on, or EIO, and
// what was not synced may be lost. Restore ends it.
//
// It is not a remount, which the kernel refuses while a file is open for writing.
func (d *Disk) ReadOnly() error {
	return d.do("find an error on", func(*os.File) error {
		return os.WriteFile(filepath.Join("/sys/fs/ext4", d.mu.device, "trigger_fs_error"), []byte("power cut"), 0o200)
	})
}

// Restore gives the power back: it unmounts, which fails while a process uses the disk, and mounts again, which
// recovers the journal. Without a Cut or ReadOnly before it is an orderly remount.
func (d *Disk) Restore() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return d.closedError()
	}
	if err := d.unmountLocked(); err != nil {
		return err
	}
	return d.mountLocked()
}

// Fill takes space with a file until only leaveBytes are left, give or take a few blocks. Called again it replaces
// what it took before.
func (d *Disk) Fill(leaveBytes int64) error {
	return d.do("fill", func(*os.File) error {
		if err := d.free(); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(d.dir, ballast))
		if err != nil {
			return err
		}
		left, err := d.freeBytes()
		if err == nil {
			err = takeSpace(int(f.Fd()), left-leaveBytes)
		}
		return errors.Join(err, f.Close())
	})
}

// takeSpace gives a new file so much space, as far as there is.
func takeSpace(fd int, bytes int64) error {
	const block = 4096
	at := int64(0)
	for step := bytes; at < bytes && step >= block; step = min(step, bytes-at) {
		err := unix.Fallocate(fd, 0, at, step)
		switch {
		case errors.Is(err, unix.ENOSPC): // ext4 needs a little for itself
			step /= 2
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			at += step
		}
	}
	return nil
}

// Free gives the space back that Fill took.
func (d *Disk) Free() error {
	return d.do("free space on", func(*os.File) error { return d.free() })
}

func (d *Disk) free() error {
	if err := os.Remove(filepath.Join(d.dir, ballast)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// FreeBytes returns how much space is left.
func (d *Disk) FreeBytes() (left int64, err error) {
	err = d.do("measure", func(*os.File) error {
		left, err = d.freeBytes()
		return err
	})
	return left, err
}

func (d *Disk) freeBytes() (int64, error) {
	var stat unix.Statfs_t
	err := unix.Statfs(d.dir, &stat)
	return int64(stat.Bavail) * stat.Bsize, err
}

// Close unmounts and removes the disk. It may be called again.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return nil
	}
	d.mu.closed = true
	err := d.unmountLocked()
	if err != nil {
		err = errors.Join(fmt.Errorf("%w: taken away from its users", err), unix.Unmount(d.dir, unix.MNT_DETACH))
	}
	return errors.Join(err, d.removeLocked())
}

// removeLocked removes the image.
func (d *Disk) removeLocked() error {
	d.mu.closed = true
	return errors.Join(os.Remove(d.image), d.lock.Close())
}

// do calls f with the root of the disk, which must be mounted, and names what was attempted if it fails. That what
// is there is the disk and not the directory beneath decides whose power is cut.
func (d *Disk) do(what string, f func(root *os.File) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return d.closedError()
	}
	root, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err = onDevice(root, d.mu.device); err == nil {
		err = f(root)
	}
	if err != nil {
		return fmt.Errorf("%s the disk at %s: %w", what, d.dir, err)
	}
	return nil
}

func (d *Disk) closedError() error { return fmt.Errorf("the disk at %s is closed", d.dir) }

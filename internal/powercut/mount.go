package powercut

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// loopControl hands out loop devices.
	loopControl = "/dev/loop-control"

	// attachAttempts bounds how often another process may take the device in between.
	attachAttempts = 20

	// releasePatience is how long a disk may be in use after its users have ended.
	releasePatience = 2 * time.Second
	releaseRetry    = 10 * time.Millisecond

	// mountOptions make the disk keep no more than it must, so that a cut shows what was not synced: no early
	// commits of the journal, and no help for programs that rename or truncate before they sync. An error that the
	// kernel finds makes it read-only.
	mountOptions = "commit=300,noauto_da_alloc,errors=remount-ro"
)

// mountLocked attaches the image to a loop device and mounts it.
func (d *Disk) mountLocked() error {
	device, f, err := attach(d.image)
	if err != nil {
		return fmt.Errorf("attach %s: %w", d.image, err)
	}
	// The device goes when its last user does: us until it is mounted, then the mount.
	defer f.Close()
	if err := unix.Mount(f.Name(), d.dir, "ext4", unix.MS_NOATIME|unix.MS_NOSUID|unix.MS_NODEV, mountOptions); err != nil {
		return fmt.Errorf("mount %s at %s: %w", f.Name(), d.dir, err)
	}
	d.mu.device = device
	return nil
}

// attach makes a free loop device of an image; the device is freed when the file, and whoever else opened the
// device, is closed.
func attach(image string) (device string, f *os.File, err error) {
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return "", nil, err
	}
	defer backing.Close() // the device has it open on its own
	control, err := os.OpenFile(loopControl, os.O_RDWR, 0)
	if err != nil {
		return "", nil, err
	}
	defer control.Close()
	for range attachAttempts {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return "", nil, err
		}
		device = fmt.Sprintf("loop%d", number)
		f, err = os.OpenFile(filepath.Join("/dev", device), os.O_RDWR, 0)
		if err != nil {
			return "", nil, err
		}
		config := unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		copy(config.Info.File_name[:len(config.Info.File_name)-1], image)
		err = unix.IoctlLoopConfigure(int(f.Fd()), &config)
		if err == nil {
			return device, f, nil
		}
		if err := errors.Join(err, f.Close()); !errors.Is(err, unix.EBUSY) {
			return "", nil, err
		}
	}
	return "", nil, unix.EBUSY
}

// unmountLocked unmounts the disk and waits until its device is free, so that nothing of it is left in the kernel.
func (d *Disk) unmountLocked() error {
	if d.mu.device == "" {
		return nil
	}
	deadline := time.Now().Add(releasePatience)
	err := unix.Unmount(d.dir, 0)
	for errors.Is(err, unix.EBUSY) && time.Now().Before(deadline) {
		time.Sleep(releaseRetry)
		err = unix.Unmount(d.dir, 0)
	}
	if err != nil && !errors.Is(err, unix.EINVAL) { // that is: it is not mounted any more
		return fmt.Errorf("unmount %s, end the processes that use it first: %w", d.dir, err)
	}
	for attached(d.mu.device, d.image) {
		if time.Now().After(deadline) {
			return fmt.Errorf("unmount %s: a process with mounts of its own has it mounted still, end that first", d.dir)
		}
		time.Sleep(releaseRetry)
	}
	d.mu.device = ""
	return nil
}

// attached reports whether a loop device is that of an image.
func attached(device, image string) bool {
	return backingFile(device) == image
}

// onDevice returns an error unless a file is on a loop device.
func onDevice(f *os.File, device string) error {
	var file, block unix.Stat_t
	if device == "" {
		return unix.ENODEV
	}
	if err := unix.Stat(filepath.Join("/dev", device), &block); err != nil {
		return err
	}
	if err := unix.Fstat(int(f.Fd()), &file); err != nil {
		return err
	}
	if file.Dev != block.Rdev {
		return fmt.Errorf("it is not mounted there: %w", unix.ENODEV)
	}
	return nil
}

// backingFile returns the file beneath a loop device, or "".
func backingFile(device string) string {
	name, err := os.ReadFile(filepath.Join("/sys/block", device, "loop/backing_file"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(name), "\n"), " (deleted)")
}

// SweepStale unmounts and removes the disks at or below dir whose process has ended. Directories are not removed.
func SweepStale(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find %s: %w", dir, err)
	}
	failed := sweep(dir)
	_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasSuffix(path, ImageSuffix) {
			failed = errors.Join(failed, sweep(strings.TrimSuffix(path, ImageSuffix)))
		}
		return nil // what cannot be read holds no disk that can be used
	})
	return failed
}

// sweep removes the disk of one directory if no process owns it.
func sweep(dir string) error {
	image := dir + ImageSuffix
	lock, err := os.OpenFile(image, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil
		}
		return fmt.Errorf("lock %s: %w", image, err)
	}
	if mountedFrom(image, dir) {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
	}
	return os.Remove(image)
}

// mountedFrom reports whether what is mounted at dir is an image.
func mountedFrom(image, dir string) bool {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		mounted, details, _ := strings.Cut(line, " - ")
		fields, source := strings.Fields(mounted), strings.Fields(details)
		if len(fields) < 5 || len(source) < 2 || unescape.Replace(fields[4]) != dir {
			continue
		}
		if device, ok := strings.CutPrefix(source[1], "/dev/"); ok && attached(device, image) {
			return true
		}
	}
	return false
}

// unescape undoes how mountinfo writes names.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

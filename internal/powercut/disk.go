package powercut

import "errors"

// Options say what to make.
type Options struct {
	// SizeMiB is how large the disk is; zero means DefaultSizeMiB. The file beneath is sparse.
	SizeMiB int
	// Image is the file that holds the disk; empty means the directory's name with ImageSuffix. It is made anew and
	// removed by Close.
	Image string
}

// DefaultSizeMiB is room for a small node.
const DefaultSizeMiB = 512

// ImageSuffix ends the names of images.
const ImageSuffix = ".powercut"

// Available returns nil if disks can be made here, and otherwise says in one sentence why not.
func Available() error { return errors.ErrUnsupported }

// Create makes an empty disk and mounts it at dir, which is created when absent. The root of the disk is empty
// but for ext4's lost+found.
func Create(dir string, options Options) (*Disk, error) { return nil, errors.ErrUnsupported }

// SweepStale unmounts and removes the disks at or below dir whose process has ended.
func SweepStale(dir string) error { return errors.ErrUnsupported }

// Disk is a disk that Create made.
type Disk struct{}

// Dir returns where it is mounted.
func (d *Disk) Dir() string { return "" }

// Cut takes the power away: all that uses the disk gets EIO from now on, and what was not synced is lost.
func (d *Disk) Cut() error { return nil }

// ReadOnly lets the kernel find an error on the disk: everything that writes gets EROFS from now on, or EIO, and
// what was not synced may be lost. Restore ends it.
func (d *Disk) ReadOnly() error { return nil }

// Restore gives the power back: it unmounts, which fails while a process uses the disk, and mounts again, which
// recovers the journal. Without a Cut or ReadOnly before it is an orderly remount.
func (d *Disk) Restore() error { return nil }

// Fill takes space with a file until only leaveBytes are left, give or take a block. Called again it replaces
// what it took before.
func (d *Disk) Fill(leaveBytes int64) error { return nil }

// Free gives the space back that Fill took.
func (d *Disk) Free() error { return nil }

// FreeBytes returns how much space is left.
func (d *Disk) FreeBytes() (int64, error) { return 0, nil }

// Close unmounts and removes the disk. It may be called again.
func (d *Disk) Close() error { return nil }

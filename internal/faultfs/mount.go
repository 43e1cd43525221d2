package faultfs

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const (
	// typeName is the file system's type in /proc/self/mountinfo.
	typeName = "fuse.katakv-faultfs"

	// nameTimeout is how long the kernel believes a name. Attributes it asks for each time: a dropped write
	// changes a size behind its back.
	nameTimeout = time.Second

	// maxWriteBytes is the largest request.
	maxWriteBytes = 1 << 20

	// unmountPatience is how long Unmount waits for users to go, and then for the library to end.
	unmountPatience = 2 * time.Second
	unmountRetry    = 20 * time.Millisecond
)

// FS is a mounted file system.
type FS struct {
	dir   string
	state *state
	ended chan struct{} // closed when the library serves no more

	once sync.Once
	err  error // of the first Unmount
}

// Available returns nil if such a file system can be mounted here, and otherwise says in one sentence why not.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("mounting needs the superuser")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("the kernel offers no FUSE: %w", err)
	}
	return f.Close()
}

// Mount mounts the directory backing at mountpoint; both must exist. What a killed process left mounted there is
// taken away first.
func Mount(backing, mountpoint string, options Options) (*FS, error) {
	dir, err := filepath.Abs(mountpoint)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", mountpoint, err)
	}
	if err := SweepStale(dir); err != nil {
		return nil, err
	}
	f := &FS{dir: dir, state: newState(options.Seed), ended: make(chan struct{})}
	server, err := f.mount(backing)
	if err != nil {
		return nil, fmt.Errorf("mount %s at %s: %w", backing, dir, err)
	}
	go func() {
		defer close(f.ended)
		server.Serve()
	}()
	if err := askForPolls(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("ask %s: %w", dir, err), f.Unmount())
	}
	return f, nil
}

// mount mounts, and returns a server that waits to serve. The library could mount by itself, but it leaves the
// descriptor open in processes that are started later, which would keep a dead mount hanging instead of failing.
func (f *FS) mount(backing string) (*fuse.Server, error) {
	inner, err := fs.NewLoopbackRoot(backing)
	if err != nil {
		return nil, err
	}
	root := &node{LoopbackNode: inner.(*fs.LoopbackNode), state: f.state}
	root.RootData.RootNode = root
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	data := fmt.Sprintf("fd=%d,rootmode=%o,user_id=0,group_id=0,max_read=%d", fd, unix.S_IFDIR, maxWriteBytes)
	if err := unix.Mount(filepath.Base(backing), f.dir, typeName, unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	names, attributes := nameTimeout, time.Duration(0)
	raw := fs.NewNodeFS(root, &fs.Options{EntryTimeout: &names, AttrTimeout: &attributes, NullPermissions: true})
	server, err := fuse.NewServer(raw, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		MaxWrite:             maxWriteBytes,
		DisableXAttrs:        true, // or the kernel asks for security.capability before each write
		DisableSplice:        true, // a write of maxWriteBytes does not fit into a pipe with its header
		Logger:               log.New(io.Discard, "", 0),
		DisabledCapabilities: fuse.CAP_PASSTHROUGH | fuse.CAP_WRITEBACK_CACHE,
	})
	if err != nil {
		return nil, errors.Join(err, unix.Unmount(f.dir, unix.MNT_FORCE|unix.MNT_DETACH))
	}
	return server, nil
}

// askForPolls asks once whether files can be polled, with a system call that the scheduler knows of, and teaches
// the kernel that they cannot. Opening a file through package os asks too, and holds a processor meanwhile
// that the answer may need.
func askForPolls(dir string) error {
	fd, err := unix.Open(filepath.Join(dir, ".go-fuse-epoll-hack"), unix.O_RDONLY|unix.O_CLOEXEC, 0) // the library's own
	if err != nil {
		return err
	}
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return errors.Join(err, unix.Close(fd))
}

// Unmount clears the faults and unmounts. If the mount is in use still it is taken away all the same, and its
// users get errors from then on; the error says so then. It is bounded in time and may be called again.
func (f *FS) Unmount() error {
	f.once.Do(func() { f.err = f.unmount() })
	return f.err
}

func (f *FS) unmount() error {
	f.Clear()
	err := unix.Unmount(f.dir, 0)
	for deadline := time.Now().Add(unmountPatience); errors.Is(err, unix.EBUSY) && time.Now().Before(deadline); {
		time.Sleep(unmountRetry)
		err = unix.Unmount(f.dir, 0)
	}
	if err != nil {
		// Force ends the connection, so that no user can hang on it, and detach the mount.
		err = errors.Join(fmt.Errorf("unmount %s: %w: taken away from its users", f.dir, err),
			unix.Unmount(f.dir, unix.MNT_FORCE|unix.MNT_DETACH))
	}
	select {
	case <-f.ended:
		return err
	case <-time.After(unmountPatience):
		return errors.Join(err, fmt.Errorf("unmount %s: it is served still", f.dir))
	}
}

// SweepStale unmounts the file systems of this package at or below dir whose process has ended.
func SweepStale(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find %s: %w", dir, err)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var failed error
	for line := range strings.Lines(string(table)) {
		mounted, details, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mounted)
		if len(fields) < 5 || !strings.HasPrefix(details, typeName+" ") {
			continue
		}
		at := unescape.Replace(fields[4])
		if at != dir && !strings.HasPrefix(at, strings.TrimSuffix(dir, "/")+"/") {
			continue
		}
		var stat unix.Statfs_t
		if err := unix.Statfs(at, &stat); !errors.Is(err, unix.ENOTCONN) {
			continue
		}
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			failed = errors.Join(failed, fmt.Errorf("unmount %s: %w", at, err))
		}
	}
	return failed
}

// unescape undoes how mountinfo writes names.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

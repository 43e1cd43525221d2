package faultfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// file is an open file. It has the library's as a field and not embedded: what that can do beside, such as handing
// its descriptor to the kernel to read and write without us (FUSE passthrough), would slip past the faults.
type file struct {
	node   *node
	inner  *fs.LoopbackFile
	number int // inner's descriptor, until Release
}

var _ interface {
	fs.FileReader
	fs.FileWriter
	fs.FileFlusher
	fs.FileReleaser
	fs.FileGetattrer
	fs.FileStatxer
	fs.FileAllocater
	fs.FileLseeker
} = (*file)(nil)

// newFile takes over a file that the library opened and returns the flags to answer the open with: reads and
// writes go past the page cache.
func newFile(n *node, handle fs.FileHandle) (fs.FileHandle, uint32, syscall.Errno) {
	inner, ok := handle.(*fs.LoopbackFile)
	if !ok {
		return nil, 0, syscall.EIO
	}
	number, ok := inner.PassthroughFd()
	if !ok {
		return nil, 0, syscall.EBADF
	}
	return &file{node: n, inner: inner, number: number}, fuse.FOPEN_DIRECT_IO, 0
}

// Read reads from the file.
func (f *file) Read(_ context.Context, buffer []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	f.node.state.count(func(c *Counters) { c.Reads++ })
	if errno := f.node.state.beforeRead(f.node); errno != 0 {
		return nil, errno
	}
	n, err := unix.Pread(f.number, buffer, at)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	f.node.state.count(func(c *Counters) { c.ReadBytes += uint64(n) })
	return fuse.ReadResultData(buffer[:n]), 0
}

// Write writes to the file.
func (f *file) Write(ctx context.Context, data []byte, at int64) (uint32, syscall.Errno) {
	f.node.state.count(func(c *Counters) { c.Writes++ })
	allowed, errno := f.node.state.beforeWrite(ctx, f.node, len(data))
	if errno != 0 {
		return 0, errno
	}
	n, err := f.node.unsynced.write(f.number, data[:allowed], at)
	if err != nil {
		return 0, fs.ToErrno(err)
	}
	f.node.state.count(func(c *Counters) { c.WrittenBytes += uint64(n) })
	return uint32(n), 0
}

// dataOnly is FUSE_FSYNC_FDATASYNC of the kernel's fuse.h.
const dataOnly = 1

// sync is fsync or, with the flag for it, fdatasync.
func (f *file) sync(ctx context.Context, flags uint32) syscall.Errno {
	f.node.state.count(func(c *Counters) { c.Syncs++ })
	drop, errno := f.node.state.beforeSync(ctx, f.node)
	if drop {
		bytes, err := f.node.unsynced.drop(f.number)
		f.node.state.count(func(c *Counters) { c.DroppedBytes += bytes })
		if err != nil {
			return fs.ToErrno(err)
		}
	}
	if errno != 0 {
		return errno
	}
	return fs.ToErrno(f.node.unsynced.sync(func() error {
		if flags&dataOnly != 0 {
			return unix.Fdatasync(f.number)
		}
		return unix.Fsync(f.number)
	}))
}

// Flush answers close. Nothing is kept back here, and saying so for good spares every close a request: a process
// that is about to become another program must not have to wait for one.
func (f *file) Flush(context.Context) syscall.Errno { return syscall.ENOSYS }

// Release ends the file.
func (f *file) Release(ctx context.Context) syscall.Errno { return f.inner.Release(ctx) }

// Getattr tells the attributes.
func (f *file) Getattr(ctx context.Context, out *fuse.AttrOut) syscall.Errno {
	return f.inner.Getattr(ctx, out)
}

// Statx tells the attributes.
func (f *file) Statx(ctx context.Context, flags, mask uint32, out *fuse.StatxOut) syscall.Errno {
	return f.inner.Statx(ctx, flags, mask, out)
}

// Lseek finds data and holes.
func (f *file) Lseek(ctx context.Context, at uint64, whence uint32) (uint64, syscall.Errno) {
	return f.inner.Lseek(ctx, at, whence)
}

// Allocate takes space for the file, or does one of the other things of fallocate.
func (f *file) Allocate(ctx context.Context, at, size uint64, mode uint32) syscall.Errno {
	if errno := f.node.state.beforeAllocate(f.node, int64(size)); errno != 0 {
		return errno
	}
	if mode&^unix.FALLOC_FL_KEEP_SIZE != 0 { // it changes what is there
		defer f.node.unsynced.forget()
	}
	return fs.ToErrno(f.node.unsynced.grow(f.number, func() error {
		if errno := f.inner.Allocate(ctx, at, size, mode); errno != 0 {
			return errno
		}
		return nil
	}))
}

// setattr changes a size, a mode, an owner or times. What a smaller size cuts off is lost at once.
func (f *file) setattr(ctx context.Context, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	change := func() error {
		if errno := f.inner.Setattr(ctx, in, out); errno != 0 {
			return errno
		}
		return nil
	}
	size, sized := in.GetSize()
	if !sized {
		return fs.ToErrno(change())
	}
	now, err := sizeOf(f.number)
	if err != nil {
		return fs.ToErrno(err)
	}
	if int64(size) < now {
		defer f.node.unsynced.forget()
		return fs.ToErrno(change())
	}
	return fs.ToErrno(f.node.unsynced.grow(f.number, change))
}

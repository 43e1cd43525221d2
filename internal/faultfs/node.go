package faultfs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// node is a file or directory: the library's that passes everything on, with the faults before it.
type node struct {
	*fs.LoopbackNode
	state    *state
	unsynced unsynced
}

// The library finds by these what a node does; those that are not here are LoopbackNode's.
var _ interface {
	fs.NodeWrapChilder
	fs.NodeOpener
	fs.NodeCreater
	fs.NodeOpendirHandler
	fs.NodeFsyncer
	fs.NodeStatfser
	fs.NodeSetattrer
	fs.NodeMknoder
	fs.NodeMkdirer
	fs.NodeSymlinker
	fs.NodeLinker
	fs.NodeUnlinker
	fs.NodeRmdirer
	fs.NodeRenamer
	fs.NodeTmpfiler
	fs.NodeCopyFileRanger
} = (*node)(nil)

// WrapChild makes the library's nodes ours.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: ops.(*fs.LoopbackNode), state: n.state}
}

// path returns the path beneath.
func (n *node) path() string {
	return filepath.Join(n.RootData.Path, n.Path(n.Root()))
}

// under reports whether n is the directory of this relative name or in it.
func (n *node) under(dir string) bool {
	path := n.Path(n.Root())
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// beneath turns the flags of an open into those for the file beneath: all writers read, for what they write over,
// and none are bound to blocks or to the end of the file, which the kernel has found already.
func beneath(flags uint32) uint32 {
	if flags&unix.O_ACCMODE == unix.O_WRONLY {
		flags = flags&^unix.O_ACCMODE | unix.O_RDWR
	}
	return flags &^ unix.O_DIRECT
}

// Open opens a file.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&unix.O_ACCMODE != unix.O_RDONLY || flags&unix.O_TRUNC != 0 {
		if errno := n.state.beforeChange(n, false); errno != 0 {
			return nil, 0, errno
		}
	}
	handle, _, errno := n.LoopbackNode.Open(ctx, beneath(flags))
	if errno != 0 {
		return nil, 0, errno
	}
	if flags&unix.O_TRUNC != 0 {
		n.unsynced.forget()
	}
	return newFile(n, handle)
}

// Create makes a file and opens it.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.state.beforeChange(n, true); errno != 0 {
		return nil, nil, 0, errno
	}
	inode, handle, _, errno := n.LoopbackNode.Create(ctx, name, beneath(flags), mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	made, ok := inode.Operations().(*node)
	if !ok {
		return nil, nil, 0, syscall.EIO
	}
	file, fuseFlags, errno := newFile(made, handle)
	return inode, file, fuseFlags, errno
}

// Tmpfile is refused, so that programs fall back to files with names.
func (n *node) Tmpfile(context.Context, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EOPNOTSUPP
}

// CopyFileRange is refused, so that copies are reads and writes, which meet their faults.
func (n *node) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.EOPNOTSUPP
}

// Fsync syncs a file.
func (n *node) Fsync(ctx context.Context, handle fs.FileHandle, flags uint32) syscall.Errno {
	f, ok := handle.(*file)
	if !ok {
		return syscall.EBADF
	}
	return f.sync(ctx, flags)
}

// directory is an open directory.
type directory struct {
	entries
	node *node
}

// entries is what the library needs of one to list it.
type entries interface {
	fs.FileReaddirenter
	fs.FileReleasedirer
	fs.FileSeekdirer
}

// OpendirHandle opens a directory.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	handle, fuseFlags, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	list, ok := handle.(entries)
	if !ok {
		return nil, 0, syscall.EIO
	}
	return &directory{entries: list, node: n}, fuseFlags, 0
}

// Fsyncdir syncs a directory.
func (d *directory) Fsyncdir(ctx context.Context, _ uint32) syscall.Errno {
	d.node.state.count(func(c *Counters) { c.DirSyncs++ })
	if _, errno := d.node.state.beforeSync(ctx, d.node); errno != 0 {
		return errno
	}
	f, err := os.Open(d.node.path())
	if err != nil {
		return fs.ToErrno(err)
	}
	defer f.Close()
	return fs.ToErrno(unix.Fsync(int(f.Fd())))
}

// Statfs tells how much space there is.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	errno := n.LoopbackNode.Statfs(ctx, out)
	faults := n.state.get()
	if errno != 0 || !faults.Full || !faults.ShowFull || out.Bsize == 0 || !n.state.hits(n) {
		return errno
	}
	left := uint64(max(faults.FullAfterBytes, 0)) / uint64(out.Bsize)
	out.Bfree, out.Bavail = min(out.Bfree, left), min(out.Bavail, left)
	return 0
}

// Setattr changes a size, a mode, an owner or times.
func (n *node) Setattr(ctx context.Context, handle fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.state.beforeChange(n, false); errno != 0 {
		return errno
	}
	f, open := handle.(*file)
	if !open {
		if _, sized := in.GetSize(); sized {
			n.unsynced.forget()
		}
		return n.LoopbackNode.Setattr(ctx, nil, in, out)
	}
	return f.setattr(ctx, in, out)
}

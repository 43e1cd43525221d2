package crashfs

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pageBytes is the unit in which a kernel writes files back.
const pageBytes = 4096

// owner marks the pages that one file system made since it was last copied: those it may write in place.
type owner struct{ _ byte }

// page is a piece of a file; a nil page is all zeroes.
type page struct {
	owner *owner
	data  [pageBytes]byte
}

var zeroes page

func (p *page) bytes() []byte {
	if p == nil {
		return zeroes.data[:]
	}
	return p.data[:]
}

// node is a file or a directory. The lock of the file system guards it.
type node struct {
	// children and durable are nil in a file: what names there are now, and what a crash leaves at least.
	children, durable map[string]*node

	pages []*page
	size  int64
	// Invariant: bytes at and beyond size are zero, in pages and in durable ones.

	durableSize int64
	// synced: it was ever synced, after which file systems do not forget its name while they keep later ones.
	synced bool
	// dirty are the pages of which the disk has another version, by ascending index. A page that is not here is
	// never written in place.
	dirty []dirtyPage
}

// dirtyPage is a page that was written since its file was synced.
type dirtyPage struct {
	index   int
	durable *page
	// dropped: a sync of it has failed, and no later one writes it.
	dropped bool
}

func newDir() *node {
	return &node{children: map[string]*node{}, durable: map[string]*node{}}
}

func (n *node) isDir() bool { return n.children != nil }

// walk visits n and everything in it, in the order of names.
func (n *node) walk(name string, visit func(name string, n *node)) {
	visit(name, n)
	for _, child := range slices.Sorted(maps.Keys(n.children)) {
		n.children[child].walk(path.Join(name, child), visit)
	}
}

// readAt returns how many bytes of p it filled.
func (n *node) readAt(p []byte, offset int64) int {
	if offset < 0 || offset >= n.size {
		return 0
	}
	p = p[:min(int64(len(p)), n.size-offset)]
	for done := 0; done < len(p); {
		at := offset + int64(done)
		done += copy(p[done:], n.page(int(at / pageBytes)).bytes()[at%pageBytes:])
	}
	return len(p)
}

func (n *node) page(i int) *page {
	if i >= len(n.pages) {
		return nil
	}
	return n.pages[i]
}

// durablePage returns page i as it is on the disk.
func (n *node) durablePage(i int) *page {
	if at, ok := n.findDirty(i); ok {
		return n.dirty[at].durable
	}
	return n.page(i)
}

func (n *node) findDirty(i int) (int, bool) {
	if len(n.dirty) == 0 || n.dirty[len(n.dirty)-1].index < i {
		return len(n.dirty), false
	}
	at := sort.Search(len(n.dirty), func(k int) bool { return n.dirty[k].index >= i })
	return at, n.dirty[at].index == i
}

// writeLocked writes p at offset, growing the file with zeroes up to it if need be.
func (f *FS) writeLocked(n *node, p []byte, offset int64) {
	n.size = max(n.size, offset+int64(len(p)))
	if missing := int((n.size+pageBytes-1)/pageBytes) - len(n.pages); missing > 0 {
		n.pages = append(n.pages, make([]*page, missing)...)
	}
	for len(p) > 0 {
		i, from := int(offset/pageBytes), int(offset%pageBytes)
		piece := p[:min(len(p), pageBytes-from)]
		f.writePageLocked(n, i, from, piece)
		p = p[len(piece):]
		offset += int64(len(piece))
	}
}

func (f *FS) writePageLocked(n *node, i, from int, piece []byte) {
	at, dirty := n.findDirty(i)
	if !dirty {
		n.dirty = slices.Insert(n.dirty, at, dirtyPage{index: i, durable: n.pages[i]})
	}
	n.dirty[at].dropped = false
	old := n.pages[i]
	own := dirty && old != nil && old.owner == f.mu.owner
	if len(piece) == pageBytes && bytes.Equal(piece, zeroes.data[:]) {
		n.pages[i] = nil
		if own {
			f.recycleLocked(old)
		}
		return
	}
	if !own {
		n.pages[i] = f.newPageLocked()
		copy(n.pages[i].data[:], old.bytes())
	}
	copy(n.pages[i].data[from:], piece)
}

// newPageLocked returns a page with any content.
func (f *FS) newPageLocked() *page {
	if last := len(f.mu.spare) - 1; last >= 0 {
		p := f.mu.spare[last]
		f.mu.spare = f.mu.spare[:last]
		return p
	}
	return &page{owner: f.mu.owner}
}

// recycleLocked takes back a page that n no longer uses, unless a copy of the file system may.
func (f *FS) recycleLocked(p *page) {
	if p != nil && p.owner == f.mu.owner && len(f.mu.spare) < maxSpare {
		f.mu.spare = append(f.mu.spare, p)
	}
}

// maxSpare bounds what is kept for reuse: enough for a batch of a log.
const maxSpare = 64

// syncFileLocked makes all that was written durable.
func (f *FS) syncFileLocked(n *node) {
	kept := n.dirty[:0]
	for _, d := range n.dirty {
		if d.dropped {
			kept = append(kept, d)
			continue
		}
		f.recycleLocked(d.durable)
	}
	n.dirty = kept
	n.durableSize = n.size
	n.synced = true
}

// dropLocked marks what a failed sync should have written.
func (n *node) dropLocked() {
	for i := range n.dirty {
		n.dirty[i].dropped = true
	}
}

func (n *node) info(name string) vfs.FileInfo {
	return &info{name: path.Base(name), size: n.size, dir: n.isDir()}
}

// info is a vfs.FileInfo. Files have no times: they would differ between runs.
type info struct {
	name string
	size int64
	dir  bool
}

// Name implements fs.FileInfo.
func (i *info) Name() string { return i.name }

// Size implements fs.FileInfo.
func (i *info) Size() int64 { return i.size }

// Mode implements fs.FileInfo.
func (i *info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// ModTime implements fs.FileInfo.
func (i *info) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (i *info) IsDir() bool { return i.dir }

// Sys implements fs.FileInfo.
func (i *info) Sys() any { return nil }

// DeviceID implements vfs.FileInfo.
func (i *info) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

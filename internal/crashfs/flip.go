package crashfs

import "math/rand/v2"

// FlipBit inverts one bit of durable data, drawn from all bytes of the files that match, and tells which byte it is
// in. It returns false when they hold none. A byte that was written and not synced shows the flip only after it was
// lost.
func (f *FS) FlipBit(rng *rand.Rand, match func(path string) bool) (path string, offset int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	type candidate struct {
		path string
		node *node
	}
	var files []candidate
	var total int64
	f.mu.root.walk("", func(name string, n *node) {
		if !n.isDir() && n.durableSize > 0 && match(name) {
			files = append(files, candidate{name, n})
			total += n.durableSize
		}
	})
	if total == 0 {
		return "", 0, false
	}
	at := rng.Int64N(total)
	for _, c := range files {
		if at < c.node.durableSize {
			f.flipLocked(c.node, at, byte(1)<<rng.IntN(8))
			return c.path, at, true
		}
		at -= c.node.durableSize
	}
	panic("unreachable: the sizes add up to the total")
}

func (f *FS) flipLocked(n *node, offset int64, mask byte) {
	i := int(offset / pageBytes)
	flipped := &page{owner: f.mu.owner}
	copy(flipped.data[:], n.durablePage(i).bytes())
	flipped.data[offset%pageBytes] ^= mask
	if at, dirty := n.findDirty(i); dirty {
		n.dirty[at].durable = flipped
		return
	}
	for len(n.pages) <= i {
		n.pages = append(n.pages, nil)
	}
	n.pages[i] = flipped
}

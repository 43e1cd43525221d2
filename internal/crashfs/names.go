package crashfs

import "slices"

// nameChange is one change of the names in a directory: node appears as name, or what was there goes when node is
// nil. A rename takes node's old name away with it.
type nameChange struct {
	dir  *node
	name string
	node *node

	from     *node
	fromName string

	// replaces: the name was taken.
	replaces bool
}

// creates reports whether it only adds a name.
func (c *nameChange) creates() bool { return c.node != nil && c.from == nil && !c.replaces }

// apply makes the change in names, which returns the names of a directory.
func (c *nameChange) apply(names func(dir *node) map[string]*node) {
	if c.from != nil && names(c.from)[c.fromName] == c.node {
		delete(names(c.from), c.fromName)
	}
	if c.node == nil {
		delete(names(c.dir), c.name)
		return
	}
	names(c.dir)[c.name] = c.node
}

// changeLocked makes the change, which stays pending until its directory is synced.
func (f *FS) changeLocked(c nameChange) {
	c.replaces = c.dir.children[c.name] != nil
	c.apply(func(dir *node) map[string]*node { return dir.children })
	f.mu.pending = append(f.mu.pending, c)
}

// syncDirLocked makes the names in dir durable, and those in directories that a pending rename ties to it.
func (f *FS) syncDirLocked(dir *node) {
	tied := map[*node]bool{dir: true}
	for more := true; more; {
		more = false
		for i := range f.mu.pending {
			c := &f.mu.pending[i]
			if c.from != nil && tied[c.dir] != tied[c.from] {
				tied[c.dir], tied[c.from] = true, true
				more = true
			}
		}
	}
	var gone []*node // directories that no sync will ever be asked for again
	f.mu.pending = slices.DeleteFunc(f.mu.pending, func(c nameChange) bool {
		if !tied[c.dir] {
			return false
		}
		if old := c.dir.durable[c.name]; old != nil && old.isDir() {
			gone = append(gone, old)
		}
		c.apply(func(dir *node) map[string]*node { return dir.durable })
		return true
	})
	if len(gone) > 0 {
		f.mu.pending = slices.DeleteFunc(f.mu.pending, func(c nameChange) bool { return slices.Contains(gone, c.dir) })
	}
}

package crashfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Keep says how much a crash leaves of what was not synced.
type Keep int

const (
	// KeepSynced leaves exactly what was synced.
	KeepSynced Keep = iota
	// KeepAll leaves everything, as if all had been synced a moment before.
	KeepAll
	// KeepSome draws what is left.
	KeepSome
)

// Crash returns a file system that a power cut at this moment may leave. All in it is durable. The generator is used
// with KeepSome only; the outcome depends on nothing but its draws and what was done to f before. f itself goes on to
// work and shares nothing that either can see.
func (f *FS) Crash(keep Keep, rng *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := crash{keep: keep, rng: rng, names: map[*node]map[string]*node{}, copies: map[*node]*node{}}
	if keep != KeepAll {
		c.drawNames(f.mu.pending)
	}
	left := New()
	c.owner = left.mu.owner
	f.disownLocked()
	left.mu.root = c.dir(f.mu.root)
	return left
}

// Clone returns a file system that the death of the process alone leaves: everything is there, and what was not
// durable still is not. Locks are released, and Intercept's function stays behind.
func (f *FS) Clone() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	left, copies := New(), map[*node]*node{}
	f.disownLocked()
	left.mu.root = f.mu.root.clone(copies)
	for _, c := range f.mu.pending {
		c.dir = c.dir.clone(copies)
		if c.node != nil {
			c.node = c.node.clone(copies)
		}
		if c.from != nil {
			c.from = c.from.clone(copies)
		}
		left.mu.pending = append(left.mu.pending, c)
	}
	return left
}

// disownLocked makes every page of f shared: it is copied before it is written.
func (f *FS) disownLocked() {
	f.mu.owner = &owner{}
	f.mu.spare = nil
}

// clone copies n with all that it holds, sharing the pages.
func (n *node) clone(copies map[*node]*node) *node {
	if c := copies[n]; c != nil {
		return c
	}
	c := &node{}
	copies[n] = c
	if n.isDir() {
		c.children, c.durable = map[string]*node{}, map[string]*node{}
		for name, child := range n.children {
			c.children[name] = child.clone(copies)
		}
		for name, child := range n.durable {
			c.durable[name] = child.clone(copies)
		}
		return c
	}
	*c = *n
	c.pages, c.dirty = slices.Clone(n.pages), slices.Clone(n.dirty)
	return c
}

// crash builds what one crash leaves.
type crash struct {
	keep  Keep
	rng   *rand.Rand
	owner *owner
	// names are those of the directories in which some pending change survives.
	names map[*node]map[string]*node
	// copies keeps a file with two names one file.
	copies map[*node]*node
}

// chance is drawn once for a crash or a file, so that all-or-nothing outcomes are common too.
func (c *crash) chance() float64 {
	return [...]float64{0, 0.2, 0.5, 0.9, 1}[c.rng.IntN(5)]
}

func (c *crash) draw(chance float64) bool { return c.rng.Float64() < chance }

// drawNames decides which of the pending changes survive.
func (c *crash) drawNames(pending []nameChange) {
	if c.keep == KeepSynced || len(pending) == 0 {
		return
	}
	chance := c.chance()
	broken := map[*node]bool{} // directories in which a change is lost
	ended := map[*node]bool{}  // directories in which all further ones are lost too
	for i := range pending {
		change := &pending[i]
		survives := c.draw(chance) && !ended[change.dir] && !ended[change.from]
		if !change.creates() && (broken[change.dir] || broken[change.from]) {
			survives = false
		}
		if survives {
			change.apply(c.namesOf)
			continue
		}
		broken[change.dir] = true
		if change.from != nil {
			broken[change.from] = true
		}
		if change.creates() && change.node.synced {
			ended[change.dir] = true
		}
	}
}

// namesOf returns the names that survive in dir, for changing.
func (c *crash) namesOf(dir *node) map[string]*node {
	names := c.names[dir]
	if names == nil {
		names = maps.Clone(dir.durable)
		c.names[dir] = names
	}
	return names
}

func (c *crash) dir(n *node) *node {
	names := n.durable
	if c.keep == KeepAll {
		names = n.children
	} else if drawn, ok := c.names[n]; ok {
		names = drawn
	}
	left := newDir()
	c.copies[n] = left
	for _, name := range slices.Sorted(maps.Keys(names)) {
		child := names[name]
		at := c.copies[child]
		switch {
		case at != nil:
		case child.isDir():
			at = c.dir(child)
		default:
			at = c.file(child)
		}
		left.children[name], left.durable[name] = at, at
	}
	return left
}

func (c *crash) file(n *node) *node {
	left := &node{pages: slices.Clone(n.pages), size: n.size}
	c.copies[n] = left
	cut := cutter{crash: c, from: n, left: left}
	cut.pages()
	left.durableSize = left.size
	return left
}

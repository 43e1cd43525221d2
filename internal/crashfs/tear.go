package crashfs

// cutter draws what is left of one file. The file that is left starts as everything.
type cutter struct {
	crash      *crash
	from, left *node
}

// Ways in which a file may lose what was not synced.
const (
	loseAll     = iota // nothing unsynced survives
	loseNothing        // everything does
	loseTail           // what comes first in the file survives, up to some byte
	losePages          // each page survives or not, or up to some byte
	waysToLose
	lengthFirst = 3 // one file in so many gets a length that outruns its data
)

// pages takes away what does not survive.
func (c *cutter) pages() {
	n := c.from
	if len(n.dirty) == 0 && n.size == n.durableSize {
		return
	}
	way, reached, outruns := loseAll, n.durableSize, false
	switch c.crash.keep {
	case KeepSynced:
	case KeepAll:
		way = loseNothing
	case KeepSome:
		way = c.crash.rng.IntN(waysToLose)
		outruns = c.crash.rng.IntN(lengthFirst) == 0
	}
	switch way {
	case loseAll:
		c.loseAfter(0, 0)
	case loseNothing:
		c.loseAfter(len(n.dirty), 0)
		reached = n.size
	case loseTail:
		at := c.crash.rng.IntN(len(n.dirty) + 1)
		bytes := c.tornAt(at)
		c.loseAfter(at, bytes)
		reached = max(reached, c.endOf(at, bytes))
	case losePages:
		chance := c.crash.chance()
		for at := range n.dirty {
			bytes := c.drawBytes(at, chance)
			c.keep(at, bytes)
			if bytes > 0 {
				reached = max(reached, min(n.size, int64(n.dirty[at].index)*pageBytes+int64(bytes)))
			}
		}
	}
	if outruns && n.size > reached {
		reached += 1 + c.crash.rng.Int64N(n.size-reached)
	}
	c.cutTo(reached)
}

// tornAt draws how much of dirty page at survives when all before it does.
func (c *cutter) tornAt(at int) int {
	if at == len(c.from.dirty) || c.crash.rng.IntN(4) == 0 {
		return 0
	}
	return c.crash.rng.IntN(pageBytes)
}

// drawBytes draws how much of dirty page at survives: nothing, all, or rarely a part.
func (c *cutter) drawBytes(at int, chance float64) int {
	switch {
	case c.from.dirty[at].dropped || !c.crash.draw(chance):
		return 0
	case c.crash.rng.IntN(8) == 0:
		return c.crash.rng.IntN(pageBytes)
	}
	return pageBytes
}

// loseAfter keeps the dirty pages before at, and so many bytes of that one.
func (c *cutter) loseAfter(at, bytes int) {
	for i := range c.from.dirty {
		switch {
		case i < at:
			c.keep(i, pageBytes)
		case i == at:
			c.keep(i, bytes)
		default:
			c.keep(i, 0)
		}
	}
}

// endOf returns how far the file reaches when its dirty pages survive up to so many bytes of page at.
func (c *cutter) endOf(at, bytes int) int64 {
	n := c.from
	switch {
	case at == len(n.dirty):
		return n.size
	case bytes > 0:
		return min(n.size, int64(n.dirty[at].index)*pageBytes+int64(bytes))
	case at > 0:
		return min(n.size, int64(n.dirty[at-1].index+1)*pageBytes)
	}
	return 0
}

// keep leaves the first so many bytes of dirty page at, and what was durable in the rest.
func (c *cutter) keep(at, bytes int) {
	d := &c.from.dirty[at]
	switch {
	case bytes == 0 || d.dropped:
		c.left.pages[d.index] = d.durable
	case bytes < pageBytes:
		torn := &page{owner: c.crash.owner}
		copy(torn.data[:], c.from.pages[d.index].bytes()[:bytes])
		copy(torn.data[bytes:], d.durable.bytes()[bytes:])
		c.left.pages[d.index] = torn
	}
}

// cutTo sets the length, and clears what lies beyond it.
func (c *cutter) cutTo(size int64) {
	n := c.left
	n.size = size
	n.pages = n.pages[:(size+pageBytes-1)/pageBytes]
	last, used := len(n.pages)-1, size%pageBytes
	// The durable page is clear beyond the durable length.
	if used > 0 && n.pages[last] != nil && n.pages[last] != c.from.durablePage(last) {
		cut := &page{owner: c.crash.owner}
		copy(cut.data[:used], n.pages[last].bytes())
		n.pages[last] = cut
	}
}

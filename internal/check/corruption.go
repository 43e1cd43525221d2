package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Corruption checks that a node whose disk lost or changed what had been synced notices before it says anything: it
// does not open, and answers nobody, until its disk was replaced. Damage is done to nodes that are down. The zero
// value is ready.
type Corruption struct {
	damage map[katakv.NodeID]string
}

// Damaged tells what was done to a node's disk below the synced mark, such as "bit 5 of byte 812 of 000012.sst".
func (c *Corruption) Damaged(node katakv.NodeID, what string) {
	if c.damage == nil {
		c.damage = map[katakv.NodeID]string{}
	}
	c.damage[node] = what
}

// Replaced tells that the node begins again with an empty disk.
func (c *Corruption) Replaced(node katakv.NodeID) { delete(c.damage, node) }

// Opened tells that a node opened its disk without complaint.
func (c *Corruption) Opened(node katakv.NodeID) error { return c.noticed(node, "opened its disk") }

// Answered tells that a node answered a client or another node.
func (c *Corruption) Answered(node katakv.NodeID) error { return c.noticed(node, "answered") }

func (c *Corruption) noticed(node katakv.NodeID, did string) error {
	if len(c.damage) == 0 {
		return nil
	}
	if what, damaged := c.damage[node]; damaged {
		return fmt.Errorf("%v %s in spite of damage: %s", node, did, what)
	}
	return nil
}

package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Epochs checks the cluster map: its epoch never goes back on a node, not over a restart either behind what the node
// had on disk, and equal epochs mean equal maps. The zero value is ready.
type Epochs struct {
	nodes map[katakv.NodeID]*epochs
	maps  map[katakv.Epoch]contents
}

// epochs is the map that a node uses, and the one that it has on disk.
type epochs struct{ seen, durable katakv.Epoch }

// contents is the digest of a map, and which node was the first to have it.
type contents struct {
	digest uint64
	node   katakv.NodeID
}

// Saw tells which map a node uses now, by its epoch and the digest of its contents.
func (e *Epochs) Saw(node katakv.NodeID, epoch katakv.Epoch, digest uint64) error {
	mirror := e.node(node)
	if epoch < mirror.seen {
		return fmt.Errorf("%v went back from epoch %d to %d", node, mirror.seen, epoch)
	}
	mirror.seen = epoch
	return e.same(node, epoch, digest)
}

// Durable tells which map a node has on disk now.
func (e *Epochs) Durable(node katakv.NodeID, epoch katakv.Epoch, digest uint64) error {
	mirror := e.node(node)
	if epoch < mirror.durable {
		return fmt.Errorf("%v went back from epoch %d to %d on disk", node, mirror.durable, epoch)
	}
	mirror.durable = epoch
	return e.same(node, epoch, digest)
}

// Restarted tells which map a node uses after a restart.
func (e *Epochs) Restarted(node katakv.NodeID, epoch katakv.Epoch, digest uint64) error {
	mirror := e.node(node)
	if epoch < mirror.durable {
		return fmt.Errorf("%v has epoch %d after a restart, but had epoch %d on disk", node, epoch, mirror.durable)
	}
	mirror.seen = epoch
	return e.same(node, epoch, digest)
}

func (e *Epochs) same(node katakv.NodeID, epoch katakv.Epoch, digest uint64) error {
	first, known := e.maps[epoch]
	if !known {
		e.maps[epoch] = contents{digest, node}
		return nil
	}
	if first.digest != digest {
		return fmt.Errorf("%v has a map of epoch %d with digest %016x, but that of %v had %016x", node, epoch, digest,
			first.node, first.digest)
	}
	return nil
}

func (e *Epochs) node(id katakv.NodeID) *epochs {
	mirror := e.nodes[id]
	if mirror == nil {
		if e.nodes == nil {
			e.nodes, e.maps = map[katakv.NodeID]*epochs{}, map[katakv.Epoch]contents{}
		}
		mirror = &epochs{}
		e.nodes[id] = mirror
	}
	return mirror
}

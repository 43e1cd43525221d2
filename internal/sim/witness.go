package sim

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/raftlog"
)

type witness struct{ c *Cluster }

func newWitness(c *Cluster, m *placement.Map) *witness { return &witness{c} }

func (w *witness) started(n *Node, recovered []raftlog.RecoveredReplica, metas []kv.ShardMeta) error {
	return nil
}
func (w *witness) observe(n *Node)                                             {}
func (w *witness) passed(n *Node, fx *core.Effects)                            {}
func (w *witness) installed(n *Node, shard katakv.ShardID, meta kv.Meta)       {}
func (w *witness) mapSeen(n *Node)                                             {}
func (w *witness) synced(n *Node, done []logged)                               {}
func (w *witness) flushed(n *Node)                                             {}
func (w *witness) ended(n *Node)                                               {}
func (w *witness) taken(n *Node, s core.SnapshotSend)                          {}
func (w *witness) compare(n *Node, shard katakv.ShardID) error                 { return nil }

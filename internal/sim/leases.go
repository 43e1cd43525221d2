package sim

import (
	"fmt"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// leases holds what strong reads rest on at its cause, by true time: once somebody is elected in a term, no leader of an
// earlier one has a lease, then or ever after; and who has one has applied every write that was acknowledged. A read that
// is stale shows that as well, but a read has to come just then.
type leases struct {
	cluster *Cluster
	// written is the last index of each shard at which a write was acknowledged.
	written map[katakv.ShardID]katakv.Index
	// young counts down the passes of each node after it has won an election.
	young map[katakv.NodeID]int
	// newest is the newest term of each shard in which somebody was elected.
	newest map[katakv.ShardID]katakv.Term
	// began holds in which term each replica was when a session of its node began.
	began map[sessionOf]map[katakv.ReplicaID]katakv.Term
	// bound holds the last firm promise of each node.
	bound map[katakv.NodeID]firmPromise
}

// firmPromise is until when a node, by its own clock, is bound by what one of its lives has promised.
type firmPromise struct {
	life  int
	until time.Duration
}

// sessionOf is a session of one node's promises.
type sessionOf struct {
	node    katakv.NodeID
	session wire.Session
}

func newLeases(c *Cluster) *leases {
	return &leases{
		cluster: c, written: make(map[katakv.ShardID]katakv.Index), young: make(map[katakv.NodeID]int),
		newest: make(map[katakv.ShardID]katakv.Term), began: make(map[sessionOf]map[katakv.ReplicaID]katakv.Term),
		bound: make(map[katakv.NodeID]firmPromise),
	}
}

// elected follows an election that a node has won.
func (l *leases) elected(winner *Node, won replica.Leadership) error {
	l.newest[won.Shard] = max(l.newest[won.Shard], won.Term)
	l.young[winner.id] = youngPasses
	for _, n := range l.cluster.nodes {
		if !n.up {
			continue
		}
		for _, s := range n.core.Status() {
			if s.Shard != won.Shard {
				continue
			}
			if err := l.observe(n, &s); err != nil {
				return err
			}
		}
	}
	return nil
}

// observe looks whether a replica has a lease that it must not have.
func (l *leases) observe(n *Node, s *core.Status) error {
	now := n.now()
	switch {
	case !s.Self || now >= s.Lease:
	case s.Term < l.newest[s.Shard]:
		return fmt.Errorf("%v/%v leads in term %d with a lease for another %v, although %d has a leader",
			s.Shard, s.Replica, s.Term, s.Lease-now, l.newest[s.Shard])
	case s.Applied < l.written[s.Shard]:
		return fmt.Errorf("%v/%v leads in term %d with a lease, and has applied %d, although a write at %d was acknowledged",
			s.Shard, s.Replica, s.Term, s.Applied, l.written[s.Shard])
	}
	return nil
}

// youngPasses is for how many passes a node is watched closely after it has won an election.
const youngPasses = 20

// passed looks at the leases of a node that has just begun to lead.
func (l *leases) passed(n *Node) error {
	if l.young[n.id] == 0 {
		return nil
	}
	l.young[n.id]--
	for _, s := range n.core.Status() {
		if err := l.observe(n, &s); err != nil {
			return err
		}
	}
	return nil
}

// wrote follows the acknowledgement of a write.
func (l *leases) wrote(shard katakv.ShardID, index katakv.Index) {
	l.written[shard] = max(l.written[shard], index)
}

// promised follows a node that is about to promise, in a session that begins.
func (l *leases) promised(n *Node, session wire.Session) {
	terms := make(map[katakv.ReplicaID]katakv.Term)
	for _, s := range n.core.Status() {
		terms[s.Replica] = s.Term
	}
	l.began[sessionOf{n.id, session}] = terms
}

// answered follows a node that answers a probe.
func (l *leases) answered(n *Node, answer *wire.ProbeAnswer) {
	if answer.Promise > 0 {
		l.bound[n.id] = firmPromise{n.life, n.now() + answer.Promise}
	}
}

// said follows a message of a replica.
func (l *leases) said(n *Node, item *wire.RaftItem) error {
	switch m := item.Message; m.GetType() {
	case raftpb.MsgVoteResp, raftpb.MsgPreVoteResp:
		if b := l.bound[n.id]; !m.GetReject() && b.life != n.life && n.now() < b.until {
			return fmt.Errorf("%v gives a vote in %v, although it had promised before it restarted to give none for another %v",
				n.id, item.Shard, b.until-n.now())
		}
	default:
	}
	return l.acknowledged(n, item)
}

// acknowledged follows an acknowledgement: no leader may take the promise of somebody who had left its term before.
func (l *leases) acknowledged(n *Node, item *wire.RaftItem) error {
	m := item.Message
	if item.Session == (wire.Session{}) {
		return nil
	}
	if t := m.GetType(); t != raftpb.MsgAppResp {
		return fmt.Errorf("%v stamps a %v of %v", n.id, t, item.Shard)
	}
	terms, known := l.began[sessionOf{n.id, item.Session}]
	if had := terms[katakv.ReplicaID(m.GetFrom())]; !known || had > katakv.Term(m.GetTerm()) {
		return fmt.Errorf("%v acknowledges an append of term %d of %v in session %v, which began when it was in term %d",
			n.id, m.GetTerm(), item.Shard, item.Session, had)
	}
	return nil
}

package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/raftlog"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/wire"
)

// witness follows every effect of every node and holds it against the checkers of internal/check. It sees what goes
// in and out of the cores, never what is in them, the standing that they report apart.
type witness struct {
	cluster *Cluster
	voters  map[katakv.ShardID][]katakv.ReplicaID
	owner   map[katakv.ReplicaID]katakv.NodeID

	elections  check.Elections
	logs       check.Logs
	commits    *check.Commits
	durability check.Durability
	progress   check.Progress
	states     check.States
	snapshots  check.Snapshots
	epochs     check.Epochs
	configs    check.Configurations
	corruption check.Corruption
	ages       check.Ages
	questions  check.Questions
	routes     check.Routes
	bounds     *bounds
	leases     *leases
}

func newWitness(c *Cluster, m *placement.Map) *witness {
	w := &witness{
		cluster: c, voters: make(map[katakv.ShardID][]katakv.ReplicaID), owner: make(map[katakv.ReplicaID]katakv.NodeID),
		bounds: newBounds(c), leases: newLeases(c),
	}
	w.commits = check.NewCommits(&w.logs)
	for i := range m.Shards {
		s := &m.Shards[i]
		for _, r := range s.Replicas {
			w.voters[s.ID] = append(w.voters[s.ID], r.ID)
			w.owner[r.ID] = r.Node
		}
	}
	return w
}

// hold records a violation, if there is one.
func (w *witness) hold(err error) { w.cluster.fail(err) }

// begins follows what a bootstrapped node finds on its disk.
func (w *witness) begins(metas []kv.ShardMeta) {
	for i := range metas {
		meta := &metas[i]
		m, at := check.Member{Shard: meta.Shard, Replica: meta.Replica}, positionOf(&meta.Meta)
		w.logs.Begin(m.Shard, at)
		w.hold(w.configs.Begin(m.Shard, at.Index, configuration(meta.ConfState)))
		w.hold(w.durability.Synced(m, check.Update{Snapshot: &at, HardState: true, Term: at.Term}))
		w.hold(w.progress.DurableState(m, at.Index))
	}
}

// started follows a node that has recovered and not done anything yet.
func (w *witness) started(n *Node, recovered []raftlog.RecoveredReplica, metas []kv.ShardMeta) error {
	w.routes.Restarted(n.id)
	logged := make(map[check.Member]*raftlog.RecoveredReplica, len(recovered))
	for i := range recovered {
		logged[check.Member{Shard: recovered[i].Shard, Replica: recovered[i].Replica}] = &recovered[i]
	}
	standing := n.core.Status()
	for i := range metas {
		m := check.Member{Shard: metas[i].Shard, Replica: metas[i].Replica}
		if standing[i].Replica != m.Replica {
			return fmt.Errorf("%v stands where %v was recovered", standing[i].Replica, m)
		}
		if err := w.restarted(m, &metas[i].Meta, logged[m], &standing[i]); err != nil {
			return errors.Join(err, w.corruption.Opened(n.id))
		}
	}
	// Everything that was synced is there: the damage is where nothing lives.
	w.corruption.Replaced(n.id)
	n.disk.damaged = ""
	w.hold(w.epochs.Restarted(n.id, n.known.Epoch, digest(n.known)))
	return nil
}

func (w *witness) restarted(m check.Member, meta *kv.Meta, found *raftlog.RecoveredReplica, now *core.Status) error {
	base := positionOf(meta)
	after, held := entriesAfter(base, found)
	u := check.Update{Snapshot: &base, HardState: true, Term: now.Term, Vote: now.Vote, Entries: after}
	return errors.Join(
		w.durability.Recovered(m, u, !held),
		w.logs.Restart(m, base, after),
		w.progress.Restarted(m, standingOf(now)),
	)
}

// entriesAfter returns the recovered entries behind the state's position, and whether the log held that.
func entriesAfter(base check.Position, found *raftlog.RecoveredReplica) (after []check.Entry, held bool) {
	if found == nil {
		return nil, false
	}
	mark := found.Snapshot
	held = mark.Index == base.Index && mark.Term == base.Term
	for _, e := range found.Entries {
		switch entry := entryOf(e); {
		case entry.Index == base.Index:
			held = held || entry.Term == base.Term
		case entry.Index > base.Index:
			after = append(after, entry)
		}
	}
	if !held {
		return nil, false
	}
	return after, true
}

// noted is an update of a log in the words of the checkers.
type noted struct {
	check.Member
	check.Update
}

// passed follows the effects of a pass before anybody else hears of them. It returns what it noted of the log batch,
// to be told again once that is on disk.
func (w *witness) passed(n *Node, fx *core.Effects) []noted {
	w.hold(w.corruption.Answered(n.id))
	var batch []noted
	if fx.Log != nil {
		for i := range fx.Log.Updates {
			batch = append(batch, w.appended(&fx.Log.Updates[i]))
		}
	}
	for _, l := range fx.Leaderships {
		if l.Self {
			w.won(n, l)
		}
	}
	for _, f := range fx.Frames {
		for i := range f.Message.Items {
			item := &f.Message.Items[i]
			w.said(item.Shard, item.Message)
			w.hold(w.leases.said(n, item))
		}
	}
	for i := range fx.Completions {
		w.completed(n, &fx.Completions[i])
	}
	w.hold(w.leases.passed(n))
	return batch
}

// appended follows an update on its way to the log.
func (w *witness) appended(u *raftlog.Update) noted {
	on := noted{check.Member{Shard: u.Shard, Replica: u.Replica}, check.Update{Entries: entriesOf(u.Entries)}}
	if w.cluster.opts.Messages {
		w.cluster.tell("%v logs hard state %v, snapshot %v, entries %v", on.Member, u.HardState, u.Snapshot, len(on.Entries))
	}
	if hs := u.HardState; hs != nil {
		on.HardState, on.Term, on.Vote, on.Commit = true, katakv.Term(hs.GetTerm()), katakv.ReplicaID(hs.GetVote()), katakv.Index(hs.GetCommit())
	}
	if u.Snapshot.Index == 0 {
		w.hold(w.logs.Append(on.Member, on.Entries))
		return on
	}
	on.Snapshot = &check.Position{Index: u.Snapshot.Index, Term: u.Snapshot.Term}
	w.hold(w.logs.Restart(on.Member, *on.Snapshot, on.Entries))
	return on
}

func (w *witness) won(n *Node, l replica.Leadership) {
	m := check.Member{Shard: l.Shard, Replica: l.Leader}
	w.cluster.tell("%v leads %v in term %d", n.id, l.Shard, l.Term)
	w.hold(w.elections.Won(m, l.Term))
	w.hold(w.commits.Elected(m, l.Term))
	w.hold(w.leases.elected(n, l))
}

// claims follows what a node tells the others that it leads.
func (w *witness) claims(n *Node, leading []wire.Leading) {
	for _, l := range leading {
		here, _ := n.known.Shard(l.Shard).ReplicaOn(n.id)
		w.hold(w.elections.Claimed(check.Member{Shard: l.Shard, Replica: here.ID}, l.Term))
	}
}

// routed follows whom a node's router takes for the leaders.
func (w *witness) routed(n *Node) {
	w.claims(n, n.router.Leading())
	for i := range n.known.Shards {
		shard := n.known.Shards[i].ID
		leader, term := n.router.Leader(shard)
		winner := w.owner[w.elections.Leader(shard, term)]
		w.hold(w.routes.Knows(n.id, shard, term, leader, winner))
	}
}

// said follows a message that a replica sends: nothing may be said before the disk holds what it rests on.
func (w *witness) said(shard katakv.ShardID, msg *raftpb.Message) {
	m := check.Member{Shard: shard, Replica: katakv.ReplicaID(msg.GetFrom())}
	term := katakv.Term(msg.GetTerm())
	if w.cluster.opts.Messages {
		w.cluster.tell("%v sends %v to %v: term %d, index %d of term %d, commit %d, %d entries, reject %v", m, msg.GetType(),
			katakv.ReplicaID(msg.GetTo()), term, msg.GetIndex(), msg.GetLogTerm(), msg.GetCommit(), len(msg.GetEntries()), msg.GetReject())
	}
	switch msg.GetType() {
	case raftpb.MsgApp:
		after := check.Position{Index: katakv.Index(msg.GetIndex()), Term: katakv.Term(msg.GetLogTerm())}
		w.hold(w.logs.Sent(m, term, after, entriesOf(msg.GetEntries())))
	case raftpb.MsgReadIndex:
		w.hold(w.questions.Asked(m, katakv.ReplicaID(msg.GetTo()), binary.BigEndian.Uint64(msg.GetContext())))
	case raftpb.MsgVote:
		w.hold(w.durability.VoteAsked(m, term))
	case raftpb.MsgVoteResp:
		if !msg.GetReject() {
			w.hold(w.durability.VoteGranted(m, term, katakv.ReplicaID(msg.GetTo())))
		}
	case raftpb.MsgAppResp:
		if !msg.GetReject() {
			w.hold(w.durability.AppendAcknowledged(m, term, katakv.Index(msg.GetIndex())))
		}
	}
}

// completed follows what a node is about to answer.
func (w *witness) completed(n *Node, done *replica.Completion) {
	if done.Err != nil {
		return
	}
	now, shard := w.cluster.queue.now, done.Request.Shard
	if done.Request.Writes() {
		w.hold(w.durability.WriteAcknowledged(shard, done.Index, w.voters[shard]))
		w.ages.Acknowledged(now, shard, done.Index)
		w.leases.wrote(shard, done.Index)
		return
	}
	if n.replaced[shard] {
		w.hold(fmt.Errorf("%v answers a read of %v at index %d from what a snapshot has replaced", n.id, shard, done.Index))
	}
	if done.Level != katakv.LevelStrong {
		here, _ := n.known.Shard(shard).ReplicaOn(n.id)
		w.hold(w.ages.Answered(now, check.Member{Shard: shard, Replica: here.ID}, done.Index, done.Age))
	}
}

// observe looks where every replica of a node stands.
func (w *witness) observe(n *Node) {
	rows := n.core.Status()
	w.hold(w.bounds.observe(n, rows))
	for i := range rows {
		s := &rows[i]
		w.hold(w.leases.observe(n, s))
		if s.Installing {
			continue // its state and its log are between two positions
		}
		m := check.Member{Shard: s.Shard, Replica: s.Replica}
		w.hold(w.progress.Observed(m, standingOf(s)))
		w.hold(w.commits.Committed(m, s.Commit, s.Term))
		w.hold(w.commits.Applied(m, s.Applied))
	}
}

// synced follows log batches that are on disk now.
func (w *witness) synced(done []logged) {
	for i := range done {
		for _, on := range done[i].noted {
			if on.HardState {
				w.hold(w.progress.DurableLog(on.Member, on.Term, on.Vote, on.Commit))
			}
			w.hold(w.durability.Synced(on.Member, on.Update))
		}
	}
}

// flushed follows a node whose state is durable as it is now.
func (w *witness) flushed(metas []kv.ShardMeta) {
	for i := range metas {
		m := check.Member{Shard: metas[i].Shard, Replica: metas[i].Replica}
		w.hold(w.progress.DurableState(m, metas[i].Applied))
	}
}

// taken follows a snapshot that is about to be sent.
func (w *witness) taken(n *Node, s core.SnapshotSend) {
	sum, index, err := kv.Checksum(s.View, s.Shard)
	w.hold(err)
	m := check.Member{Shard: s.Shard, Replica: katakv.ReplicaID(s.Message.GetFrom())}
	w.hold(w.snapshots.Taken(m, index, sum))
	w.hold(w.states.Saw(m, index, sum, "snapshot"))
	if at := katakv.Index(s.Message.GetSnapshot().GetMetadata().GetIndex()); at != index {
		w.hold(fmt.Errorf("%v announces a snapshot of %v at %d that is of %d", n.id, s.Shard, at, index))
	}
}

// installed follows a snapshot that is part of a node's durable state now.
func (w *witness) installed(n *Node, shard katakv.ShardID, meta *kv.Meta) {
	m := check.Member{Shard: shard, Replica: meta.Replica}
	sum, index, err := n.checksum(shard)
	w.hold(err)
	w.hold(w.snapshots.Installed(m, index, sum))
	w.hold(w.configs.Installed(m, index, configuration(meta.ConfState)))
	w.hold(w.progress.DurableState(m, meta.Applied))
}

// damaged follows harm to the disk of a node that is down.
func (w *witness) damaged(n *Node, path string, offset int64) {
	w.corruption.Damaged(n.id, fmt.Sprintf("a bit of %s at %d", path, offset))
}

// mapSeen follows a cluster map that a node has on disk and uses from now on.
func (w *witness) mapSeen(n *Node) {
	sum := digest(n.known)
	w.hold(w.epochs.Durable(n.id, n.known.Epoch, sum))
	w.hold(w.epochs.Saw(n.id, n.known.Epoch, sum))
}

// compare holds the state of a replica against what others had at the same index.
func (w *witness) compare(n *Node, shard katakv.ShardID, id katakv.ReplicaID) {
	sum, index, err := n.checksum(shard)
	w.hold(err)
	w.hold(w.states.Saw(check.Member{Shard: shard, Replica: id}, index, sum, n.id.String()))
}

func positionOf(meta *kv.Meta) check.Position {
	return check.Position{Index: meta.Applied, Term: meta.AppliedTerm}
}

func standingOf(s *core.Status) check.Standing {
	return check.Standing{Term: s.Term, Vote: s.Vote, Commit: s.Commit, Applied: s.Applied, Last: s.Last}
}

var entryTable = crc64.MakeTable(crc64.ECMA)

func entryOf(e *raftpb.Entry) check.Entry {
	return check.Entry{
		Position: check.Position{Index: katakv.Index(e.GetIndex()), Term: katakv.Term(e.GetTerm())},
		Hash:     crc64.Checksum(e.GetData(), entryTable) + uint64(e.GetType()),
	}
}

func entriesOf(list []*raftpb.Entry) []check.Entry {
	entries := make([]check.Entry, len(list))
	for i, e := range list {
		entries[i] = entryOf(e)
	}
	return entries
}

func configuration(cs *raftpb.ConfState) check.Configuration {
	ids := func(list []uint64) []katakv.ReplicaID {
		var out []katakv.ReplicaID
		for _, id := range list {
			out = append(out, katakv.ReplicaID(id))
		}
		return out
	}
	return check.Configuration{
		Voters: ids(cs.GetVoters()), Outgoing: ids(cs.GetVotersOutgoing()),
		Learners: ids(append(cs.GetLearners(), cs.GetLearnersNext()...)),
	}
}

func digest(m *placement.Map) uint64 { return crc64.Checksum(m.Encode(), entryTable) }

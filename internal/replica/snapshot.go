package replica

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/raftlog"
)

// takeSnapshot answers Raft's wish to send a snapshot with a view of the engine. The view travels on with the
// MsgSnap that Raft makes of it; the message itself carries no data.
func (r *Replica) takeSnapshot() (*raftpb.Snapshot, error) {
	if r.view != nil || (r.cfg.MaySnapshot != nil && !r.cfg.MaySnapshot()) {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	view := r.cfg.Engine.NewSnapshot()
	meta, err := kv.ReadMeta(view, r.shard)
	if err != nil || meta.Replica != r.id || uint64(meta.Applied) < r.window.base {
		_ = view.Close()
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	r.view = view
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: meta.ConfState,
		Index:     new(uint64(meta.Applied)),
		Term:      new(uint64(meta.AppliedTerm)),
	}}, nil
}

// handleSend passes a MsgSnap on together with its view.
func (r *Replica) handleSend(m *raftpb.Message, out *Output) {
	to := katakv.ReplicaID(m.GetTo())
	if _, busy := r.sending[to]; busy || r.view == nil {
		// Who leads anew does not know of a stream from before. And Raft repeats a snapshot that it was restored from
		// itself; there is no view of that. Try again later.
		r.closeView()
		r.raft.ReportSnapshot(uint64(to), raft.SnapshotFailure)
		return
	}
	r.sending[to] = katakv.Index(m.GetSnapshot().GetMetadata().GetIndex())
	out.Sends = append(out.Sends, SnapshotSend{Shard: r.shard, Message: m, View: r.view})
	r.view = nil
}

// closeView gives up what was taken for a snapshot that is not to be sent.
func (r *Replica) closeView() {
	if r.view != nil {
		_ = r.view.Close() // a view of memory: nothing is lost
		r.view = nil
	}
}

// SnapshotSent reports how a stream to a follower ended.
func (r *Replica) SnapshotSent(to katakv.ReplicaID, ok bool) {
	delete(r.sending, to)
	status := raft.SnapshotFinish
	if !ok {
		status = raft.SnapshotFailure
	}
	r.raft.ReportSnapshot(uint64(to), status)
}

// Sending returns how many snapshots are on their way from this replica, one that Raft has taken and not yet sent
// included: many replicas may take theirs before the first of them hands its message on.
func (r *Replica) Sending() int {
	if r.view != nil {
		return len(r.sending) + 1
	}
	return len(r.sending)
}

// SnapshotReceived hands over a staged snapshot with the MsgSnap that announced it. The replica owns the
// installation from here on.
func (r *Replica) SnapshotReceived(m *raftpb.Message, staged Installation) {
	if r.installing || m.GetTo() != uint64(r.id) {
		staged.Abort()
		return
	}
	if r.arriving != nil {
		r.arriving.Abort()
	}
	r.arriving = staged
	r.step(m)
}

// DropUnaccepted aborts a received snapshot that Raft did not take in: it was older than what is here. Call it
// after Collect.
func (r *Replica) DropUnaccepted() {
	if r.arriving != nil && !r.installing {
		r.arriving.Abort()
		r.arriving = nil
	}
}

// install begins taking a snapshot in: the engine first, the log's record of it after.
func (r *Replica) install(m *raftpb.Message, out *Output) {
	invariant.Check(r.arriving != nil, "%v: raft accepted a snapshot that was not staged", r.shard)
	r.installing, r.held = true, m
	out.Installs = append(out.Installs, SnapshotInstall{Shard: r.shard, Installation: r.arriving})
	r.arriving = nil
}

// SnapshotInstalled follows the engine's durable commit of an installation: the replica's state is now that
// of the snapshot, and the log may say so.
func (r *Replica) SnapshotInstalled(out *Output) error {
	invariant.Check(r.installing, "%v: no snapshot is being installed", r.shard)
	m := r.held
	r.installing, r.held = false, nil
	machine, err := kv.Open(r.cfg.Engine, r.shard)
	if err != nil {
		return fmt.Errorf("open %v after its snapshot: %w", r.shard, err)
	}
	meta, want := machine.Meta(), m.GetSnapshot().GetMetadata()
	invariant.Check(uint64(meta.Applied) == want.GetIndex() && uint64(meta.AppliedTerm) == want.GetTerm(),
		"%v: the snapshot announced (%d, %d) and holds (%d, %d)",
		r.shard, want.GetIndex(), want.GetTerm(), meta.Applied, meta.AppliedTerm)
	r.machine = machine
	r.pace.saw(meta.Clock, r.now())
	r.window.reset(meta.Applied, meta.AppliedTerm)
	r.window.append(m.GetEntries())
	r.dropProposalsUpTo(meta.Applied, out)
	r.noteHardState(m)
	r.lazyCommit = true
	r.restart = raftlog.SnapshotMark{}
	r.emit(raftlog.Update{
		Shard: r.shard, Replica: r.id,
		Snapshot: raftlog.SnapshotMark{Index: meta.Applied, Term: meta.AppliedTerm},
		Entries:  m.GetEntries(),
	}, m.GetResponses(), out)
	return nil
}

// dropProposalsUpTo answers proposals whose entries lie inside the snapshot: it does not tell their fate.
func (r *Replica) dropProposalsUpTo(index katakv.Index, out *Output) {
	err := katakv.Errorf(katakv.CodeUnknown,
		"leadership was lost and a snapshot covers the write; it may or may not have taken effect: read before you retry")
	for p, ok := r.proposals.take(index); ok; p, ok = r.proposals.take(index) {
		out.Completions = p.refuse(err, out.Completions)
	}
}

package replica

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/raftlog"
)

// Limits on what one replica lets Raft hold and send.
const (
	// maxAppendBytes bounds one append message (a single larger entry still goes alone).
	maxAppendBytes = 1 << 20
	// maxInflightAppends bounds unanswered append messages to one follower.
	maxInflightAppends = 256
	// maxInflightBytes bounds their bytes, and so what a follower must buffer for one shard.
	maxInflightBytes = 4 << 20
	// maxUncommittedBytes bounds a leader's log beyond its commit index; past it requests wait in the queue,
	// whose bytes the node bounds.
	maxUncommittedBytes = 16 << 20
	// maxApplyBytes bounds the committed entries that one pass applies for one shard.
	maxApplyBytes = 8 << 20
	// windowSlack is how many times its budget a window may grow while a snapshot that needs it is on its way.
	windowSlack = 4
)

// Config builds a replica.
type Config struct {
	Engine engine.Engine
	// ElectionTicks and HeartbeatTicks are Raft's timers in ticks.
	ElectionTicks, HeartbeatTicks int
	// WindowBytes is the budget for log entries held in memory beyond those that must be.
	WindowBytes int
	// MaySnapshot asks whether another outgoing snapshot may start now; nil always may.
	MaySnapshot func() bool
	// Boot counts the node's starts.
	Boot katakv.BootID
	// Warn receives Raft's warnings; nil drops them.
	Warn func(message string)
	// Now is what the clocks show, kept up to date by the core; nil in tests without time.
	Now *Time
	// Promises are those between this node and others; nil: none.
	Promises Promises
	// Leases lets a leader answer strong reads on the strength of promises.
	Leases bool
}

// Replica is one member of one shard. See the package comment for how it is driven.
type Replica struct {
	shard katakv.ShardID
	id    katakv.ReplicaID
	cfg   Config

	raft    *raft.RawNode
	window  window
	machine *kv.Machine

	proposals proposals
	reads     reads
	pace      pace
	promises  Promises
	followed  followed
	lease     lease
	// revoking is the term in which this replica led until it stepped down, until there is another leader; zero: none.
	revoking katakv.Term
	// replies are answers to questions of other members and revocations, for the next Finish.
	replies []*raftpb.Message

	term   katakv.Term
	leader katakv.ReplicaID
	leads  bool

	// probes is set when a follower answered a heartbeat since the last Collect: an empty append may then be
	// Raft's question whether something was lost.
	probes bool

	// stalled is set when Raft took no more proposals, until something happens that may change its mind.
	stalled bool

	// restart is written to the log with the first update: the log did not hold the state's position.
	restart raftlog.SnapshotMark

	// hardState is what the log holds or is about to hold; lazyCommit marks that only its commit index is
	// newer there, which waits for the next update since a restart can do without.
	hardState  raftpb.HardState
	lazyCommit bool

	// view is the engine snapshot behind the raft snapshot that Raft asked for in this pass.
	view engine.Snapshot
	// sending holds the index of each snapshot that is on its way, by target.
	sending map[katakv.ReplicaID]katakv.Index
	// arriving is a received snapshot that waits for Raft to accept it.
	arriving Installation
	// installing is set while the engine takes a snapshot in; Raft's Ready waits meanwhile, and held is the
	// update to log afterwards.
	installing bool
	held       *raftpb.Message

	lazy           lazy
	applyResponses []*raftpb.Message
	answered       []Completion
	traced         []traced
}

// New builds the replica that the engine and the log hold: machine is its state, recovered what the log kept
// of it (nil: nothing). Unless the log has the machine's applied entry it starts anew there, keeping the vote. A machine
// that is behind where the log begins is refused: the engine has lost what it had made durable.
func New(cfg Config, shard katakv.ShardID, machine *kv.Machine, recovered *raftlog.RecoveredReplica) (*Replica, error) {
	meta := machine.Meta()
	r := &Replica{
		shard: shard, id: meta.Replica, cfg: cfg, machine: machine,
		sending: make(map[katakv.ReplicaID]katakv.Index), promises: cfg.Promises, lease: newLease(),
	}
	if r.promises == nil {
		r.promises = noPromises{}
	}
	r.reads.context = uint64(cfg.Boot) << bootShift
	r.window.takeSnapshot = r.takeSnapshot
	r.pace.saw(meta.Clock, r.now())
	if err := checkReaches(recovered, meta.Applied); err != nil {
		return nil, fmt.Errorf("start %v of %v: %w", r.id, shard, err)
	}
	r.restoreLog(recovered)
	r.window.initialConf = meta.ConfState

	rn, err := raft.NewRawNode(&raft.Config{
		ID:                        uint64(r.id),
		ElectionTick:              cfg.ElectionTicks,
		HeartbeatTick:             cfg.HeartbeatTicks,
		Storage:                   &r.window,
		Applied:                   uint64(meta.Applied),
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             maxAppendBytes,
		MaxCommittedSizePerReady:  maxApplyBytes,
		MaxUncommittedEntriesSize: maxUncommittedBytes,
		MaxInflightMsgs:           maxInflightAppends,
		MaxInflightBytes:          maxInflightBytes,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            raft.ReadOnlySafe,
		Logger:                    &raftLogger{prefix: fmt.Sprintf("%v %v: ", shard, r.id), warn: cfg.Warn},
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
	})
	if err != nil {
		return nil, fmt.Errorf("start %v of %v: %w", r.id, shard, err)
	}
	r.raft = rn
	return r, nil
}

// checkReaches refuses a log that begins behind the entry after applied. Entries are released, and a log is restarted at
// a snapshot, only after the engine has made durable what they hold. To start anew at applied would forget entries that
// this replica has acknowledged.
func checkReaches(recovered *raftlog.RecoveredReplica, applied katakv.Index) error {
	if recovered == nil {
		return nil
	}
	begins := recovered.Snapshot.Index + 1
	if len(recovered.Entries) > 0 {
		begins = katakv.Index(recovered.Entries[0].GetIndex())
	}
	if begins > applied+1 {
		return fmt.Errorf("the state engine ends with entry %d and the log begins with entry %d: the engine has lost "+
			"what it had made durable; move the data directory away and let the node rejoin as a new one", applied, begins)
	}
	return nil
}

// restoreLog fills the window and the initial hard state.
func (r *Replica) restoreLog(recovered *raftlog.RecoveredReplica) {
	meta := r.machine.Meta()
	applied, term := meta.Applied, meta.AppliedTerm
	r.window.reset(applied, term)
	hard := &r.hardState
	if recovered == nil {
		recovered = &raftlog.RecoveredReplica{}
	}
	if hs := recovered.HardState; hs != nil {
		hard.Term, hard.Vote, hard.Commit = new(hs.GetTerm()), new(hs.GetVote()), new(hs.GetCommit())
	} else {
		hard.Term, hard.Vote, hard.Commit = new(uint64(term)), new(uint64), new(uint64)
	}
	if r.logHolds(recovered, applied, term) {
		entries := recovered.Entries
		if n := uint64(len(entries)); n > 0 && entries[0].GetIndex() <= uint64(applied) {
			entries = entries[min(n, uint64(applied)-entries[0].GetIndex()+1):]
		}
		r.window.append(entries)
	} else {
		r.restart = raftlog.SnapshotMark{Index: applied, Term: term}
	}
	if hard.GetTerm() < uint64(term) {
		// The vote was cast in an older term than the state proves to have existed.
		hard.Term, hard.Vote = new(uint64(term)), new(uint64)
	}
	// Invariant after a restart: applied <= commit <= last.
	hard.Commit = new(min(max(hard.GetCommit(), uint64(applied)), r.window.last()))
	initial := &raftpb.HardState{Term: new(hard.GetTerm()), Vote: new(hard.GetVote()), Commit: new(hard.GetCommit())}
	r.window.initialHard = initial
	r.term = katakv.Term(hard.GetTerm())
}

// logHolds reports whether the log has the entry (index, term), or ends with it as its snapshot mark.
func (r *Replica) logHolds(recovered *raftlog.RecoveredReplica, index katakv.Index, term katakv.Term) bool {
	if recovered.Snapshot == (raftlog.SnapshotMark{Index: index, Term: term}) {
		return true
	}
	n := len(recovered.Entries)
	if n == 0 {
		return false
	}
	first := katakv.Index(recovered.Entries[0].GetIndex())
	if index < first || index >= first+katakv.Index(n) {
		return false
	}
	return katakv.Term(recovered.Entries[index-first].GetTerm()) == term
}

// Shard returns the shard's id.
func (r *Replica) Shard() katakv.ShardID { return r.shard }

// ID returns the replica's id.
func (r *Replica) ID() katakv.ReplicaID { return r.id }

// Leadership returns what the replica knows of its shard's leader.
func (r *Replica) Leadership() Leadership {
	return Leadership{Shard: r.shard, Term: r.term, Leader: r.leader, Self: r.leads}
}

// Applied returns the applied index that the engine holds or will hold after this pass.
func (r *Replica) Applied() katakv.Index { return r.machine.Meta().Applied }

// Standing is where a replica stands in its log.
type Standing struct {
	Vote         katakv.ReplicaID // in its present term; zero: none
	Commit, Last katakv.Index
	WindowBytes  int  // memory held for log entries
	Pending      int  // entries proposed here whose fate is not known yet
	Installing   bool // a snapshot is on its way into the engine: state and log are between two positions
}

// Standing returns where the replica stands; between passes Last includes everything that Raft has.
func (r *Replica) Standing() Standing {
	s := r.raft.BasicStatus()
	return Standing{
		Vote: katakv.ReplicaID(s.GetVote()), Commit: katakv.Index(s.GetCommit()), Last: katakv.Index(r.window.last()),
		WindowBytes: r.window.bytes, Pending: len(r.proposals.numbered), Installing: r.installing,
	}
}

// Submit takes a request. If this replica does not lead, what only a leader may answer is refused at once.
func (r *Replica) Submit(req *Request, out *Output) {
	invariant.Check(req.Shard == r.shard, "request for %v submitted to %v", req.Shard, r.shard)
	writes := req.Writes()
	r.tellTaken(req)
	switch {
	case req.Read.Anywhere() && !writes:
		r.submitLocal(req)
	case !r.leads:
		out.Completions = append(out.Completions, Completion{Request: req, Err: r.notLeader()})
	case writes:
		r.proposals.queue = append(r.proposals.queue, req)
	default:
		r.reads.queue = append(r.reads.queue, read{Request: req})
	}
}

func (r *Replica) notLeader() *katakv.Error {
	return katakv.Errorf(katakv.CodeNotLeader, "%v of %v does not lead, leader %v: ask there", r.id, r.shard, r.leader)
}

// Tick advances Raft's timers by one tick.
func (r *Replica) Tick() {
	r.stalled = false
	r.lazy.due = len(r.lazy.messages) > 0
	if r.leads || !r.Withholds() { // a follower's tick may campaign
		r.raft.Tick()
	}
	r.revoke()
	for _, q := range r.reads.tick(r.now().Monotonic) {
		r.answered = append(r.answered, r.tooSlow(q))
	}
}

// Campaign starts an election now, unless one cannot be won or a promise forbids it.
func (r *Replica) Campaign() {
	if !r.Withholds() {
		_ = r.raft.Campaign() // the only errors mean: not now
	}
}

// HasWork reports whether Collect would do something.
func (r *Replica) HasWork() bool {
	if r.installing {
		return len(r.answered) > 0
	}
	return r.lazy.due || (len(r.proposals.queue) > 0 && !r.stalled && r.mayStamp()) || (r.reads.startable() && r.mayAsk()) ||
		len(r.answered) > 0 || len(r.replies) > 0 || (len(r.followed.withheld) > 0 && !r.Withholds()) || r.raft.HasReady()
}

// Collect proposes what waits, drains Raft's Ready into out, and applies committed entries to w.
func (r *Replica) Collect(w *kv.Writer, out *Output) error {
	if r.installing {
		return nil
	}
	r.stepWithheld()
	if r.lazy.due || r.leads || r.arriving != nil || r.reads.waiting(r.machine.Meta().Applied) {
		if err := r.applyWaiting(w); err != nil {
			return err
		}
	}
	r.propose()
	r.ask(out)
	if !r.raft.HasReady() {
		return nil
	}
	rd := r.raft.Ready()
	for _, s := range rd.ReadStates {
		r.confirmed(s.RequestCtx, katakv.Index(s.Index))
	}
	var votes []*raftpb.Message
	for _, m := range rd.Messages {
		if m.GetType() == raftpb.MsgVote {
			votes = append(votes, m)
			continue
		}
		if err := r.handle(m, w, out); err != nil {
			return err
		}
	}
	r.tellReady(rd.Messages)
	// Raft lets a candidate ask for votes before its own term is on disk, since its own vote does not count
	// until then. That is not enough: elected by the others it could lead, crash, forget the term, and be
	// elected in the same term once more by those same votes, with another log.
	r.await(votes, out)
	invariant.Check(len(r.proposals.unnumbered) == 0, "%v: a proposal of term %d has no entry", r.shard, r.term)
	if rd.SoftState != nil || rd.HardState != nil {
		r.noteLeadership(out)
	}
	r.probes = false
	return nil
}

// ask begins a round of reads, if there is something to ask and somebody to be asked.
func (r *Replica) ask(out *Output) {
	if !r.mayAsk() {
		return
	}
	context, ok := r.reads.next(r.now().Monotonic)
	switch {
	case !ok:
		return
	case r.leads:
		r.confirmLeadership(context)
	default:
		r.askLeader(context, out)
	}
	r.tellAsked()
}

// mayAsk reports whether there is somebody to be asked.
func (r *Replica) mayAsk() bool {
	if r.leads {
		return r.mayConfirm()
	}
	return r.leader != 0
}

// confirmLeadership makes sure that this replica still leads: by its lease, or by asking a quorum. It ends, if all is well,
// in a call of confirmed with the commit index of now: for the reads of the leader itself and for the questions of others
// alike.
func (r *Replica) confirmLeadership(context []byte) {
	if r.hasLease() {
		r.tellAskers()
		r.confirmed(context, katakv.Index(r.raft.BasicStatus().GetCommit()))
		return
	}
	r.wantAcknowledgements()
	r.raft.ReadIndex(context)
}

// mayConfirm reports whether reads may ask for the commit index: this replica leads and has applied an entry of
// its own term, before which its commit index can be behind what earlier leaders acknowledged. Raft checks that
// too, except in a group with a single voter, whose commit index after a restart is behind its log.
func (r *Replica) mayConfirm() bool { return r.leads && r.current() }

// current reports whether an entry of the present term is applied here.
func (r *Replica) current() bool { return r.machine.Meta().AppliedTerm == r.term }

// propose packs queued requests into entries until Raft takes no more.
func (r *Replica) propose() {
	p := &r.proposals
	for len(p.queue) > 0 && r.leads && r.mayStamp() {
		n, data := p.pack(r.pace.stamp(r.now(), r.current()))
		if err := r.raft.Propose(data); err != nil {
			// Dropped: too much is uncommitted, or the leadership is being handed over. They wait.
			r.stalled = true
			return
		}
		p.proposed(n, r.term)
		if warning := r.pace.alarm(r.now()); warning != "" && r.cfg.Warn != nil {
			r.cfg.Warn(fmt.Sprintf("%v: %s", r.shard, warning))
		}
	}
}

// now returns what the clocks show.
func (r *Replica) now() Time {
	if r.cfg.Now == nil {
		return Time{}
	}
	return *r.cfg.Now
}

// handle acts on one message of a Ready.
func (r *Replica) handle(m *raftpb.Message, w *kv.Writer, out *Output) error {
	switch m.GetType() {
	case raftpb.MsgStorageAppend:
		r.handleAppend(m, out)
	case raftpb.MsgStorageApply:
		return r.handleApply(m, w)
	case raftpb.MsgSnap:
		r.handleSend(m, out)
	case raftpb.MsgApp:
		if !r.onlyCommit(m) {
			out.Messages = append(out.Messages, Outgoing{Shard: r.shard, Message: m})
		}
	case raftpb.MsgReadIndex:
		// Raft passes its own question on when it no longer leads. What asked here dies with the leadership, or asks anew.
	default:
		out.Messages = append(out.Messages, Outgoing{Shard: r.shard, Message: m})
	}
	return nil
}

// handleAppend turns a storage append into a log update and its responses into an Awaiting.
func (r *Replica) handleAppend(m *raftpb.Message, out *Output) {
	if m.Snapshot != nil {
		r.install(m, out)
		return
	}
	r.window.append(m.GetEntries())
	r.proposals.number(m.GetEntries())
	onlyCommit := r.noteHardState(m)
	if onlyCommit && len(m.GetEntries()) == 0 && r.restart == (raftlog.SnapshotMark{}) {
		// Nothing to write; the responses wait for what was written before.
		r.await(m.GetResponses(), out)
		return
	}
	r.emit(raftlog.Update{Shard: r.shard, Replica: r.id, Entries: m.GetEntries()}, m.GetResponses(), out)
}

func (r *Replica) await(responses []*raftpb.Message, out *Output) {
	if len(responses) > 0 {
		out.Awaiting = append(out.Awaiting, Awaiting{Replica: r, Responses: responses, stamp: r.currentStamp()})
	}
}

// noteHardState takes over the hard state of a storage append. It reports whether nothing but the commit
// index changed.
func (r *Replica) noteHardState(m *raftpb.Message) bool {
	if m.Term == nil {
		return true
	}
	same := m.GetTerm() == r.hardState.GetTerm() && m.GetVote() == r.hardState.GetVote()
	r.hardState.Term, r.hardState.Vote, r.hardState.Commit = m.Term, m.Vote, m.Commit
	r.lazyCommit = true
	return same
}

// emit adds an update with whatever of the hard state the log does not have yet.
func (r *Replica) emit(update raftlog.Update, responses []*raftpb.Message, out *Output) {
	if r.restart != (raftlog.SnapshotMark{}) {
		update.Snapshot = r.restart
		r.restart = raftlog.SnapshotMark{}
		r.lazyCommit = true
	}
	if r.lazyCommit {
		hs := &r.hardState
		update.HardState = &raftpb.HardState{Term: hs.Term, Vote: hs.Vote, Commit: hs.Commit}
		r.lazyCommit = false
	}
	out.Updates = append(out.Updates, update)
	r.await(responses, out)
}

// Durable delivers the responses of an update that is now on disk.
func (r *Replica) Durable(a *Awaiting, out *Output) {
	for _, m := range a.Responses {
		if m.GetTo() == uint64(r.id) {
			r.step(m)
			continue
		}
		out.Messages = append(out.Messages, Outgoing{Shard: r.shard, Message: m, Session: a.stamp.sessionOf(m)})
	}
}

// step hands Raft a message. Its errors mean that the message has no effect here: it is from a member that
// was removed, or asks for something that this role does not do.
func (r *Replica) step(m *raftpb.Message) {
	r.stalled = false
	r.tellDurable(m)
	_ = r.raft.Step(m)
}

// noteLeadership compares Raft's view of the leader with ours and fails what depends on a lost leadership.
func (r *Replica) noteLeadership(out *Output) {
	s := r.raft.BasicStatus()
	term, leader := katakv.Term(s.GetTerm()), katakv.ReplicaID(s.Lead)
	leads := s.RaftState == raft.StateLeader
	if term == r.term && leader == r.leader && leads == r.leads {
		return
	}
	lost, ended := r.leads && (!leads || term != r.term), r.term
	r.term, r.leader, r.leads = term, leader, leads
	if leads {
		r.pace.lead()
	}
	out.Leaderships = append(out.Leaderships, r.Leadership())
	if lost {
		r.refuseUnproposed(out)
	}
	r.reads.restart()
	if leads {
		r.unfollow()
		r.lease = newLease()
		return
	}
	r.refuseQuestions()
	if lost {
		r.revoking = ended
	}
}

// refuseUnproposed refuses what certainly has no effect: writes that Raft never took, and reads. Proposed
// writes wait for the log to tell.
func (r *Replica) refuseUnproposed(out *Output) {
	for _, req := range r.proposals.queue {
		out.Completions = append(out.Completions, Completion{Request: req, Err: r.notLeader()})
	}
	for _, q := range r.reads.leaderLost() {
		out.Completions = append(out.Completions, Completion{Request: q.Request, Err: r.notLeader()})
	}
	r.proposals.queue = nil
}

// Close gives up everything that is pending: writes with an unknown outcome, reads without effect.
func (r *Replica) Close(out *Output) {
	r.leads = false
	r.refuseUnproposed(out)
	for _, q := range r.reads.all() {
		out.Completions = append(out.Completions, Completion{Request: q.Request, Err: r.notLeader()})
	}
	err := katakv.Errorf(katakv.CodeUnknown, "the node stops; the write may or may not take effect: read before you retry")
	for _, p := range r.proposals.numbered {
		out.Completions = p.refuse(err, out.Completions)
	}
	r.proposals.numbered = nil
	if r.arriving != nil {
		r.arriving.Abort()
		r.arriving = nil
	}
	r.closeView()
	r.stampJourneys(out)
}

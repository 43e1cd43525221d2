package replica

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/kv"
)

// A follower applies lazily: nobody waits for it, and applying more at a time costs less, in the engine above all.
const (
	// lazyApplyBytes and lazyApplyEntries are how much may wait; what waits longer than a tick is applied then.
	lazyApplyBytes   = 256 << 10
	lazyApplyEntries = 64
)

// lazy holds the committed entries that a follower has not applied yet.
type lazy struct {
	messages []*raftpb.Message
	bytes    int
	entries  int
	due      bool // a tick has passed since
}

// add takes a message and reports whether everything must be applied now.
func (l *lazy) add(m *raftpb.Message) bool {
	urgent := false
	l.messages = append(l.messages, m)
	l.entries += len(m.GetEntries())
	for _, e := range m.GetEntries() {
		l.bytes += len(e.GetData())
		urgent = urgent || e.GetType() != raftpb.EntryNormal
	}
	return urgent || l.bytes >= lazyApplyBytes || l.entries >= lazyApplyEntries
}

// handleApply applies committed entries to w, or lets them wait.
func (r *Replica) handleApply(m *raftpb.Message, w *kv.Writer) error {
	if r.lazy.add(m) || r.leads || r.reads.waiting(r.machine.Meta().Applied) {
		return r.applyWaiting(w)
	}
	return nil
}

// applyWaiting applies all committed entries to w. The answers wait for Finish: the engine has not committed yet.
func (r *Replica) applyWaiting(w *kv.Writer) error {
	messages := r.lazy.messages
	r.lazy = lazy{}
	for _, m := range messages {
		for _, e := range m.GetEntries() {
			if err := r.applyEntry(e, w); err != nil {
				return fmt.Errorf("%v: apply entry %d of term %d: %w", r.shard, e.GetIndex(), e.GetTerm(), err)
			}
		}
		r.applyResponses = append(r.applyResponses, m.GetResponses()...)
	}
	return nil
}

func (r *Replica) applyEntry(e *raftpb.Entry, w *kv.Writer) error {
	index, term := katakv.Index(e.GetIndex()), katakv.Term(e.GetTerm())
	if e.GetType() != raftpb.EntryNormal {
		return r.applyConf(e, w)
	}
	var mine *proposal
	for p, ok := r.proposals.take(index); ok; p, ok = r.proposals.take(index) {
		if p.index == index && p.term == term {
			mine = &p
			continue
		}
		// Another leader's entry took the place: this one never takes effect.
		r.answered = p.refuse(r.notLeader(), r.answered)
	}
	replies, err := w.Apply(r.machine, index, term, e.GetData(), mine != nil)
	if err != nil {
		return err
	}
	if len(e.GetData()) > 0 { // else it has no stamp, and remembers nothing
		r.pace.saw(r.machine.Meta().Clock, r.now())
	}
	if mine != nil {
		r.tellApplied(mine)
		r.answered = mine.complete(index, replies, r.answered)
	}
	return nil
}

// applyConf applies a configuration change. The empty one leaves a joint configuration.
func (r *Replica) applyConf(e *raftpb.Entry, w *kv.Writer) error {
	var change raftpb.ConfChangeI
	switch e.GetType() {
	case raftpb.EntryConfChange:
		change = &raftpb.ConfChange{}
	default:
		change = &raftpb.ConfChangeV2{}
	}
	if err := proto.Unmarshal(e.GetData(), change.(proto.Message)); err != nil {
		return fmt.Errorf("decode configuration change: %w", err)
	}
	state := r.raft.ApplyConfChange(change)
	return w.ApplyConf(r.machine, katakv.Index(e.GetIndex()), katakv.Term(e.GetTerm()), state)
}

// Finish follows the commit of the writer: it answers callers, runs reads, tells Raft what was applied and
// lets go of old log entries.
func (r *Replica) Finish(out *Output) {
	out.Completions = append(out.Completions, r.answered...)
	clear(r.answered)
	r.answered = r.answered[:0]
	for _, m := range r.applyResponses {
		r.step(m)
	}
	r.applyResponses = r.applyResponses[:0]
	r.runReads(out)
	for _, m := range r.replies {
		out.Messages = append(out.Messages, Outgoing{Shard: r.shard, Message: m})
	}
	r.replies = nil
	r.trimWindow()
	r.stampJourneys(out)
}

// trimWindow keeps the window within its budget; while snapshots are on their way the entries after them are
// kept a little longer, so that their receivers can go on from there.
func (r *Replica) trimWindow() {
	limit := r.machine.Meta().Applied
	for _, index := range r.sending {
		if index < limit && r.window.bytes < windowSlack*r.cfg.WindowBytes {
			limit = index
		}
	}
	r.window.trim(uint64(limit), r.cfg.WindowBytes)
}

package router

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/slot"
)

// split sorts the operations of a batch by shard. The order within a shard is that of the batch.
func (r *Router) split(b *Batch) []*group {
	s := splitter{router: r, batch: b}
	for i := range b.Calls {
		op := &b.Calls[i].Operation
		r.completeOnce(op)
		switch {
		case op.Once != nil && len(op.Keys) > 1 && !op.OneSlot():
			s.addPartsBySlot(i, op)
		case b.Meta:
			s.add(katakv.MetaShard, part{call: i}, *op)
		case len(op.Keys) < 2 || r.oneShard(op):
			shard, _ := r.topology.ShardAt(operationSlot(op))
			s.add(shard.ID, part{call: i}, *op)
		default:
			s.addParts(i, op)
		}
	}
	return s.groups
}

func (r *Router) oneShard(op *command.Operation) bool {
	first, _ := r.topology.ShardAt(slot.Of(op.Keys[0]))
	for _, k := range op.Keys[1:] {
		if s, _ := r.topology.ShardAt(slot.Of(k)); s != first {
			return false
		}
	}
	return true
}

type splitter struct {
	router *Router
	batch  *Batch
	groups []*group
}

// add puts an operation into its shard's group. Batches touch few shards: a search beats a map.
func (s *splitter) add(shard katakv.ShardID, p part, op command.Operation) {
	var g *group
	for _, have := range s.groups {
		if have.request.Shard == shard {
			g = have
			break
		}
	}
	if g == nil {
		g = &group{batch: s.batch, request: replica.Request{Shard: shard}}
		s.groups = append(s.groups, g)
	}
	g.parts = append(g.parts, p)
	g.request.Operations = append(g.request.Operations, op)
	g.writes = g.writes || op.Kind.Writes()
	if op.Once == nil {
		g.unrepeatable = true
	}
}

// addParts divides an operation over the shards of its keys.
func (s *splitter) addParts(call int, op *command.Operation) {
	type share struct {
		shard katakv.ShardID
		keys  []int
	}
	var shares []share
	position := make(map[katakv.ShardID]int)
	for k, key := range op.Keys {
		shard, _ := s.router.topology.ShardAt(slot.Of(key))
		at, ok := position[shard.ID]
		if !ok {
			at = len(shares)
			position[shard.ID] = at
			shares = append(shares, share{shard: shard.ID})
		}
		shares[at].keys = append(shares[at].keys, k)
	}
	for _, sh := range shares {
		s.addPiece(sh.shard, call, op, sh.keys)
	}
	s.merge(call, op, len(shares))
}

// addPiece adds the part of an operation that has some of its keys.
func (s *splitter) addPiece(shard katakv.ShardID, call int, op *command.Operation, keys []int) {
	piece := command.Operation{Kind: op.Kind, Flags: op.Flags, Delta: op.Delta, Once: op.Once}
	for _, k := range keys {
		piece.Keys = append(piece.Keys, op.Keys[k])
		if len(op.Values) > 0 {
			piece.Values = append(piece.Values, op.Values[k])
		}
	}
	s.add(shard, part{call: call, keys: keys}, piece)
}

// merge joins the replies of so many parts into that of a call.
func (s *splitter) merge(call int, op *command.Operation, parts int) {
	if s.batch.merges == nil {
		s.batch.merges = make(map[int]*merge)
	}
	s.batch.merges[call] = newMerge(op, parts)
	s.batch.Calls[call].Parts = nil
}

// merge joins the replies of an operation that was split over shards.
type merge struct {
	reply   command.Reply
	writes  bool
	left    int
	applied bool
	err     *katakv.Error
}

func newMerge(op *command.Operation, parts int) *merge {
	m := &merge{left: parts, writes: op.Kind.Writes()}
	switch op.Kind {
	case command.KindMGet:
		m.reply = command.Reply{Kind: command.ReplyArray, Array: make([]command.Reply, len(op.Keys))}
	case command.KindMSet:
		m.reply = command.OKReply()
	default:
		m.reply = command.IntReply(0)
	}
	return m
}

// add takes the reply of one part and reports whether it was the last.
func (m *merge) add(p part, reply *command.Reply) bool {
	m.left--
	switch reply.Kind {
	case command.ReplyError:
		if m.err == nil || reply.Err.Code.Outcome() == katakv.OutcomeUnknown {
			m.err = reply.Err
		}
		return m.left == 0
	case command.ReplyArray:
		for i, k := range p.keys {
			m.reply.Array[k] = reply.Array[i]
		}
	case command.ReplyInt:
		m.reply.Int += reply.Int
	}
	m.applied = true
	return m.left == 0
}

// result is the whole operation's reply. If one shard applied its part and another did not, no error that
// means "nothing happened" may be sent.
func (m *merge) result() command.Reply {
	switch {
	case m.err == nil:
		return m.reply
	case m.writes && m.applied && m.err.Code.Outcome() == katakv.OutcomeNotApplied:
		return command.ErrorReply(katakv.Errorf(katakv.CodeUnknown,
			"some shards applied their part and others did not (%s): read before you retry", m.err.Message))
	default:
		return command.ErrorReply(m.err)
	}
}

// answer hands a group's replies to its calls, and the batch back when it was the last group.
func (r *Router) answer(g *group, replies []command.Reply) {
	b, parts := g.batch, g.parts
	if g.served.Index != 0 && b.Session != nil {
		b.Session.See(g.served)
	}
	for _, p := range parts {
		g.note(p)
	}
	r.settle(g)
	if g.doubtful {
		doubtReplies(replies)
	}
	for i, p := range parts {
		m := b.merges[p.call]
		if m == nil {
			b.Calls[p.call].Reply = replies[i]
			continue
		}
		if m.add(p, &replies[i]) {
			b.Calls[p.call].Reply = m.result()
		}
	}
	b.left--
	if b.left == 0 {
		b.Journey.Note(r.now, journey.Step{Kind: journey.Answered, Node: r.self})
		r.out.Done = append(r.out.Done, b)
	}
}

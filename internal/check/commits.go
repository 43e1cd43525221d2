package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Commits checks leader completeness and state-machine safety (Raft, section 5.4): once any member takes an index for
// committed, all members that ever take it for committed, or apply it, hold the same log up to there, and so does
// every later leader.
type Commits struct {
	logs   *Logs
	shards map[katakv.ShardID]*committed
}

// committed is what a shard committed.
type committed struct {
	begin  katakv.Index
	chains []uint64 // by index from begin
	terms  []termCommit
}

// termCommit is how far members had committed when they were in a term, or any earlier one.
type termCommit struct {
	term katakv.Term
	upTo katakv.Index
}

// NewCommits returns a checker over the mirrors of logs, which hear of every event first.
func NewCommits(logs *Logs) *Commits {
	return &Commits{logs: logs, shards: map[katakv.ShardID]*committed{}}
}

// Committed tells that m, in a term, takes its log for committed up to an index. The first to do so decides.
func (c *Commits) Committed(m Member, upTo katakv.Index, term katakv.Term) error {
	shard := c.shard(m.Shard)
	if err := c.agrees(m, shard, "committed", upTo); err != nil {
		return err
	}
	for next := shard.last() + 1; next <= upTo; next++ {
		chain, _ := c.logs.Chain(m, next)
		shard.chains = append(shard.chains, chain)
	}
	shard.note(term, upTo)
	return nil
}

// agrees checks that m's log reaches an index and agrees, up to there, with what is committed.
func (c *Commits) agrees(m Member, shard *committed, what string, upTo katakv.Index) error {
	if last := c.logs.Last(m).Index; upTo > last {
		return fmt.Errorf("%v %s index %d, but its log ends at index %d", m, what, upTo, last)
	}
	known := min(upTo, shard.last())
	if known < shard.begin {
		return nil // nothing but the state that the shard was created with
	}
	if chain, ok := c.logs.Chain(m, known); !ok || chain != shard.chains[known-shard.begin] {
		return fmt.Errorf("%v %s index %d, but its log differs at or before index %d from what the shard committed first",
			m, what, upTo, known)
	}
	return nil
}

// note records how far the shard had committed in a term. Reports come in no order of terms: a deposed leader may be
// the last to learn what it committed.
func (s *committed) note(term katakv.Term, upTo katakv.Index) {
	for i := len(s.terms) - 1; i >= 0; i-- {
		if s.terms[i].term == term {
			s.terms[i].upTo = max(s.terms[i].upTo, upTo)
			return
		}
	}
	s.terms = append(s.terms, termCommit{term, upTo})
}

// Applied tells that m applied the entry at an index to its state.
func (c *Commits) Applied(m Member, index katakv.Index) error {
	shard := c.shard(m.Shard)
	if index > shard.last() {
		return fmt.Errorf("%v applied index %d, but its shard committed up to index %d only", m, index, shard.last())
	}
	return c.agrees(m, shard, "applied", index)
}

// Elected tells that m became leader in a term. Its log must hold all that members of that term or earlier ones took
// for committed by now. Members of later terms may have gone on without it, for it may be late to learn that it won.
func (c *Commits) Elected(m Member, term katakv.Term) error {
	shard := c.shard(m.Shard)
	for _, in := range shard.terms {
		if in.term > term {
			continue
		}
		if err := c.agrees(m, shard, fmt.Sprintf("leads in term %d, and in term %d the shard committed", term, in.term), in.upTo); err != nil {
			return err
		}
	}
	return nil
}

// Acknowledged tells that a client was told that its write, at an index, happened.
func (c *Commits) Acknowledged(shard katakv.ShardID, index katakv.Index) error {
	if last := c.shard(shard).last(); index > last {
		return fmt.Errorf("%v: index %d was acknowledged, but the shard committed up to index %d only", shard, index, last)
	}
	return nil
}

// Last returns how far a shard has committed by the word of any member.
func (c *Commits) Last(shard katakv.ShardID) katakv.Index { return c.shard(shard).last() }

func (c *Commits) shard(id katakv.ShardID) *committed {
	s := c.shards[id]
	if s == nil {
		begin := c.logs.shard(id).begin
		s = &committed{begin: begin.Index, chains: []uint64{c.logs.shard(id).seen[begin].chain}}
		c.shards[id] = s
	}
	return s
}

func (s *committed) last() katakv.Index { return s.begin + katakv.Index(len(s.chains)) - 1 }

package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Elections checks that a shard has at most one leader in each term (Raft, section 5.2). The zero value is ready.
type Elections struct {
	winners map[election]katakv.ReplicaID
}

type election struct {
	shard katakv.ShardID
	term  katakv.Term
}

// Won tells that m became leader in a term. To hear it again of the same member is fine.
func (e *Elections) Won(m Member, term katakv.Term) error {
	if e.winners == nil {
		e.winners = map[election]katakv.ReplicaID{}
	}
	key := election{m.Shard, term}
	winner, decided := e.winners[key]
	if decided && winner != m.Replica {
		return fmt.Errorf("%v became leader in term %d, which %v leads", m, term, Member{m.Shard, winner})
	}
	e.winners[key] = m.Replica
	return nil
}

// Claimed tells that m says of itself that it leads a term, which nobody may say who has not won it.
func (e *Elections) Claimed(m Member, term katakv.Term) error {
	if winner := e.Leader(m.Shard, term); winner != m.Replica {
		return fmt.Errorf("%v claims to lead term %d, which %v won", m, term, Member{m.Shard, winner})
	}
	return nil
}

// Leader returns who won a term, or 0.
func (e *Elections) Leader(shard katakv.ShardID, term katakv.Term) katakv.ReplicaID {
	return e.winners[election{shard, term}]
}

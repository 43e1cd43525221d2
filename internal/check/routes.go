package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Routes checks that a node that knows who won a term takes nobody else for the leader in that term: what others say of it
// may be old. It may forget the winner. The zero value is ready.
type Routes struct {
	known map[route]known
}

type route struct {
	at    katakv.NodeID
	shard katakv.ShardID
}

type known struct {
	term   katakv.Term
	leader katakv.NodeID
}

// Knows tells whom a node takes for a shard's leader in a term, or 0. Winner is who won that term.
func (r *Routes) Knows(at katakv.NodeID, shard katakv.ShardID, term katakv.Term, leader, winner katakv.NodeID) error {
	if r.known == nil {
		r.known = map[route]known{}
	}
	key := route{at, shard}
	last := r.known[key]
	r.known[key] = known{term, leader}
	if last == (known{term, winner}) && winner != 0 && leader != 0 && leader != winner {
		return fmt.Errorf("%v takes %v for the leader of %v in term %d, though it knew that %v won it", at, leader, shard, term, winner)
	}
	return nil
}

// Restarted tells that a node knows nothing any more.
func (r *Routes) Restarted(at katakv.NodeID) {
	for key := range r.known {
		if key.at == at {
			delete(r.known, key)
		}
	}
}

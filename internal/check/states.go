package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// States checks that a shard's state at an index is the same wherever it is seen: on every replica, in every life of
// it, in every checkpoint. The zero value is ready.
type States struct {
	sums map[moment]sum
}

// moment is a shard's state after an index was applied.
type moment struct {
	shard katakv.ShardID
	index katakv.Index
}

// sum is the checksum of a state, and who was first to have it.
type sum struct {
	value   uint64
	replica katakv.ReplicaID
	where   string
}

// Saw tells the checksum of m's state once it had applied an index. Where says what was looked at, for the message.
func (s *States) Saw(m Member, index katakv.Index, value uint64, where string) error {
	if s.sums == nil {
		s.sums = map[moment]sum{}
	}
	at := moment{m.Shard, index}
	first, known := s.sums[at]
	if !known {
		s.sums[at] = sum{value, m.Replica, where}
		return nil
	}
	if first.value != value {
		return fmt.Errorf("%v at applied index %d: checksum %016x (%s), but %016x of %v (%s)", m, index, value, where,
			first.value, Member{m.Shard, first.replica}, first.where)
	}
	return nil
}

// sum returns the checksum seen at a moment.
func (s *States) sum(shard katakv.ShardID, index katakv.Index) (uint64, bool) {
	first, known := s.sums[moment{shard, index}]
	return first.value, known
}

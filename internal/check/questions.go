package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Questions checks that a replica numbers its questions to a leader upwards, over all its lives: no answer that is late
// can then be taken for that to another question. The zero value is ready.
type Questions struct {
	last map[asked]uint64
}

type asked struct {
	Member
	leader katakv.ReplicaID
}

// Asked tells that m asks a leader, under a number.
func (q *Questions) Asked(m Member, leader katakv.ReplicaID, number uint64) error {
	key := asked{m, leader}
	if last, before := q.last[key]; before && number <= last {
		return fmt.Errorf("%v asks %v under the number %d, after %d", m, leader, number, last)
	}
	if q.last == nil {
		q.last = map[asked]uint64{}
	}
	q.last[key] = number
	return nil
}

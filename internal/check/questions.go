package check

import "fmt"

// Questions checks that a replica numbers its questions to the leader upwards, over all its lives: no answer that is
// late can then be taken for that to another question. The zero value is ready.
type Questions struct {
	last map[Member]uint64
}

// Asked tells that m asks the leader, under a number.
func (q *Questions) Asked(m Member, number uint64) error {
	if last, asked := q.last[m]; asked && number <= last {
		return fmt.Errorf("%v asks under the number %d, after %d", m, number, last)
	}
	if q.last == nil {
		q.last = map[Member]uint64{}
	}
	q.last[m] = number
	return nil
}

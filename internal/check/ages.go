package check

import (
	"fmt"
	"sort"
	"time"

	"github.com/katakv/katakv"
)

// Ages checks what replicas say of the age of their answers, of each write of a shard: an answer of age A holds every
// write that was acknowledged up to A before it. Unlike [Bounded] it needs no two values of one key to see it. Times are
// those of whoever watches, not of a clock in the cluster. The zero value is ready.
type Ages struct {
	acknowledged map[katakv.ShardID][]acknowledgement
}

// acknowledgement is the highest index of a shard that was acknowledged by a time.
type acknowledgement struct {
	at    time.Duration
	index katakv.Index
}

// Acknowledged tells that a shard acknowledged the write at an index. Tell it in the order of time.
func (a *Ages) Acknowledged(now time.Duration, shard katakv.ShardID, index katakv.Index) {
	if a.acknowledged == nil {
		a.acknowledged = map[katakv.ShardID][]acknowledgement{}
	}
	list := a.acknowledged[shard]
	if n := len(list); n > 0 && list[n-1].index >= index {
		return
	}
	a.acknowledged[shard] = append(list, acknowledgement{now, index})
}

// Answered tells that m answered a read at an index and said that this is at most so old.
func (a *Ages) Answered(now time.Duration, m Member, index katakv.Index, age time.Duration) error {
	if age == katakv.UnknownAge {
		return nil
	}
	list := a.acknowledged[m.Shard]
	older := sort.Search(len(list), func(i int) bool { return list[i].at >= now-age })
	if older == 0 {
		return nil
	}
	if last := list[older-1]; last.index > index {
		return fmt.Errorf("%v answers at index %d and calls that %v old, though index %d was acknowledged %v ago",
			m, index, age, last.index, now-last.at)
	}
	return nil
}

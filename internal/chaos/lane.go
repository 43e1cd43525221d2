package chaos

import (
	"fmt"
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

// What bounds the history of one key, and by that the work of the checker: its cost grows with the operations of
// a key and, steeply, with the writes of unknown fate among them.
const (
	maxKeyOperations = 800
	maxKeyUnknown    = 6
	maxKeyAge        = 12 * time.Second
)

// laneKind says what a lane's keys hold.
type laneKind int

const (
	words   laneKind = iota // strings: SET in all its forms, APPEND, DEL
	numbers                 // INCR, INCRBY and SET of numbers
	groups                  // three keys with one hash tag: MSET, MGET, DEL of several
	laneKinds
)

// groupKeys is how many keys a generation of a lane of groups has.
const groupKeys = 3

// lane is a stream of keys within one shard. Clients use its newest generation; older ones rest until the end,
// when all are read.
type lane struct {
	number int
	kind   laneKind
	shard  katakv.ShardID
	slots  slot.Range

	mu struct {
		sync.Mutex
		newest *generation
		count  int // of generations so far
	}
}

// generation is one key of a lane, or one group of keys.
type generation struct {
	keys []string

	// Under lane.mu:
	operations, unknown int
	born                time.Duration
}

// newLanes spreads count lanes over the shards.
func newLanes(count int, shards []shardSlots) []*lane {
	lanes := make([]*lane, count)
	for i := range lanes {
		s := shards[i%len(shards)]
		lanes[i] = &lane{number: i, kind: laneKind(i / len(shards) % int(laneKinds)), shard: s.id, slots: s.slots}
	}
	return lanes
}

// shardSlots is a shard and what it holds.
type shardSlots struct {
	id    katakv.ShardID
	slots slot.Range
}

// take returns the newest generation for count more operations; a new one begins when the old one is used up.
func (l *lane) take(count int, now time.Duration) *generation {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.mu.newest
	if g == nil || g.operations >= maxKeyOperations || g.unknown >= maxKeyUnknown || now-g.born > maxKeyAge {
		g = l.newGeneration(l.mu.count, now)
		l.mu.newest = g
		l.mu.count++
	}
	g.operations += count
	return g
}

// missed notes a write of unknown fate.
func (l *lane) missed(g *generation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.unknown++
}

func (l *lane) newGeneration(number int, now time.Duration) *generation {
	g := &generation{born: now}
	switch l.kind {
	case words:
		g.keys = []string{l.slots.Key(fmt.Sprintf("w:%d:%d", l.number, number))}
	case numbers:
		g.keys = []string{l.slots.Key(fmt.Sprintf("n:%d:%d", l.number, number))}
	default:
		tag := l.slots.Key(fmt.Sprintf("g:%d:%d", l.number, number))
		for i := range groupKeys {
			g.keys = append(g.keys, fmt.Sprintf("{%s}:%c", tag, 'a'+i))
		}
	}
	return g
}

package session

import (
	"slices"

	"github.com/katakv/katakv"
)

// MaxEntries bounds the shards that a session lists: more than a small cluster has, and few enough that a token fits
// into a header of HTTP.
const MaxEntries = 128

// Session is what has been written and seen. The zero value has seen nothing.
type Session struct {
	// seen holds the shards seen, the last one first, and of each the highest applied index.
	seen []entry
	// dropped is set once a shard was dropped: then one that is not listed may have been seen up to any index.
	dropped bool
	// epoch is the newest cluster map by which the session was served.
	epoch katakv.Epoch
}

type entry struct {
	shard katakv.ShardID
	index katakv.Index
}

// Seen returns the highest applied index of a shard that was written or seen, 0 if none was. Without known it may have
// been any.
func (s *Session) Seen(shard katakv.ShardID) (index katakv.Index, known bool) {
	if i := s.find(shard); i >= 0 {
		return s.seen[i].index, true
	}
	return 0, !s.dropped
}

// See notes an answer. Of a shard that may have been seen up to any index only an answer at LevelStrong tells enough:
// it reflects everything that was seen before.
func (s *Session) See(a katakv.Served) {
	i := s.find(a.Shard)
	switch {
	case i == 0:
		s.seen[0].index = max(s.seen[0].index, a.Index)
	case i > 0:
		e := entry{a.Shard, max(s.seen[i].index, a.Index)}
		copy(s.seen[1:], s.seen[:i])
		s.seen[0] = e
	case s.dropped && a.Level != katakv.LevelStrong:
	default:
		s.add(entry{a.Shard, a.Index})
	}
}

// SeeEpoch notes the cluster map by which the session was served.
func (s *Session) SeeEpoch(epoch katakv.Epoch) { s.epoch = max(s.epoch, epoch) }

func (s *Session) find(shard katakv.ShardID) int {
	for i := range s.seen {
		if s.seen[i].shard == shard {
			return i
		}
	}
	return -1
}

// add lists a shard first. The one that was seen longest ago makes room.
func (s *Session) add(e entry) {
	if len(s.seen) == MaxEntries {
		s.seen = s.seen[:MaxEntries-1]
		s.dropped = true
	}
	s.seen = slices.Insert(s.seen, 0, e)
}

// Merge lets the session have seen what another one has.
func (s *Session) Merge(other *Session) {
	if other.dropped {
		// Of what is listed here alone, the other may have seen more.
		s.seen = slices.DeleteFunc(s.seen, func(e entry) bool { return other.find(e.shard) < 0 })
	}
	for _, e := range slices.Backward(other.seen) {
		switch i := s.find(e.shard); {
		case i >= 0:
			s.seen[i].index = max(s.seen[i].index, e.index)
		case s.dropped: // more may have been seen here
		default:
			s.add(e)
		}
	}
	s.dropped = s.dropped || other.dropped
	s.SeeEpoch(other.epoch)
}

// Reset makes the session one that has seen nothing.
func (s *Session) Reset() { *s = Session{seen: s.seen[:0]} }

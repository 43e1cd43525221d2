package check

import (
	"fmt"
	"slices"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/invariant"
)

// Configurations checks how the members of a shard change (Raft, section 6, with joint consensus): every quorum of a
// configuration has a member in common with every quorum of the next one; a change is one voter, or a step into or
// out of a joint configuration; all members have the same configuration at an index; and who was removed never
// comes back. The zero value is ready.
type Configurations struct {
	shards map[katakv.ShardID]*changes
}

// Configuration is who takes part. Order does not matter. With Outgoing, the voters before a change, it is joint: it
// decides by majorities of both sets.
type Configuration struct {
	Voters, Outgoing, Learners []katakv.ReplicaID
}

// changes are the configurations of a shard, by index.
type changes struct {
	all     []change
	removed map[katakv.ReplicaID]katakv.Index
}

type change struct {
	index   katakv.Index
	config  Configuration
	replica katakv.ReplicaID // the first to have it
}

// Begin tells the configuration that a shard was created with, at an index.
func (c *Configurations) Begin(shard katakv.ShardID, index katakv.Index, config Configuration) error {
	if c.shards == nil {
		c.shards = map[katakv.ShardID]*changes{}
	}
	c.shards[shard] = &changes{removed: map[katakv.ReplicaID]katakv.Index{}, all: []change{{index: index, config: config.sorted()}}}
	return config.wellFormed()
}

// Applied tells that m applied the entry at an index, which made this configuration. The first to do so decides.
func (c *Configurations) Applied(m Member, index katakv.Index, config Configuration) error {
	s, config := c.shard(m.Shard), config.sorted()
	last := s.all[len(s.all)-1]
	if index <= last.index {
		if at, exact := s.at(index); !exact {
			return fmt.Errorf("%v changed its configuration at index %d to %v, where no other member did", m, index, config)
		} else if !at.config.equal(config) {
			return differs(m, index, config, at)
		}
		return nil
	}
	if err := s.follows(last.config, config); err != nil {
		return fmt.Errorf("%v went from %v of index %d to %v at index %d: %w", m, last.config, last.index, config, index, err)
	}
	for _, id := range last.config.members() {
		if !slices.Contains(config.members(), id) {
			s.removed[id] = index
		}
	}
	s.all = append(s.all, change{index, config, m.Replica})
	return nil
}

// Installed tells the configuration that m has from a snapshot at an index.
func (c *Configurations) Installed(m Member, index katakv.Index, config Configuration) error {
	config = config.sorted()
	if at, _ := c.shard(m.Shard).at(index); !at.config.equal(config) {
		return differs(m, index, config, at)
	}
	return nil
}

func differs(m Member, index katakv.Index, config Configuration, at change) error {
	return fmt.Errorf("%v has %v at index %d, but %v has %v since index %d", m, config, index, Member{m.Shard, at.replica}, at.config, at.index)
}

func (c *Configurations) shard(id katakv.ShardID) *changes {
	s := c.shards[id]
	invariant.Check(s != nil, "the configuration that %v began with was not told", id)
	return s
}

// at returns the configuration in force at an index, and whether it was made there.
func (s *changes) at(index katakv.Index) (change, bool) {
	after := slices.IndexFunc(s.all, func(c change) bool { return c.index > index })
	if after < 0 {
		after = len(s.all)
	}
	if after == 0 {
		return change{}, false
	}
	at := s.all[after-1]
	return at, at.index == index
}

// follows returns why a configuration may not come after another one.
func (s *changes) follows(before, after Configuration) error {
	if err := after.wellFormed(); err != nil {
		return err
	}
	for _, id := range after.members() {
		if at, removed := s.removed[id]; removed {
			return fmt.Errorf("%v was removed at index %d", id, at)
		}
	}
	if !overlap(before, after) {
		return fmt.Errorf("there are quorums of both without a common member")
	}
	joint, wasJoint := len(after.Outgoing) > 0, len(before.Outgoing) > 0
	switch {
	case joint && wasJoint:
		return fmt.Errorf("a joint configuration follows a joint one")
	case joint && !slices.Equal(after.Outgoing, before.Voters):
		return fmt.Errorf("the outgoing voters are not those before")
	case wasJoint && !slices.Equal(after.Voters, before.Voters):
		return fmt.Errorf("the voters changed on leaving a joint configuration")
	case !joint && !wasJoint && difference(before.Voters, after.Voters) > 1:
		return fmt.Errorf("more than one voter changed without a joint configuration")
	}
	return nil
}

// overlap reports whether every quorum of a has a member in common with every quorum of b. It tries all divisions of
// the members into two, which says what it means and is cheap: there are few members and changes are rare.
func overlap(a, b Configuration) bool {
	all := sortedSet(append(a.members(), b.members()...))
	invariant.Check(len(all) <= 20, "%d members of two configurations", len(all))
	for set := range uint32(1) << len(all) {
		one := func(id katakv.ReplicaID) bool { return set&(1<<slices.Index(all, id)) != 0 }
		if a.quorum(one) && b.quorum(func(id katakv.ReplicaID) bool { return !one(id) }) {
			return false
		}
	}
	return true
}

// quorum reports whether a set can decide.
func (c Configuration) quorum(in func(katakv.ReplicaID) bool) bool {
	return majority(c.Voters, in) && (len(c.Outgoing) == 0 || majority(c.Outgoing, in))
}

func majority(voters []katakv.ReplicaID, in func(katakv.ReplicaID) bool) bool {
	n := 0
	for _, id := range voters {
		if in(id) {
			n++
		}
	}
	return n > len(voters)/2
}

// wellFormed returns what is wrong with a configuration by itself.
func (c Configuration) wellFormed() error {
	if len(c.Voters) == 0 {
		return fmt.Errorf("no voters: %v", c)
	}
	for _, id := range c.Learners {
		if slices.Contains(c.Voters, id) || slices.Contains(c.Outgoing, id) {
			return fmt.Errorf("%v is a learner and a voter", id)
		}
	}
	return nil
}

// members returns all who take part, perhaps more than once.
func (c Configuration) members() []katakv.ReplicaID {
	return slices.Concat(c.Voters, c.Outgoing, c.Learners)
}

// sorted returns a copy in one order, so that equal configurations look alike.
func (c Configuration) sorted() Configuration {
	return Configuration{sortedSet(slices.Clone(c.Voters)), sortedSet(slices.Clone(c.Outgoing)), sortedSet(slices.Clone(c.Learners))}
}

func sortedSet(ids []katakv.ReplicaID) []katakv.ReplicaID {
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (c Configuration) equal(other Configuration) bool {
	return slices.Equal(c.Voters, other.Voters) && slices.Equal(c.Outgoing, other.Outgoing) && slices.Equal(c.Learners, other.Learners)
}

// difference returns how many ids are in one of two sets only.
func difference(a, b []katakv.ReplicaID) int {
	n := 0
	for _, id := range sortedSet(slices.Concat(a, b)) {
		if slices.Contains(a, id) != slices.Contains(b, id) {
			n++
		}
	}
	return n
}

// String returns "voters [r1 r2 r3], outgoing [r1 r2], learners [r4]".
func (c Configuration) String() string {
	return fmt.Sprintf("voters %v, outgoing %v, learners %v", c.Voters, c.Outgoing, c.Learners)
}

package placement

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/katakv/katakv"
)

// Validate checks everything that any map must hold: sorted, unique ids below the next ones to give out; every
// slot owned by exactly one shard; replicas on distinct known nodes; one to MaxReplicas voters a shard, one of
// them on the node that should lead. The first violation is returned.
func (m *Map) Validate() error {
	if m.Version != MapVersion {
		return fmt.Errorf("map version %d is not known, want %d", m.Version, MapVersion)
	}
	if m.Epoch == 0 {
		return errors.New("map epoch is 0")
	}
	if err := m.Settings.validate(); err != nil {
		return err
	}
	if err := m.validateNodes(); err != nil {
		return err
	}
	if err := m.validateShards(); err != nil {
		return err
	}
	return m.validateSlots()
}

func (s Settings) validate() error {
	if s.Replicas < 1 || s.Replicas > katakv.MaxReplicas {
		return fmt.Errorf("settings: %d replicas, want 1 to %d", s.Replicas, katakv.MaxReplicas)
	}
	if s.MaxValueBytes < 1 || s.MaxValueBytes > katakv.MaxValueBytes {
		return fmt.Errorf("settings: value limit %d, want 1 to %d", s.MaxValueBytes, katakv.MaxValueBytes)
	}
	if s.RequestRetention < 0 || s.RequestRetention > katakv.MaxRequestRetention || s.RequestRetention%time.Millisecond != 0 {
		return fmt.Errorf("settings: requests are remembered for %v, want up to %v in whole milliseconds",
			s.RequestRetention, katakv.MaxRequestRetention)
	}
	if !s.Consistency.Valid() {
		return fmt.Errorf("settings: reads at %v by default", s.Consistency)
	}
	if reads := s.StrongReads.OrDefault(); reads != StrongReadsLease && reads != StrongReadsIndex {
		return fmt.Errorf("settings: strong reads by %q, want %q or %q", reads, StrongReadsLease, StrongReadsIndex)
	}
	return nil
}

func (m *Map) validateNodes() error {
	if len(m.Nodes) < 1 || len(m.Nodes) > katakv.MaxNodes {
		return fmt.Errorf("%d nodes, want 1 to %d", len(m.Nodes), katakv.MaxNodes)
	}
	last := katakv.NodeID(0)
	for i := range m.Nodes {
		n := &m.Nodes[i]
		if n.ID <= last {
			return fmt.Errorf("node %v at position %d does not follow %v", n.ID, i, last)
		}
		last = n.ID
		if err := n.validate(); err != nil {
			return fmt.Errorf("node %v: %w", n.ID, err)
		}
	}
	if last >= m.NextNode {
		return fmt.Errorf("node %v is not below the next id %v", last, m.NextNode)
	}
	return nil
}

func (n *Node) validate() error {
	if n.Weight < 1 || n.Weight > MaxWeight {
		return fmt.Errorf("weight %d, want 1 to %d", n.Weight, MaxWeight)
	}
	if len(n.Zone) > MaxZoneBytes || !printable(n.Zone) {
		return fmt.Errorf("zone %.80q, want at most %d visible ASCII characters", n.Zone, MaxZoneBytes)
	}
	return n.Addresses.validate()
}

func (a *Addresses) validate() error {
	for _, door := range [...]struct{ name, address string }{
		{"peer", a.Peer},
		{"cluster", a.Cluster},
		{"plain", a.Plain},
		{"http", a.HTTP},
	} {
		if err := checkAddress(door.address); err != nil {
			return fmt.Errorf("%s address %.300q: %w", door.name, door.address, err)
		}
	}
	return nil
}

// checkAddress accepts "host:port" and the empty address of a closed door. Addresses are repeated to clients
// in line-based replies, so nothing but visible characters may be in them.
func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	if len(address) > MaxAddressBytes {
		return fmt.Errorf("longer than %d bytes", MaxAddressBytes)
	}
	if !printable(address) {
		return errors.New("characters other than visible ASCII")
	}
	colon := strings.LastIndexByte(address, ':')
	if colon < 1 {
		return errors.New("want HOST:PORT")
	}
	if port, err := strconv.ParseUint(address[colon+1:], 10, 16); err != nil || port == 0 {
		return errors.New("want a port from 1 to 65535")
	}
	return nil
}

// printable reports whether s is visible ASCII, without spaces.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func (m *Map) validateShards() error {
	if len(m.Shards) < 1 || len(m.Shards) > katakv.MaxShards+1 {
		return fmt.Errorf("%d shards, want 1 to %d", len(m.Shards), katakv.MaxShards+1)
	}
	if m.Shards[0].ID != katakv.MetaShard {
		return fmt.Errorf("the first shard is %v, not the meta shard", m.Shards[0].ID)
	}
	seen := make(map[katakv.ReplicaID]katakv.ShardID, len(m.Shards)*m.Settings.Replicas)
	for i := range m.Shards {
		s := &m.Shards[i]
		if i > 0 && s.ID <= m.Shards[i-1].ID {
			return fmt.Errorf("shard %v at position %d does not follow %v", s.ID, i, m.Shards[i-1].ID)
		}
		if s.ID >= m.NextShard {
			return fmt.Errorf("shard %v is not below the next id %v", s.ID, m.NextShard)
		}
		if err := m.validateReplicas(s); err != nil {
			return fmt.Errorf("shard %v: %w", s.ID, err)
		}
		for _, r := range s.Replicas {
			if other, ok := seen[r.ID]; ok {
				return fmt.Errorf("replica %v is in shard %v and in shard %v", r.ID, other, s.ID)
			}
			seen[r.ID] = s.ID
		}
	}
	return nil
}

// validateReplicas checks one shard's members: as many learners as voters may be on their way in at most.
func (m *Map) validateReplicas(s *Shard) error {
	if len(s.Replicas) > 2*katakv.MaxReplicas {
		return fmt.Errorf("%d replicas, want at most %d", len(s.Replicas), 2*katakv.MaxReplicas)
	}
	voters, leads := 0, false
	for i, r := range s.Replicas {
		switch {
		case r.ID == 0 || i > 0 && r.ID <= s.Replicas[i-1].ID:
			return fmt.Errorf("replica %v at position %d is out of order", r.ID, i)
		case r.ID >= m.NextReplica:
			return fmt.Errorf("replica %v is not below the next id %v", r.ID, m.NextReplica)
		case m.Node(r.Node) == nil:
			return fmt.Errorf("replica %v is on node %v, which is not in the map", r.ID, r.Node)
		}
		for _, other := range s.Replicas[:i] {
			if other.Node == r.Node {
				return fmt.Errorf("replicas %v and %v are both on node %v", other.ID, r.ID, r.Node)
			}
		}
		if !r.Learner {
			voters++
			leads = leads || r.Node == s.Leader
		}
	}
	if voters < 1 || voters > katakv.MaxReplicas {
		return fmt.Errorf("%d voters, want 1 to %d", voters, katakv.MaxReplicas)
	}
	if !leads {
		return fmt.Errorf("node %v should lead but has no voter", s.Leader)
	}
	return nil
}

// validateSlots checks that the ranges of the data shards cover every slot exactly once.
func (m *Map) validateSlots() error {
	if m.Shards[0].Slots != nil {
		return errors.New("the meta shard owns slots")
	}
	var owner [katakv.SlotCount]katakv.ShardID
	owned := 0
	for i := range m.Shards[1:] {
		s := &m.Shards[i+1]
		if s.Slots == nil {
			return fmt.Errorf("shard %v owns no slots", s.ID)
		}
		first, last := int(s.Slots.First), int(s.Slots.Last)
		if first > last || last >= katakv.SlotCount {
			return fmt.Errorf("shard %v: slots %d to %d are no range", s.ID, first, last)
		}
		for n := first; n <= last; n++ {
			if owner[n] != 0 {
				return fmt.Errorf("slot %d is owned by shard %v and shard %v", n, owner[n], s.ID)
			}
			owner[n] = s.ID
		}
		owned += last - first + 1
	}
	if owned != katakv.SlotCount {
		return fmt.Errorf("%d of %d slots have no shard", katakv.SlotCount-owned, katakv.SlotCount)
	}
	return nil
}

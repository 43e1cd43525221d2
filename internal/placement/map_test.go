package placement_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/slot"
)

func nodesAt(count int) []placement.Node {
	nodes := make([]placement.Node, count)
	for i := range nodes {
		nodes[i] = placement.Node{Zone: fmt.Sprintf("z%d", i%3), Addresses: placement.Addresses{
			Peer:    fmt.Sprintf("10.0.0.%d:7001", i+1),
			Cluster: fmt.Sprintf("10.0.0.%d:7002", i+1),
			Plain:   fmt.Sprintf("[::1]:%d", 7003+i),
			HTTP:    fmt.Sprintf("node-%d.example:80", i),
		}}
	}
	return nodes
}

func newMap(t testing.TB, nodes, shards, replicas int) *placement.Map {
	t.Helper()
	m, err := placement.Bootstrap(7, nodesAt(nodes), shards, placement.Settings{Replicas: replicas})
	if err != nil {
		t.Fatalf("Bootstrap: %v", err)
	}
	return m
}

func TestBootstrap(t *testing.T) {
	for _, c := range []struct{ nodes, shards, replicas int }{
		{1, 1, 1}, {3, 48, 3}, {5, 48, 3}, {5, 3, 5}, {4, 16384, 2}, {12, 100, 3},
	} {
		m := newMap(t, c.nodes, c.shards, c.replicas)
		if err := m.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if m.Epoch != 1 || m.Cluster != 7 || len(m.Nodes) != c.nodes || len(m.Shards) != c.shards+1 {
			t.Errorf("%+v: got epoch %d, cluster %v, %d nodes, %d shards", c, m.Epoch, m.Cluster, len(m.Nodes), len(m.Shards))
		}
		if m.Settings.MaxValueBytes != katakv.DefaultMaxValueBytes {
			t.Errorf("%+v: got value limit %d", c, m.Settings.MaxValueBytes)
		}
		for i := range m.Nodes {
			if m.Nodes[i].ID != katakv.NodeID(i+1) || m.Nodes[i].Weight != 1 {
				t.Errorf("%+v: node %d is %+v", c, i, m.Nodes[i])
			}
		}
		for _, s := range m.Shards {
			if len(s.Replicas) != c.replicas {
				t.Errorf("%+v: shard %v has %d replicas", c, s.ID, len(s.Replicas))
			}
		}
	}
}

func TestBootstrapRefuses(t *testing.T) {
	twice := nodesAt(3)
	twice[2].Addresses.Peer = twice[0].Addresses.Peer
	bad := nodesAt(3)
	bad[1].Addresses.Plain = "10.0.0.1:70\r\n00"
	for _, c := range []struct {
		name     string
		nodes    []placement.Node
		shards   int
		settings placement.Settings
		want     string
	}{
		{"no nodes", nil, 1, placement.Settings{Replicas: 1}, "1 replicas need as many nodes, but there are 0"},
		{"too few nodes", nodesAt(2), 1, placement.Settings{Replicas: 3}, "3 replicas need as many nodes, but there are 2"},
		{"no replicas", nodesAt(2), 1, placement.Settings{}, "0 replicas"},
		{"strong reads", nodesAt(1), 1, placement.Settings{Replicas: 1, StrongReads: "often"}, `strong reads by "often"`},
		{"six replicas", nodesAt(7), 1, placement.Settings{Replicas: 6}, "6 replicas"},
		{"no shards", nodesAt(3), 0, placement.Settings{Replicas: 3}, "0 shards"},
		{"too many shards", nodesAt(3), 16385, placement.Settings{Replicas: 3}, "16385 shards"},
		{"value limit", nodesAt(3), 1, placement.Settings{Replicas: 3, MaxValueBytes: 1 << 30}, "value limit"},
		{"same peer twice", twice, 1, placement.Settings{Replicas: 3}, "same peer address"},
		{"bad address", bad, 1, placement.Settings{Replicas: 3}, "visible ASCII"},
		{"too many nodes", make([]placement.Node, 1025), 1, placement.Settings{Replicas: 3}, "1025 nodes"},
	} {
		m, err := placement.Bootstrap(1, c.nodes, c.shards, c.settings)
		if m != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestMapRoundTrip(t *testing.T) {
	m := newMap(t, 5, 48, 3)
	data := m.Encode()
	again, err := placement.Decode(data)
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	if !bytes.Equal(again.Encode(), data) {
		t.Error("a decoded map encodes differently")
	}
	for _, bad := range []string{
		"", "{}", "null", "[]", string(data) + "x", string(data) + string(data), string(data[:len(data)-1]),
		strings.Replace(string(data), `"epoch"`, `"colour":1,"epoch"`, 1),
		strings.Repeat(" ", placement.MaxMapBytes+1),
	} {
		if _, err := placement.Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%.60q): got no error", bad)
		}
	}
}

// Every violation is made from a good map by one stroke.
func TestValidateFindsEveryViolation(t *testing.T) {
	for _, c := range []struct {
		want string
		spot func(m *placement.Map)
	}{
		{"version", func(m *placement.Map) { m.Version = 2 }},
		{"epoch is 0", func(m *placement.Map) { m.Epoch = 0 }},
		{"settings: 0 replicas", func(m *placement.Map) { m.Settings.Replicas = 0 }},
		{"value limit", func(m *placement.Map) { m.Settings.MaxValueBytes = 0 }},
		{"0 nodes", func(m *placement.Map) { m.Nodes = nil }},
		{"does not follow", func(m *placement.Map) { m.Nodes[1].ID = 1 }},
		{"does not follow", func(m *placement.Map) { m.Nodes[0].ID = 0 }},
		{"not below the next id", func(m *placement.Map) { m.NextNode = 4 }},
		{"weight 0", func(m *placement.Map) { m.Nodes[0].Weight = 0 }},
		{"zone", func(m *placement.Map) { m.Nodes[0].Zone = "a b" }},
		{"HOST:PORT", func(m *placement.Map) { m.Nodes[0].Addresses.HTTP = "host" }},
		{"HOST:PORT", func(m *placement.Map) { m.Nodes[0].Addresses.HTTP = ":80" }},
		{"port", func(m *placement.Map) { m.Nodes[0].Addresses.Peer = "host:0" }},
		{"port", func(m *placement.Map) { m.Nodes[0].Addresses.Peer = "host:65536" }},
		{"longer", func(m *placement.Map) { m.Nodes[0].Addresses.Peer = strings.Repeat("h", 300) + ":1" }},
		{"0 shards", func(m *placement.Map) { m.Shards = nil }},
		{"not the meta shard", func(m *placement.Map) { m.Shards = m.Shards[1:] }},
		{"does not follow", func(m *placement.Map) { m.Shards[2].ID = 1 }},
		{"not below the next id", func(m *placement.Map) { m.NextShard = 4 }},
		{"voters", func(m *placement.Map) { m.Shards[1].Replicas = nil }},
		{"voters", func(m *placement.Map) {
			for i := range m.Shards[1].Replicas {
				m.Shards[1].Replicas[i].Learner = true
			}
		}},
		{"out of order", func(m *placement.Map) { m.Shards[1].Replicas[0].ID = 0 }},
		{"out of order", func(m *placement.Map) { m.Shards[1].Replicas[1].ID = m.Shards[1].Replicas[0].ID }},
		{"in shard", func(m *placement.Map) { m.Shards[2].Replicas[0].ID = m.Shards[1].Replicas[0].ID }},
		{"not below the next id", func(m *placement.Map) { m.NextReplica-- }},
		{"not in the map", func(m *placement.Map) { m.Shards[1].Replicas[0].Node = 9 }},
		{"both on node", func(m *placement.Map) { m.Shards[1].Replicas[0].Node = m.Shards[1].Replicas[1].Node }},
		{"has no voter", func(m *placement.Map) { m.Shards[1].Leader = 0 }},
		{"at most", func(m *placement.Map) { m.Shards[1].Replicas = make([]placement.Replica, 11) }},
		{"meta shard owns", func(m *placement.Map) { m.Shards[0].Slots = &slot.Range{} }},
		{"owns no slots", func(m *placement.Map) { m.Shards[1].Slots = nil }},
		{"no range", func(m *placement.Map) { m.Shards[4].Slots.Last = 16384 }},
		{"no range", func(m *placement.Map) { m.Shards[2].Slots.First = 9999 }},
		{"owned by shard", func(m *placement.Map) { m.Shards[1].Slots.Last++ }},
		{"1 of 16384 slots", func(m *placement.Map) { m.Shards[1].Slots.Last-- }},
	} {
		m := newMap(t, 4, 4, 3)
		if c.spot(m); m.Validate() == nil || !strings.Contains(m.Validate().Error(), c.want) {
			t.Errorf("got %v, want an error with %q", m.Validate(), c.want)
		}
	}
}

func TestLookup(t *testing.T) {
	m := newMap(t, 4, 4, 3)
	if n := m.Node(3); n == nil || n.ID != 3 {
		t.Errorf("Node(3): got %v", n)
	}
	if m.Node(0) != nil || m.Node(5) != nil || m.Shard(5) != nil {
		t.Error("found what is not there")
	}
	s := m.Shard(2)
	if s == nil || s.ID != 2 {
		t.Fatalf("Shard(2): got %v", s)
	}
	on := 0
	for node := katakv.NodeID(1); node <= 4; node++ {
		if r, ok := s.ReplicaOn(node); ok {
			on++
			if same, ok := s.Replica(r.ID); !ok || same != r {
				t.Errorf("Replica(%v): got %v, want %v", r.ID, same, r)
			}
		}
	}
	if on != 3 {
		t.Errorf("shard 2 has replicas on %d nodes, want 3", on)
	}
	if _, ok := s.Replica(9999); ok {
		t.Error("found replica 9999")
	}
}

func TestApplyUpdateNode(t *testing.T) {
	m := newMap(t, 3, 4, 3)
	before := m.Encode()
	update := placement.UpdateNode{ID: 2, Zone: "west", Addresses: placement.Addresses{Peer: "10.1.1.1:9"}}
	change, err := placement.DecodeChange(placement.EncodeChange(placement.Change{UpdateNode: &update}))
	if err != nil {
		t.Fatalf("DecodeChange: %v", err)
	}
	next, err := m.Apply(change)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	if n := next.Node(2); next.Epoch != 2 || n.Zone != "west" || n.Addresses != update.Addresses || n.Weight != 1 {
		t.Errorf("got epoch %d, node %+v", next.Epoch, n)
	}
	if err := next.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
	if again, err := next.Apply(change); again != nil || !errors.Is(err, placement.ErrNoChange) {
		t.Errorf("the same once more: got %v, want ErrNoChange", err)
	}
	for _, bad := range []placement.Change{
		{},
		{UpdateNode: &placement.UpdateNode{ID: 9}},
		{UpdateNode: &placement.UpdateNode{ID: 1, Addresses: placement.Addresses{Peer: "nowhere"}}},
	} {
		if got, err := m.Apply(bad); got != nil || err == nil || errors.Is(err, placement.ErrNoChange) {
			t.Errorf("Apply(%+v): got %v", bad, err)
		}
	}
	if !bytes.Equal(m.Encode(), before) {
		t.Error("Apply changed the map it was called on")
	}
}

func TestDefaultShards(t *testing.T) {
	for _, c := range []struct{ nodes, want int }{{1, 48}, {3, 48}, {12, 48}, {20, 80}, {1024, 4096}} {
		if got := placement.DefaultShards(c.nodes); got != c.want {
			t.Errorf("DefaultShards(%d): got %d, want %d", c.nodes, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(newMap(f, 1, 1, 1).Encode())
	f.Add(newMap(f, 3, 4, 3).Encode())
	f.Add([]byte(`{"version":1,"cluster":"7","epoch":1,"nodes":[],"shards":[{"id":0}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := placement.Decode(data)
		if err != nil {
			return
		}
		again, err := placement.Decode(m.Encode())
		if err != nil || !bytes.Equal(again.Encode(), m.Encode()) {
			t.Fatalf("round trip: %v", err)
		}
	})
}

func FuzzDecodeChange(f *testing.F) {
	f.Add(placement.EncodeChange(placement.Change{UpdateNode: &placement.UpdateNode{ID: 1, Zone: "a"}}))
	f.Add([]byte(`{"updateNode":null}`))
	m := newMap(f, 3, 4, 3)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := placement.DecodeChange(data)
		if err != nil {
			return
		}
		if next, err := m.Apply(c); err == nil && next.Validate() != nil {
			t.Fatalf("Apply(%s): %v", data, next.Validate())
		}
	})
}

package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/bootstrap"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/wire"
)

// fakeNode does what a node does when it is asked.
type fakeNode struct {
	id     katakv.NodeID
	place  *placement.Map // nil while it is empty
	active bool
}

var errCut = errors.New("connection cut")

// fakeNodes are the nodes at addresses "a", "b", ...; from the request numbered cutAt on (counted from 1) every
// request fails, the first of them only after it took effect when late is set.
type fakeNodes struct {
	t        *testing.T
	nodes    map[string]*fakeNode
	requests int
	cutAt    int
	late     bool
}

func newFakeNodes(t *testing.T, count int) (*fakeNodes, []string) {
	f := &fakeNodes{t: t, nodes: map[string]*fakeNode{}}
	var peers []string
	for i := range count {
		peer := string(rune('a' + i))
		f.nodes[peer] = &fakeNode{}
		peers = append(peers, peer)
	}
	return f, peers
}

func (f *fakeNodes) ask(_ context.Context, address string, request wire.Message) (wire.Message, error) {
	f.requests++
	cut := f.cutAt > 0 && f.requests >= f.cutAt
	if cut && (!f.late || f.requests > f.cutAt) {
		return nil, errCut
	}
	n := f.nodes[address]
	if n == nil {
		return nil, fmt.Errorf("no node at %s", address)
	}
	answer := f.handle(address, n, request)
	if cut {
		return nil, errCut
	}
	return answer, nil
}

func (f *fakeNodes) handle(address string, n *fakeNode, request wire.Message) wire.Message {
	switch r := request.(type) {
	case *wire.NodeStatusRequest:
		s := &wire.NodeStatus{Empty: n.place == nil, Active: n.active, Node: n.id, Addresses: placement.Addresses{
			Peer: address + ":1", Cluster: address + ":2", Plain: address + ":3", HTTP: address + ":4",
		}}
		if n.place != nil {
			s.Cluster, s.Map = n.place.Cluster, n.place.Encode()
		}
		return s
	case *wire.BootstrapRequest:
		m, err := placement.Decode(r.Map)
		if err != nil {
			f.t.Fatalf("%s was sent a broken map: %v", address, err)
		}
		switch {
		case n.place != nil && (n.place.Cluster != m.Cluster || n.id != r.Node):
			return &wire.BootstrapReply{Error: "belongs to another cluster"}
		case r.Activate && n.place == nil:
			return &wire.BootstrapReply{Error: "has not prepared"}
		case r.Activate:
			f.allHavePrepared()
			n.active = true
		case n.place == nil:
			f.noneTakesPart(address)
			n.place, n.id = m, r.Node
		}
		return &wire.BootstrapReply{}
	}
	f.t.Fatalf("unexpected %T", request)
	return nil
}

// allHavePrepared must hold whenever a node begins to take part, unless one lost its disk meanwhile.
func (f *fakeNodes) allHavePrepared() {
	for address, n := range f.nodes {
		if n.place == nil {
			f.t.Errorf("a node takes part although %s is empty", address)
		}
	}
}

// noneTakesPart must hold whenever a node is prepared: otherwise it may be one that lost its disk.
func (f *fakeNodes) noneTakesPart(prepared string) {
	for address, n := range f.nodes {
		if n.active {
			f.t.Errorf("%s is prepared although %s takes part", prepared, address)
		}
	}
}

func (f *fakeNodes) create(options bootstrap.Options) (*bootstrap.Result, error) {
	return bootstrap.Create(f.t.Context(), f.ask, options)
}

// wantCluster checks that every node takes part under its number with one map.
func (f *fakeNodes) wantCluster(peers []string, result *bootstrap.Result) {
	f.t.Helper()
	for i, peer := range peers {
		n := f.nodes[peer]
		if !n.active || n.id != katakv.NodeID(i+1) || n.place.Cluster != result.Map.Cluster {
			f.t.Errorf("node %s is %+v, want an active n%d of cluster %v", peer, *n, i+1, result.Map.Cluster)
		}
		if got := result.Map.Nodes[i].Addresses.Plain; got != peer+":3" {
			f.t.Errorf("the map has %s for node %d, want %s:3", got, i+1, peer)
		}
	}
}

func TestCreate(t *testing.T) {
	for _, test := range []struct{ nodes, replicas int }{{1, 1}, {2, 2}, {3, 3}, {5, 3}} {
		f, peers := newFakeNodes(t, test.nodes)
		result, err := f.create(bootstrap.Options{Peers: peers, Cluster: 7})
		if err != nil {
			t.Fatal(err)
		}
		f.wantCluster(peers, result)
		if result.Existed || result.Resumed || result.Map.Settings.Replicas != test.replicas || len(result.Map.Shards) != 49 {
			t.Errorf("%d nodes: got %+v, settings %+v, %d shards", test.nodes, result, result.Map.Settings, len(result.Map.Shards))
		}
		again, err := f.create(bootstrap.Options{Peers: peers, Cluster: 8})
		if err != nil || !again.Existed || again.Map.Cluster != 7 {
			t.Errorf("created again: got %+v, %v, want the cluster that exists", again, err)
		}
	}
}

// TestSettingsReachTheMap: what was wished is in the map, and wished again it is what there is.
func TestSettingsReachTheMap(t *testing.T) {
	f, peers := newFakeNodes(t, 3)
	options := bootstrap.Options{
		Peers: peers, Cluster: 7, MaxValueBytes: 1 << 10, RequestRetention: time.Hour,
		Consistency: katakv.Consistency{Level: katakv.LevelSession},
	}
	for range 2 {
		result, err := f.create(options)
		if err != nil {
			t.Fatal(err)
		}
		want := placement.Settings{Replicas: 3, MaxValueBytes: 1 << 10, RequestRetention: time.Hour, Consistency: options.Consistency}
		if got := result.Map.Settings; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestCutAnywhere cuts a creation off at each of its requests, before and after its effect, and repeats it.
func TestCutAnywhere(t *testing.T) {
	const nodes = 3
	whole, peers := newFakeNodes(t, nodes)
	if _, err := whole.create(bootstrap.Options{Peers: peers, Cluster: 1}); err != nil {
		t.Fatal(err)
	}
	if whole.requests != 3*nodes {
		t.Fatalf("a creation makes %d requests, want %d", whole.requests, 3*nodes)
	}
	for cutAt := 1; cutAt <= whole.requests; cutAt++ {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("request %d late %v", cutAt, late), func(t *testing.T) {
				f, peers := newFakeNodes(t, nodes)
				f.cutAt, f.late = cutAt, late
				if _, err := f.create(bootstrap.Options{Peers: peers, Cluster: 1, Shards: 5}); !errors.Is(err, errCut) {
					t.Fatalf("got %v, want the cut", err)
				}
				f.cutAt = 0
				result, err := f.create(bootstrap.Options{Peers: peers, Cluster: 2})
				if err != nil {
					t.Fatalf("resume: %v", err)
				}
				f.wantCluster(peers, result)
				if begun := cutAt > nodes+1 || cutAt == nodes+1 && late; begun && result.Map.Cluster != 1 {
					t.Errorf("resumed as %v, want the first run's cluster", result.Map.Cluster)
				}
			})
		}
	}
}

// TestWipedAnywhere cuts a creation off, wipes one node, and repeats it: it may only succeed while none takes part.
func TestWipedAnywhere(t *testing.T) {
	for cutAt := 4; cutAt <= 9; cutAt++ {
		for _, wiped := range []string{"a", "b", "c"} {
			t.Run(fmt.Sprintf("request %d wiped %s", cutAt, wiped), func(t *testing.T) {
				f, peers := newFakeNodes(t, 3)
				f.cutAt, f.late = cutAt, true
				_, _ = f.create(bootstrap.Options{Peers: peers, Cluster: 1})
				f.cutAt = 0
				*f.nodes[wiped] = fakeNode{}
				running := false
				for _, n := range f.nodes {
					running = running || n.active
				}
				result, err := f.create(bootstrap.Options{Peers: peers, Cluster: 2})
				switch {
				case !running && err != nil:
					t.Fatalf("nobody takes part, but got %v", err)
				case !running:
					f.wantCluster(peers, result)
				case err == nil || !strings.Contains(err.Error(), "node at "+wiped+" is empty"):
					t.Fatalf("got %v, want a refusal that names %s", err, wiped)
				case f.nodes[wiped].place != nil:
					t.Fatal("the wiped node was prepared")
				}
			})
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name    string
		before  func(f *fakeNodes, peers []string)
		options bootstrap.Options
		want    string
	}{
		{"no nodes", nil, bootstrap.Options{Cluster: 1}, `at least one node`},
		{"named twice", nil, bootstrap.Options{Cluster: 1, Peers: []string{"a", "a"}}, `a is named twice`},
		{"not there", nil, bootstrap.Options{Cluster: 1, Peers: []string{"a", "x"}}, `no node at x.*katakv serve`},
		{"no id", nil, bootstrap.Options{Peers: []string{"a"}}, `needs an id`},
		{"too many replicas", nil, bootstrap.Options{Cluster: 1, Peers: []string{"a", "b"}, Replicas: 3}, `3 replicas need as many nodes`},
		{"other shards", created, bootstrap.Options{Peers: []string{"a", "b", "c"}, Shards: 5}, `with 48 as its shards, not 5`},
		{"other replicas", created, bootstrap.Options{Peers: []string{"a", "b", "c"}, Replicas: 1}, `with 3 as its replicas`},
		{"other retention", created, bootstrap.Options{Peers: []string{"a", "b", "c"}, RequestRetention: time.Hour}, `with 10m0s as its request-retention, not 1h0m0s`},
		{"other strong reads", created, bootstrap.Options{Peers: []string{"a", "b", "c"}, StrongReads: placement.StrongReadsIndex}, `with lease as its strong-reads, not read-index`},
		{"other order", created, bootstrap.Options{Peers: []string{"b", "a", "c"}}, `node at b is n2 .*place 1`},
		{"fewer", created, bootstrap.Options{Peers: []string{"a", "b"}}, `has 3 nodes, but 2 were named`},
		{"more", func(f *fakeNodes, peers []string) {
			created(f, peers)
			f.nodes["d"] = &fakeNode{}
		}, bootstrap.Options{Peers: []string{"a", "b", "c", "d"}, Cluster: 2}, `has 3 nodes, but 4 were named`},
		{"two clusters", func(f *fakeNodes, _ []string) {
			f.mustCreate(bootstrap.Options{Cluster: 1, Peers: []string{"a"}})
			f.nodes["z"] = f.nodes["a"]
			f.nodes["a"] = &fakeNode{}
			f.mustCreate(bootstrap.Options{Cluster: 2, Peers: []string{"a"}})
		}, bootstrap.Options{Cluster: 3, Peers: []string{"z", "a"}}, `node at a belongs to cluster 0+2 and node at z to cluster 0+1`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, peers := newFakeNodes(t, 3)
			if test.before != nil {
				test.before(f, peers)
			}
			_, err := f.create(test.options)
			if err == nil || !regexp.MustCompile(test.want).MatchString(err.Error()) {
				t.Fatalf("got %v, want an error that matches %q", err, test.want)
			}
		})
	}
}

func created(f *fakeNodes, peers []string) {
	f.mustCreate(bootstrap.Options{Peers: peers, Cluster: 1})
}

func (f *fakeNodes) mustCreate(options bootstrap.Options) {
	f.t.Helper()
	whole := f.nodes
	f.nodes = map[string]*fakeNode{} // the others are not part of this
	for _, peer := range options.Peers {
		f.nodes[peer] = whole[peer]
	}
	if _, err := f.create(options); err != nil {
		f.t.Fatal(err)
	}
	f.nodes = whole
}

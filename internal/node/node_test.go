package node_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/node"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/wire"
)

// patience bounds waiting for something that must happen; it is no assertion about speed.
const patience = 60 * time.Second

// cluster is three nodes in this process, over loopback and real files.
type cluster struct {
	t     *testing.T
	nodes []*node.Node
	cfgs  []node.Config
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t}
	dir := t.TempDir()
	for i := range 3 {
		c.cfgs = append(c.cfgs, node.Config{
			Dir:          filepath.Join(dir, fmt.Sprint(i+1)),
			Cores:        1 + i%2, // one with two cores: what peers send is sorted to them
			TickInterval: 20 * time.Millisecond,
		})
		c.nodes = append(c.nodes, nil)
		c.start(i)
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			if n != nil {
				n.Stop()
			}
		}
	})
	return c
}

// start opens node i, on the address it had before if it had one.
func (c *cluster) start(i int) {
	c.t.Helper()
	cfg := &c.cfgs[i]
	address := "127.0.0.1:0"
	if cfg.Advertised.Peer != "" {
		address = cfg.Advertised.Peer
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		c.t.Fatal(err)
	}
	cfg.Listener = l
	cfg.Advertised = placement.Addresses{Peer: l.Addr().String(), Cluster: "127.0.0.1:1", Plain: "127.0.0.1:2", HTTP: "127.0.0.1:3"}
	n, err := node.Open(*cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	n.Start()
	c.nodes[i] = n
}

func (c *cluster) bootstrap() {
	c.t.Helper()
	var nodes []placement.Node
	for i := range c.cfgs {
		nodes = append(nodes, placement.Node{Weight: 1, Addresses: c.cfgs[i].Advertised})
	}
	m, err := placement.Bootstrap(99, nodes, 6, placement.Settings{Replicas: 3, MaxValueBytes: 1 << 20})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, activate := range []bool{false, true} {
		for i, n := range c.nodes {
			reply := n.Admin(&wire.BootstrapRequest{Node: m.Nodes[i].ID, Map: m.Encode(), Activate: activate}).(*wire.BootstrapReply)
			if reply.Error != "" {
				c.t.Fatal(reply.Error)
			}
		}
	}
	for i := range c.nodes {
		c.awaitReady(i)
	}
}

func (c *cluster) awaitReady(i int) {
	c.t.Helper()
	for deadline := clock.Monotonic() + patience; ; {
		err := c.nodes[i].Ready()
		if err == nil {
			return
		}
		if clock.Monotonic() > deadline {
			c.t.Fatalf("node %d: %v", i+1, err)
		}
		<-clock.After(10 * time.Millisecond)
	}
}

func (c *cluster) do(i int, ops ...command.Operation) []command.Reply {
	c.t.Helper()
	calls := make([]router.Call, len(ops))
	for j := range ops {
		calls[j].Operation = ops[j]
	}
	c.nodes[i].Execute(context.Background(), router.Forward, calls)
	replies := make([]command.Reply, len(ops))
	for j := range calls {
		replies[j] = calls[j].Reply
	}
	return replies
}

func set(key, value string) command.Operation {
	return command.Operation{Kind: command.KindSet, Keys: [][]byte{[]byte(key)}, Values: [][]byte{[]byte(value)}}
}

func get(key string) command.Operation {
	return command.Operation{Kind: command.KindGet, Keys: [][]byte{[]byte(key)}}
}

func (c *cluster) write(through int, prefix string, n int) {
	c.t.Helper()
	for i := range n {
		key := fmt.Sprintf("%s%d", prefix, i)
		if r := c.do(through, set(key, "value of "+key))[0]; r.Kind != command.ReplyOK {
			c.t.Fatalf("SET %s: %+v %v", key, r, r.Err)
		}
	}
}

func (c *cluster) check(through int, prefix string, n int) {
	c.t.Helper()
	for i := range n {
		key := fmt.Sprintf("%s%d", prefix, i)
		if r := c.do(through, get(key))[0]; string(r.Bulk) != "value of "+key {
			c.t.Fatalf("GET %s through node %d: %q %v", key, through+1, r.Bulk, r.Err)
		}
	}
}

func TestClusterServesStopsAndResumes(t *testing.T) {
	c := newCluster(t)
	if r := c.do(0, get("a"))[0]; r.Err == nil || r.Err.Prefix() != "LOADING" {
		t.Fatalf("before there is a cluster: %+v", r)
	}
	c.bootstrap()
	c.write(0, "a", 50)
	for i := range c.nodes {
		c.check(i, "a", 50)
	}

	t.Log("one node stops: the others take over")
	c.nodes[2].Stop()
	c.write(0, "b", 50)
	c.check(1, "b", 50)

	t.Log("it comes back")
	c.start(2)
	c.awaitReady(2)
	c.check(2, "a", 50)
	c.check(2, "b", 50)

	t.Log("all stop and come back")
	for i := range c.nodes {
		c.nodes[i].Stop()
	}
	for i := range c.nodes {
		c.start(i)
	}
	for i := range c.nodes {
		c.awaitReady(i)
		c.check(i, "a", 50)
		c.check(i, "b", 50)
	}
	for i, n := range c.nodes {
		select {
		case err := <-n.Failed():
			t.Errorf("node %d failed: %v", i+1, err)
		default:
		}
	}
}

func TestAddressesAreAnnounced(t *testing.T) {
	c := newCluster(t)
	c.bootstrap()
	c.nodes[1].Stop()
	c.cfgs[1].Advertised.Peer = "" // another port
	c.start(1)
	want := c.cfgs[1].Advertised.Peer
	for deadline := clock.Monotonic() + patience; ; {
		known := 0
		for _, n := range c.nodes {
			if n.Topology().Map.Node(2).Addresses.Peer == want {
				known++
			}
		}
		if known == len(c.nodes) {
			break
		}
		if clock.Monotonic() > deadline {
			t.Fatalf("%d of %d nodes know the new address", known, len(c.nodes))
		}
		<-clock.After(10 * time.Millisecond)
	}
	c.write(1, "x", 20)
	c.check(0, "x", 20)
}

func TestBootstrapRefusesWhatWouldLoseVotes(t *testing.T) {
	c := newCluster(t)
	c.bootstrap()
	m := c.nodes[0].Topology().Map
	other := *m
	other.Cluster = 100
	tests := []struct {
		name string
		req  wire.BootstrapRequest
		ok   bool
	}{
		{"the same again", wire.BootstrapRequest{Node: 1, Map: m.Encode()}, true},
		{"activation again", wire.BootstrapRequest{Node: 1, Map: m.Encode(), Activate: true}, true},
		{"another node", wire.BootstrapRequest{Node: 2, Map: m.Encode()}, false},
		{"another cluster", wire.BootstrapRequest{Node: 1, Map: other.Encode()}, false},
		{"nonsense", wire.BootstrapRequest{Node: 1, Map: []byte("{")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply := c.nodes[0].Admin(&tt.req).(*wire.BootstrapReply)
			if (reply.Error == "") != tt.ok {
				t.Errorf("got %q", reply.Error)
			}
		})
	}
}

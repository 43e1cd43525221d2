package server_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
)

// coverage counts how often each slot is named by CLUSTER SLOTS.
func coverage(reply resp.Value) (covered [katakv.SlotCount]int) {
	for _, entry := range reply.Elems {
		for slot := entry.Elems[0].Int; slot <= entry.Elems[1].Int; slot++ {
			covered[slot]++
		}
	}
	return covered
}

func TestClusterSlotsCoverEverySlotOnce(t *testing.T) {
	for _, shards := range []int{1, 3, 7, 48} {
		nodes := startCluster(t, router.Redirect, shards)
		for _, n := range nodes {
			reply := connect(t, n.address()).value("CLUSTER", "SLOTS")
			for slot, times := range coverage(reply) {
				if times != 1 {
					t.Fatalf("%d shards: slot %d is named %d times", shards, slot, times)
				}
			}
			for i, entry := range reply.Elems {
				if len(entry.Elems) != 5 {
					t.Fatalf("%d shards: entry %s has %d nodes, want 3", shards, show(entry), len(entry.Elems)-2)
				}
				checkSlotsNode(t, entry.Elems[2], nodes[i%3].address())
			}
		}
	}
}

func checkSlotsNode(t *testing.T, node resp.Value, address string) {
	t.Helper()
	got := net.JoinHostPort(string(node.Elems[0].Bytes), fmt.Sprint(node.Elems[1].Int))
	if got != address || len(node.Elems[2].Bytes) != 40 {
		t.Errorf("got node %s, want 40 hex digits at %s", show(node), address)
	}
}

func TestClusterNodes(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 6)
	ids := map[string]bool{}
	for i, n := range nodes {
		c := connect(t, n.address())
		id := string(c.value("CLUSTER", "MYID").Bytes)
		ids[id] = true
		lines := strings.Split(strings.TrimSuffix(string(c.value("CLUSTER", "NODES").Bytes), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("got %q", lines)
		}
		want := fmt.Sprintf("%s %s@%d myself,master - 0 0 3 connected %s",
			id, n.address(), 17000+i, []string{"0-2730 8192-10922", "2731-5460 10923-13652", "5461-8191 13653-16383"}[i])
		if lines[i] != want {
			t.Errorf("\n got %s\nwant %s", lines[i], want)
		}
	}
	if len(ids) != 3 {
		t.Errorf("ids are not distinct: %v", ids)
	}
}

// TestNodeThatLeadsNothing shows it as a master without slots, and the others' slots joined where they touch.
func TestNodeThatLeadsNothing(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 4)
	b := nodes[0].backend
	b.setTopology(router.NewTopology(1, b.Topology().Map, func(s katakv.ShardID) katakv.NodeID {
		if s <= 2 {
			return 1
		}
		return 2
	}))
	c := connect(t, nodes[0].address())
	text := string(c.value("CLUSTER", "NODES").Bytes)
	var slots []string
	for line := range strings.Lines(text) {
		_, after, _ := strings.Cut(strings.TrimSpace(line), "connected")
		slots = append(slots, after)
	}
	if got := fmt.Sprintf("%q", slots); got != `[" 0-8191" " 8192-16383" ""]` {
		t.Errorf("got %s in\n%s", got, text)
	}
	info := c.do("CLUSTER", "INFO")
	for _, want := range []string{"cluster_state:ok", "cluster_slots_assigned:16384", "cluster_known_nodes:3", "cluster_size:2"} {
		if !strings.Contains(info, want) {
			t.Errorf("got %s, want %s", info, want)
		}
	}
}

func TestClusterShards(t *testing.T) {
	nodes := startCluster(t, router.Redirect, 6)
	c := connect(t, nodes[1].address())
	c.do("HELLO", "3")
	reply := c.value("CLUSTER", "SHARDS")
	if len(reply.Elems) != 3 {
		t.Fatalf("got %s", show(reply))
	}
	got := show(reply.Elems[0])
	host, port, _ := net.SplitHostPort(nodes[0].address())
	want := fmt.Sprintf(`{"slots": [:0 :2730 :8192 :10922] "nodes": [{"id": "%s" "port": :%s "ip": "%s" "endpoint": "%s"`+
		` "role": "master" "replication-offset": :0 "health": "online"} {`,
		connect(t, nodes[0].address()).value("CLUSTER", "MYID").Bytes, port, host, host)
	if !strings.HasPrefix(got, want) || strings.Count(got, `"replica"`) != 2 {
		t.Errorf("\n got %s\nwant %s...", got, want)
	}
}

// TestHostnames shows an advertised name as endpoint and as metadata.
func TestHostnames(t *testing.T) {
	n := startNode(t, router.Redirect, func(_ *server.Config, b *fakeBackend) {
		b.topo = router.NewTopology(1, fakeMap([]string{"kata-1.example:6379"}, 1), noLeader)
	})
	c := connect(t, n.address())
	if got := c.do("CLUSTER", "NODES"); !strings.Contains(got, " kata-1.example:6379@17000,kata-1.example myself,master ") {
		t.Errorf("got %s", got)
	}
	c.do("HELLO", "3")
	got := c.do("CLUSTER", "SLOTS")
	if !strings.Contains(got, `["kata-1.example" :6379 "`) || !strings.Contains(got, `{"hostname": "kata-1.example"}`) {
		t.Errorf("got %s", got)
	}
	if got := c.do("CLUSTER", "SHARDS"); !strings.Contains(got, `"endpoint": "kata-1.example" "hostname": "kata-1.example"`) {
		t.Errorf("got %s", got)
	}
}

// TestPlainPortIsNoCluster checks that clients which look for a cluster find one server.
func TestPlainPortIsNoCluster(t *testing.T) {
	n := startNode(t, router.Forward, nil)
	c := connect(t, n.address())
	for _, sub := range []string{"SLOTS", "SHARDS", "NODES"} {
		got := c.do("CLUSTER", sub)
		if got != "-ERR This instance has cluster support disabled: this is the plain port, the cluster port is "+n.address() {
			t.Errorf("CLUSTER %s: got %s", sub, got)
		}
	}
	info := string(c.value("INFO").Bytes)
	for _, want := range []string{"redis_mode:standalone\r\n", "cluster_enabled:0\r\n", "role:master\r\n", "loading:0\r\n"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO lacks %q:\n%s", want, info)
		}
	}
}

func TestInfoSections(t *testing.T) {
	n := startNode(t, router.Redirect, func(_ *server.Config, b *fakeBackend) {
		b.info = []server.InfoSection{
			{Name: "Replication", Fields: []server.InfoField{{Name: "connected_slaves", Value: "2"}}},
			{Name: "Shards", Fields: []server.InfoField{{Name: "shards_led", Value: "16"}}},
		}
	})
	c := connect(t, n.address())
	if got, want := c.do("INFO", "replication", "SHARDS"),
		`"# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\r\n# Shards\r\nshards_led:16\r\n"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := c.do("INFO", "nope"); got != `""` {
		t.Errorf("got %s", got)
	}
}

func TestConfigGet(t *testing.T) {
	n := startNode(t, router.Redirect, nil)
	c := connect(t, n.address())
	c.do("HELLO", "3")
	runSteps(t, c, []step{
		{"CONFIG GET maxmemory", `{"maxmemory": "0"}`},
		{"CONFIG GET append* SAVE", `{"appendfsync": "always" "appendonly": "yes" "save": ""}`},
		{"CONFIG GET proto-max-bulk-len", `{"proto-max-bulk-len": "1048576"}`},
		{"CONFIG GET nope [", `{}`},
	})
}

func TestCommandIntrospection(t *testing.T) {
	n := startNode(t, router.Redirect, nil)
	c := connect(t, n.address())
	c.do("HELLO", "3")
	runSteps(t, c, []step{
		{"COMMAND INFO get nope", `[["get" :2 ~(+readonly +fast) :1 :1 :1 ~(+@read +@string +@fast) [] [] []] nil]`},
		{"COMMAND GETKEYS MSET a 1 b 2", `["a" "b"]`},
		{"COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"},
		{"COMMAND GETKEYS PING x", "-ERR The command has no key arguments"},
		{"COMMAND GETKEYS NOPE x", "-ERR Invalid command specified"},
		{"COMMAND DOCS get", `{"get": {"summary": "Returns the value of a key." "since": "1.0.0" "group": "string" "complexity": "O(1)"` +
			` "arguments": [{"name": "key" "type": "string"}]}}`},
	})
	count := c.value("COMMAND", "COUNT").Int
	if got := len(c.value("COMMAND").Elems); int64(got) != count {
		t.Errorf("COMMAND has %d entries, COMMAND COUNT says %d", got, count)
	}
	if got := len(c.value("COMMAND", "LIST").Elems); int64(got) != count {
		t.Errorf("COMMAND LIST has %d entries, COMMAND COUNT says %d", got, count)
	}
}

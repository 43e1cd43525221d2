package server

import (
	"fmt"
	"strings"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/slot"
)

// refusePlain answers, on the plain port, the commands by which clients recognise a cluster; they then treat the
// port as the one server that it looks like. The words are Redis's.
func (r *request) refusePlain() bool {
	if r.server.clustered() {
		return false
	}
	message := "This instance has cluster support disabled"
	if self := r.topology.Node(r.topology.Self); self != nil {
		message += ": this is the plain port, the cluster port is " + self.Addresses.Cluster
	}
	r.fail(message)
	return true
}

func (r *request) clusterMyID() {
	r.w.BulkString(redisID(r.topology.Map.Cluster, r.topology.Self))
}

func (r *request) clusterKeySlot() { r.w.Int(int64(slot.Of(r.args[2]))) }

// clusterCountKeysInSlot counts wherever the slot is led, so that the answer is true on every node.
func (r *request) clusterCountKeysInSlot() {
	op, err := r.spec.Parse(r.args)
	if err != nil {
		writeError(r.w, r.topology, err)
		return
	}
	n, err := r.count([]router.Call{{Operation: op}})
	if err != nil {
		writeError(r.w, r.topology, err)
		return
	}
	r.w.Int(n)
}

// clusterInfo has the fields of Redis; slots count as ok when the map shows who leads them.
func (r *request) clusterInfo() {
	state, nodes, size, led := "fail", 0, 0, 0
	epoch := katakv.Epoch(0)
	if r.topology.Map != nil {
		v := newView(r.topology)
		nodes, epoch, led = len(v.nodes), r.topology.Map.Epoch, v.slotsLed()
		for i := range v.nodes {
			if len(v.nodes[i].slots) > 0 {
				size++
			}
		}
	}
	if led == katakv.SlotCount {
		state = "ok"
	}
	var b strings.Builder
	for _, field := range []struct {
		name  string
		value any
	}{
		{"cluster_state", state},
		{"cluster_slots_assigned", led},
		{"cluster_slots_ok", led},
		{"cluster_slots_pfail", 0},
		{"cluster_slots_fail", 0},
		{"cluster_known_nodes", nodes},
		{"cluster_size", size},
		{"cluster_current_epoch", uint64(epoch)},
		{"cluster_my_epoch", uint64(epoch)},
		{"cluster_stats_messages_sent", 0},
		{"cluster_stats_messages_received", 0},
	} {
		fmt.Fprintf(&b, "%s:%v\r\n", field.name, field.value)
	}
	r.w.Verbatim("txt", b.String())
}

// clusterNodes writes one line a node:
//
//	<id> <ip:port@cport[,hostname]> <flags> <master> <ping-sent> <pong-recv> <epoch> <link-state> <slot> ...
//
// Source: https://redis.io/docs/latest/commands/cluster-nodes/
func (r *request) clusterNodes() {
	if r.refusePlain() {
		return
	}
	v := newView(r.topology)
	var b strings.Builder
	for i := range v.nodes {
		n := &v.nodes[i]
		_, peerPort := hostPort(n.node.Addresses.Peer)
		fmt.Fprintf(&b, "%s %s:%d@%d", n.id, n.host, n.port, peerPort)
		if name := n.hostname(); name != "" {
			b.WriteString("," + name)
		}
		flags := "master"
		if n.node.ID == r.topology.Self {
			flags = "myself,master"
		}
		fmt.Fprintf(&b, " %s - 0 0 %d connected", flags, uint64(r.topology.Map.Epoch))
		for _, slots := range n.slots {
			b.WriteString(" " + slots.String())
		}
		b.WriteByte('\n')
	}
	r.w.Verbatim("txt", b.String())
}

// clusterSlots writes one entry for each shard: its range, its leader, its followers. Ranges are not joined, so
// that every follower named does hold the range.
func (r *request) clusterSlots() {
	if r.refusePlain() {
		return
	}
	v := newView(r.topology)
	type entry struct {
		slots slot.Range
		nodes []*viewNode
	}
	var entries []entry
	for i := range r.topology.Map.Shards {
		s := &r.topology.Map.Shards[i]
		leader := v.find(r.topology.Leaders[i])
		if s.Slots == nil || leader == nil {
			continue
		}
		nodes := []*viewNode{leader}
		for _, id := range followers(s, leader.node.ID) {
			if n := v.find(id); n != nil {
				nodes = append(nodes, n)
			}
		}
		entries = append(entries, entry{*s.Slots, nodes})
	}
	r.w.ArrayHeader(len(entries))
	for _, e := range entries {
		r.w.ArrayHeader(2 + len(e.nodes))
		r.w.Int(int64(e.slots.First))
		r.w.Int(int64(e.slots.Last))
		for _, n := range e.nodes {
			writeSlotsNode(r.w, n)
		}
	}
}

// writeSlotsNode writes a node of CLUSTER SLOTS: preferred endpoint, port, id, metadata.
func writeSlotsNode(w *resp.Writer, n *viewNode) {
	w.ArrayHeader(4)
	w.BulkString(n.host)
	w.Int(int64(n.port))
	w.BulkString(n.id)
	if name := n.hostname(); name != "" {
		w.MapHeader(1)
		w.BulkString("hostname")
		w.BulkString(name)
		return
	}
	w.MapHeader(0)
}

// clusterShards writes one entry for each node that leads: all its ranges, itself, and the nodes that follow any
// of them. One entry a shard of the map would say more, but clients take a shard's master for its only key.
func (r *request) clusterShards() {
	if r.refusePlain() {
		return
	}
	v := newView(r.topology)
	r.w.ArrayHeader(len(v.nodes))
	for i := range v.nodes {
		n := &v.nodes[i]
		r.w.MapHeader(2)
		r.w.BulkString("slots")
		r.w.ArrayHeader(2 * len(n.slots))
		for _, slots := range n.slots {
			r.w.Int(int64(slots.First))
			r.w.Int(int64(slots.Last))
		}
		nodes := []*viewNode{n}
		for _, id := range n.followers {
			if follower := v.find(id); follower != nil {
				nodes = append(nodes, follower)
			}
		}
		r.w.BulkString("nodes")
		r.w.ArrayHeader(len(nodes))
		for j, member := range nodes {
			role := "replica"
			if j == 0 {
				role = "master"
			}
			writeShardNode(r.w, member, role)
		}
	}
}

// writeShardNode writes a node of CLUSTER SHARDS.
func writeShardNode(w *resp.Writer, n *viewNode, role string) {
	name := n.hostname()
	fields := 7
	if name != "" {
		fields++
	}
	w.MapHeader(fields)
	w.BulkString("id")
	w.BulkString(n.id)
	w.BulkString("port")
	w.Int(int64(n.port))
	for _, pair := range [][2]string{{"ip", n.host}, {"endpoint", n.host}, {"hostname", name}, {"role", role}} {
		if pair[0] == "hostname" && name == "" {
			continue
		}
		w.BulkString(pair[0])
		w.BulkString(pair[1])
	}
	w.BulkString("replication-offset")
	w.Int(0)
	w.BulkString("health")
	w.BulkString("online")
}

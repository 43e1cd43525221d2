package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
	"github.com/katakv/katakv/internal/slot"
)

// fakeStore is the data of a fake cluster: a plain map.
type fakeStore struct {
	mu   sync.Mutex
	data map[string]string
}

// fakeBackend is one node of a fake cluster: it executes on the store, and redirects as a node would.
type fakeBackend struct {
	store *fakeStore
	mu    sync.Mutex
	topo  *router.Topology
	// before, if set, runs before each batch, with its size.
	before func(ctx context.Context, calls int)
	info   []server.InfoSection
	index  atomic.Uint64                      // counts what Run executed
	asked  atomic.Pointer[katakv.Consistency] // of the last batch
}

func (b *fakeBackend) Topology() *router.Topology {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.topo
}

func (b *fakeBackend) setTopology(t *router.Topology) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topo = t
}

func (b *fakeBackend) Info() []server.InfoSection { return b.info }

func (b *fakeBackend) Run(ctx context.Context, batch router.Batch) {
	b.Execute(ctx, batch.Mode, batch.Calls)
	for i := range batch.Calls {
		call := &batch.Calls[i]
		if call.Reply.Kind == command.ReplyError || len(call.Operation.Keys) == 0 {
			continue
		}
		topo := b.Topology()
		shard, _ := topo.ShardAt(slot.Of(call.Operation.Keys[0]))
		call.Served = katakv.Served{Shard: shard.ID, Index: katakv.Index(b.index.Add(1)), Node: topo.Self, Level: batch.Read.Level}
		batch.Session.See(call.Served)
	}
	b.asked.Store(&batch.Read)
	batch.Journey.Note(0, journey.Step{Kind: journey.Received, Node: b.Topology().Self})
	batch.Journey.Note(7*time.Microsecond, journey.Step{
		Kind: journey.Durable, Role: journey.Leader, Margin: 1100 * time.Nanosecond, Node: 2, Shard: 4, Peer: 3, Term: 5, Index: 6,
	})
}

func (b *fakeBackend) Execute(ctx context.Context, mode router.Mode, calls []router.Call) {
	if b.before != nil {
		b.before(ctx, len(calls))
	}
	topo := b.Topology()
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	for i := range calls {
		op := &calls[i].Operation
		if mode == router.Redirect && len(op.Keys) > 0 {
			at := slot.Of(op.Keys[0])
			if _, leader := topo.ShardAt(at); leader != topo.Self {
				calls[i].Reply = command.ErrorReply(&katakv.Error{Code: katakv.CodeMoved, Slot: at, Leader: leader})
				continue
			}
		}
		calls[i].Reply = b.store.apply(op)
	}
}

func (s *fakeStore) bulk(key []byte) command.Reply {
	if v, ok := s.data[string(key)]; ok {
		return command.BulkReply([]byte(v))
	}
	return command.Reply{}
}

func (s *fakeStore) apply(op *command.Operation) command.Reply {
	switch op.Kind {
	case command.KindGet:
		return s.bulk(op.Keys[0])
	case command.KindGetRecord:
		if v, ok := s.data[string(op.Keys[0])]; ok {
			return command.RecordReply(katakv.NewRevision(12, 3), []byte(v))
		}
		return command.Reply{}
	case command.KindMGet:
		r := command.Reply{Kind: command.ReplyArray}
		for _, key := range op.Keys {
			r.Array = append(r.Array, s.bulk(key))
		}
		return r
	case command.KindExists, command.KindDel:
		n := int64(0)
		for _, key := range op.Keys {
			if _, ok := s.data[string(key)]; ok {
				n++
			}
			if op.Kind == command.KindDel {
				delete(s.data, string(key))
			}
		}
		return command.IntReply(n)
	case command.KindStrlen:
		return command.IntReply(int64(len(s.data[string(op.Keys[0])])))
	case command.KindCountKeysInSlot:
		n := int64(0)
		for key := range s.data {
			if int64(slot.Of([]byte(key))) == op.Delta {
				n++
			}
		}
		return command.IntReply(n)
	default:
		return s.write(op)
	}
}

func (s *fakeStore) write(op *command.Operation) command.Reply {
	key := string(op.Keys[0])
	old, present := s.data[key]
	switch op.Kind {
	case command.KindSet:
		before := s.bulk(op.Keys[0])
		applied := (op.Flags&command.FlagNX == 0 || !present) && (op.Flags&command.FlagXX == 0 || present)
		if applied {
			s.data[key] = string(op.Values[0])
		}
		switch {
		case op.Flags&command.FlagGet != 0:
			return before
		case !applied:
			return command.Reply{}
		}
		return command.OKReply()
	case command.KindMSet:
		for i := range op.Keys {
			s.data[string(op.Keys[i])] = string(op.Values[i])
		}
		return command.OKReply()
	case command.KindSetNX:
		if present {
			return command.IntReply(0)
		}
		s.data[key] = string(op.Values[0])
		return command.IntReply(1)
	case command.KindAppend:
		s.data[key] = old + string(op.Values[0])
		return command.IntReply(int64(len(s.data[key])))
	case command.KindIncrBy:
		n, ok := command.ParseInt([]byte(old))
		if present && !ok {
			return command.ErrorReply(katakv.Errorf(katakv.CodeInvalid, "value is not an integer or out of range"))
		}
		s.data[key] = strconv.FormatInt(n+op.Delta, 10)
		return command.IntReply(n + op.Delta)
	}
	return command.ErrorReply(katakv.Errorf(katakv.CodeInternal, "fake: kind %d", op.Kind))
}

// fakeMap is a cluster of nodes at addresses (cluster ports), with the given number of shards.
func fakeMap(addresses []string, shards int) *placement.Map {
	m := &placement.Map{
		Version: placement.MapVersion, Cluster: 7, Epoch: 3,
		Settings: placement.Settings{Replicas: 3, MaxValueBytes: 1 << 20},
	}
	for i, address := range addresses {
		m.Nodes = append(m.Nodes, placement.Node{ID: katakv.NodeID(i + 1), Weight: 1, Addresses: placement.Addresses{
			Peer: "127.0.0.1:" + strconv.Itoa(17000+i), Cluster: address, HTTP: "127.0.0.1:8080",
		}})
	}
	m.Shards = append(m.Shards, placement.Shard{ID: katakv.MetaShard, Leader: 1})
	for i, r := range slot.Split(shards) {
		s := placement.Shard{ID: katakv.ShardID(i + 1), Slots: &r, Leader: katakv.NodeID(i%len(addresses) + 1)}
		for n := range addresses {
			s.Replicas = append(s.Replicas, placement.Replica{
				ID: katakv.ReplicaID(i*10 + n + 1), Node: katakv.NodeID(n + 1),
			})
		}
		m.Shards = append(m.Shards, s)
	}
	return m
}

// noLeader leaves the map's own leaders in place.
func noLeader(katakv.ShardID) katakv.NodeID { return 0 }

// fakeNode is one server with its backend.
type fakeNode struct {
	*server.Server
	backend *fakeBackend
}

func (n fakeNode) address() string { return n.Addr().String() }

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// startNode starts one node on which change may change the config; alone in its cluster, with 8 shards.
func startNode(t testing.TB, mode router.Mode, change func(*server.Config, *fakeBackend)) fakeNode {
	t.Helper()
	l := listen(t)
	b := &fakeBackend{store: &fakeStore{data: map[string]string{}}}
	b.topo = router.NewTopology(1, fakeMap([]string{l.Addr().String()}, 8), noLeader)
	config := server.Config{
		Listener: l, Mode: mode, Backend: b, Logger: slog.New(slog.DiscardHandler), Version: "test",
	}
	if change != nil {
		change(&config, b)
	}
	n := fakeNode{Server: server.New(config), backend: b}
	n.Start()
	t.Cleanup(n.Stop)
	return n
}

// startCluster starts three nodes over one store, with the given number of shards.
func startCluster(t testing.TB, mode router.Mode, shards int) []fakeNode {
	t.Helper()
	listeners := []net.Listener{listen(t), listen(t), listen(t)}
	var addresses []string
	for _, l := range listeners {
		addresses = append(addresses, l.Addr().String())
	}
	m := fakeMap(addresses, shards)
	store := &fakeStore{data: map[string]string{}}
	var nodes []fakeNode
	for i, l := range listeners {
		b := &fakeBackend{store: store, topo: router.NewTopology(katakv.NodeID(i+1), m, noLeader)}
		n := fakeNode{backend: b, Server: server.New(server.Config{
			Listener: l, Mode: mode, Backend: b, Logger: slog.New(slog.DiscardHandler), Version: "test",
		})}
		n.Start()
		t.Cleanup(n.Stop)
		nodes = append(nodes, n)
	}
	return nodes
}

// dial connects a raw client whose reads fail rather than hang.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// encode writes one command as an array of bulk strings.
func encode(args ...string) string {
	out := fmt.Sprintf("*%d\r\n", len(args))
	for _, arg := range args {
		out += fmt.Sprintf("$%d\r\n%s\r\n", len(arg), arg)
	}
	return out
}

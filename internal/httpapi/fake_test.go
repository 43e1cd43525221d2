package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/httpapi"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/slot"
)

// fakeNode executes operations on real state machines of three shards, one entry each, without any consensus.
type fakeNode struct {
	topology *router.Topology
	mu       sync.Mutex
	engine   *engine.Memory
	writer   *kv.Writer
	machines []*kv.Machine
	// before, if set, may answer an operation in the node's place.
	before func(op *command.Operation) *command.Reply
	read   katakv.Consistency // of the last batch
	steps  []journey.Step     // of the journey of every batch
}

const (
	maxValueBytes = 1 << 20
	serverTimeout = 500 * time.Millisecond
)

func newFakeNode(t *testing.T) *fakeNode {
	t.Helper()
	nodes := make([]placement.Node, 3)
	for i := range nodes {
		nodes[i].Addresses = placement.Addresses{
			Peer: fmt.Sprintf("h:%d", 10+i), Cluster: fmt.Sprintf("h:%d", 20+i), Plain: fmt.Sprintf("h:%d", 30+i), HTTP: fmt.Sprintf("h:%d", 40+i),
		}
	}
	m, err := placement.Bootstrap(0xaa, nodes, 3, placement.Settings{Replicas: 3, MaxValueBytes: maxValueBytes})
	if err != nil {
		t.Fatal(err)
	}
	n := &fakeNode{engine: engine.NewMemory(), steps: []journey.Step{{Kind: journey.Received, Node: 1}}}
	n.topology = router.NewTopology(1, m, func(katakv.ShardID) katakv.NodeID { return 1 })
	n.writer = kv.NewWriter(n.engine)
	b := n.engine.NewBatch()
	for i := range m.Shards {
		kv.WriteMeta(b, m.Shards[i].ID, &kv.Meta{
			Replica: 1, Slots: m.Shards[i].Slots, Applied: 10, AppliedTerm: 1, ConfState: &raftpb.ConfState{Voters: []uint64{1}},
		})
	}
	if err := n.engine.Commit(b); err != nil {
		t.Fatal(err)
	}
	for i := range m.Shards {
		machine, err := kv.Open(n.engine, m.Shards[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		n.machines = append(n.machines, machine)
	}
	return n
}

func (n *fakeNode) Topology() *router.Topology { return n.topology }

func (n *fakeNode) Run(_ context.Context, batch router.Batch) {
	calls := batch.Calls
	n.noteRead(batch.Read)
	for i := range n.steps {
		batch.Journey.Note(n.steps[i].At, n.steps[i])
	}
	for i := range calls {
		op := &calls[i].Operation
		if batch.Mode != router.Forward {
			calls[i].Reply = command.ErrorReply(katakv.Errorf(katakv.CodeInternal, "HTTP never redirects"))
			continue
		}
		if n.before != nil {
			if reply := n.before(op); reply != nil {
				calls[i].Reply = *reply
				continue
			}
		}
		if op.Once != nil {
			op.Once.Retention = katakv.DefaultRequestRetention
		}
		calls[i].Reply = n.execute(op)
		calls[i].Served = n.served(op, batch.Read)
		batch.Session.See(calls[i].Served)
	}
}

func (n *fakeNode) noteRead(read katakv.Consistency) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.read = read
}

// lastRead is what the last batch asked for.
func (n *fakeNode) lastRead() katakv.Consistency {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.read
}

// served tells of node 2 that it answered as was asked, and some microseconds late.
func (n *fakeNode) served(op *command.Operation, read katakv.Consistency) katakv.Served {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.machine(op)
	s := katakv.Served{Shard: m.Shard(), Index: m.Meta().Applied, Node: 2, Level: read.Level}
	switch {
	case op.Kind.Writes():
		s.Level = katakv.LevelStrong
	case read.Level == katakv.LevelBounded:
		s.Age = 1001 * time.Microsecond
	case read.Level != katakv.LevelStrong:
		s.Age = katakv.UnknownAge
	}
	return s
}

func (n *fakeNode) execute(op *command.Operation) command.Reply {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := op.Check(); err != nil {
		return command.ErrorReply(katakv.Errorf(katakv.CodeInternal, "%v", err))
	}
	m := n.machine(op)
	if !op.Kind.Writes() {
		return m.Read(n.engine, op)
	}
	replies, err := n.writer.Apply(m, m.Meta().Applied+1, 1, kv.AppendEntry(nil, 0, []*command.Operation{op}), true)
	if err == nil {
		err = n.writer.Commit()
	}
	if err != nil {
		return command.ErrorReply(katakv.Errorf(katakv.CodeInternal, "%v", err))
	}
	return replies[0]
}

// machine returns that of the shard which an operation is for.
func (n *fakeNode) machine(op *command.Operation) *kv.Machine {
	at := katakv.Slot(op.Delta)
	if len(op.Keys) > 0 {
		at = slot.Of(op.Keys[0])
	}
	shard, _ := n.topology.ShardAt(at)
	for _, m := range n.machines {
		if m.Shard() == shard.ID {
			return m
		}
	}
	panic("no machine of a shard of the map")
}

// door is an API behind a real HTTP server, as admin serves it.
type door struct {
	t    *testing.T
	node *fakeNode
	api  *httpapi.API
	url  string
}

func open(t *testing.T, config httpapi.Config) *door {
	t.Helper()
	d := &door{t: t, node: newFakeNode(t)}
	config.Backend = d.node
	d.api = httpapi.New(config)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !httpapi.Owns(r) {
			t.Errorf("%s %s is not the API's", r.Method, r.URL)
		}
		d.api.ServeHTTP(w, r)
	}))
	server.Config.MaxHeaderBytes = 512 << 10
	server.Config.ReadHeaderTimeout, server.Config.IdleTimeout = time.Minute, time.Minute
	server.Config.ReadTimeout, server.Config.WriteTimeout = serverTimeout, serverTimeout // the API sets its own
	server.Start()
	d.url = server.URL
	t.Cleanup(server.Close)
	t.Cleanup(d.api.Stop)
	return d
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; headers are names and values in turn. It fails the test if there is no answer.
func (d *door) ask(method, target, body string, headers ...string) answer {
	d.t.Helper()
	return d.send(method, target, strings.NewReader(body), headers...)
}

func (d *door) send(method, target string, body io.Reader, headers ...string) answer {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+target, body)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		d.t.Errorf("%s %s was redirected", method, target)
		return http.ErrUseLastResponse
	}}).Do(r)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer{response.StatusCode, response.Header, string(data)}
}

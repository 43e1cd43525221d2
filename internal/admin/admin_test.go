package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/core"
	"github.com/katakv/katakv/internal/httpapi"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
)

// fakeBackend is a node of a cluster, or one that waits for one when its map is nil.
type fakeBackend struct {
	clusterMap *placement.Map
	problem    error
	sumErr     error
	summing    chan struct{} // Checksums sends on it, then waits for a receive; nil for neither
}

func (b *fakeBackend) Ready() error { return b.problem }

func (b *fakeBackend) Topology() *router.Topology {
	return router.NewTopology(2, b.clusterMap, func(s katakv.ShardID) katakv.NodeID {
		if s == 1 {
			return 3
		}
		return 0 // the topology shows the preferred one
	})
}

func (b *fakeBackend) Replicas() []core.Status {
	return []core.Status{{Shard: 1, Replica: 5, Term: 7, Leader: 5, Self: true, Applied: 99}, {Shard: 2, Replica: 8, Term: 3}}
}

func (b *fakeBackend) NodeInfo() admin.NodeInfo {
	return admin.NodeInfo{ID: 2, Cluster: "00000000000000aa", Version: "test", Data: admin.DataInfo{Path: "/data", Bytes: 4096}}
}

func (b *fakeBackend) Checksums() ([]admin.Checksum, error) {
	if b.summing != nil {
		b.summing <- struct{}{}
		<-b.summing
	}
	return []admin.Checksum{{Shard: 1, Replica: 5, Applied: 99, Checksum: "00000000000000ff"}}, b.sumErr
}

func (b *fakeBackend) Metrics() []admin.Metric {
	return []admin.Metric{
		{Name: "katakv_log_syncs_total", Help: "Syncs.", Counter: true, Labels: []string{"core", "0"}, Value: 12},
		{Name: "katakv_log_syncs_total", Help: "Syncs.", Counter: true, Labels: []string{"core", "1"}, Value: 13},
	}
}

func testMap(t *testing.T) *placement.Map {
	t.Helper()
	nodes := make([]placement.Node, 3)
	for i := range nodes {
		nodes[i].Addresses = placement.Addresses{
			Peer: fmt.Sprintf("h:%d", 10+i), Cluster: fmt.Sprintf("h:%d", 20+i), Plain: fmt.Sprintf("h:%d", 30+i), HTTP: fmt.Sprintf("h:%d", 40+i),
		}
	}
	m, err := placement.Bootstrap(0xaa, nodes, 2, placement.Settings{Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fakeData is the data of a node that has none.
type fakeData struct{ admin.Backend }

func (fakeData) Run(_ context.Context, batch router.Batch) {
	calls := batch.Calls
	for i := range calls {
		calls[i].Reply = command.ErrorReply(katakv.Errorf(katakv.CodeClusterDown, "no data here"))
	}
}

func kvOf(b admin.Backend) http.Handler { return httpapi.New(httpapi.Config{Backend: fakeData{b}}) }

// served is how many connections the servers of tests serve at a time.
const served = 64

// serve starts a server and returns its address.
func serve(t *testing.T, backend admin.Backend) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := admin.New(admin.Config{Listener: l, Backend: backend, KV: kvOf(backend), MaxConnections: served, Logger: slog.New(slog.DiscardHandler)})
	s.Start()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func request(t *testing.T, method, address, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if path != "/metrics" && response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: content type %q", method, path, response.Header.Get("Content-Type"))
	}
	return response.StatusCode, string(body)
}

func TestAnswers(t *testing.T) {
	member := serve(t, &fakeBackend{clusterMap: testMap(t)})
	lame := serve(t, &fakeBackend{clusterMap: testMap(t), problem: errors.New("1 of 3 shards"), sumErr: errors.New("disk gone")})
	waiting := serve(t, &fakeBackend{problem: errors.New("not part of a cluster yet")})
	tests := []struct {
		address, method, path string
		status                int
		want                  string // pattern in the body
	}{
		{member, "GET", "/healthz", 200, `"ok"`},
		{waiting, "GET", "/healthz", 200, `"ok"`},
		{member, "GET", "/readyz", 200, `"ready"`},
		{lame, "GET", "/readyz", 503, `1 of 3 shards`},
		{waiting, "GET", "/readyz", 503, `not part of a cluster yet`},
		{member, "GET", "/v1/node", 200, `"bytes": 4096`},
		{member, "GET", "/v1/replicas", 200, `"applied": 99`},
		{member, "GET", "/v1/checksums", 200, `"00000000000000ff"`},
		{lame, "GET", "/v1/checksums", 500, `disk gone`},
		{lame, "GET", "/v1/cluster", 200, `"ready": false,\s*"problem": "1 of 3 shards"`},
		{waiting, "GET", "/v1/cluster", 503, `"loading"`},
		{member, "GET", "/nowhere", 404, `"not-found"`},
		{member, "GET", "/v1/kv/k", 503, `"cluster-down","message":"no data here","outcome":"not-applied"`},
		{member, "GET", "/v1/kv//../k", 503, `"cluster-down"`},
		{member, "GET", "/v1/kvx", 404, `"not-found"`},
		{member, "POST", "/v1/cluster", 405, `use GET`},
		{member, "DELETE", "/metrics", 405, `use GET`},
		{member, "GET", "/metrics", 200, `katakv_log_syncs_total\{core="1"\} 13`},
		{member, "GET", "/metrics", 200, `# TYPE katakv_log_syncs_total counter`},
		{member, "GET", "/metrics", 200, `katakv_replica_applied_index\{shard="1"\} 99`},
		{member, "GET", "/metrics", 200, `katakv_shards_led 1\n`},
		{member, "GET", "/metrics", 200, `katakv_replicas_without_leader 1\n`},
		{lame, "GET", "/metrics", 200, `katakv_ready 0\n`},
		{waiting, "GET", "/metrics", 200, `katakv_node_info`},
	}
	for _, test := range tests {
		status, body := request(t, test.method, test.address, test.path)
		if status != test.status || !regexp.MustCompile(test.want).MatchString(body) {
			t.Errorf("%s %s: got %d %s, want %d and %q", test.method, test.path, status, body, test.status, test.want)
		}
	}
}

func TestClusterView(t *testing.T) {
	m := testMap(t)
	address := serve(t, &fakeBackend{clusterMap: m})
	var view admin.ClusterView
	if err := admin.Fetch(t.Context(), address, "/v1/cluster", &view); err != nil {
		t.Fatal(err)
	}
	if view.Cluster != "00000000000000aa" || view.Self != 2 || !view.Ready || view.Settings.Replicas != 3 || len(view.Shards) != 3 {
		t.Errorf("got %+v", view)
	}
	if s := view.Shards[1]; s.Leader != 3 || *s.Slots != *m.Shards[1].Slots || s.PreferredLeader != m.Shards[1].Leader {
		t.Errorf("shard 1: got %+v, want the map's %+v led by node 3", s, m.Shards[1])
	}
	leads := 0
	for _, n := range view.Nodes {
		leads += n.Leads
		if n.Replicas != 3 || n.Addresses != m.Node(n.ID).Addresses {
			t.Errorf("node %+v, want 3 replicas and the map's addresses", n)
		}
	}
	if leads != 3 {
		t.Errorf("%d shards are led, want 3", leads)
	}
}

func TestFetchTellsWhatIsWrong(t *testing.T) {
	address := serve(t, &fakeBackend{})
	var view admin.ClusterView
	err := admin.Fetch(t.Context(), address, "/v1/cluster", &view)
	if err == nil || !strings.Contains(err.Error(), "katakv cluster create") {
		t.Errorf("got %v, want what to do", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	err = admin.Fetch(t.Context(), nobody, "/v1/cluster", &view)
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Count(err.Error(), "/v1/cluster") != 1 {
		t.Errorf("got %v, want one mention of the address and that it refused", err)
	}
}

func TestChecksumsAreComputedOnceAtATime(t *testing.T) {
	backend := &fakeBackend{clusterMap: testMap(t), summing: make(chan struct{})}
	address := serve(t, backend)
	first := make(chan error, 1)
	go func() {
		var into json.RawMessage
		first <- admin.Fetch(t.Context(), address, "/v1/checksums", &into)
	}()
	<-backend.summing
	if status, body := request(t, "GET", address, "/v1/checksums"); status != 503 || !strings.Contains(body, "try-again") {
		t.Errorf("a second request: got %d %s", status, body)
	}
	backend.summing <- struct{}{}
	if err := <-first; err != nil {
		t.Errorf("the first request: %v", err)
	}
}

// TestConnectionsAreBounded opens more connections than are served at a time; closing some lets others in.
func TestConnectionsAreBounded(t *testing.T) {
	address := serve(t, &fakeBackend{})
	var idle []net.Conn
	for range served {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
		// An answer shows that this one is served.
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	late, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	fmt.Fprint(late, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := late.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := late.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Fatal("one connection too many is served")
	}
	_ = idle[7].Close()
	if err := late.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Read(make([]byte, 1)); err != nil {
		t.Fatalf("there is room now, but: %v", err)
	}
}

func TestStopWithoutStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := admin.New(admin.Config{Listener: l, Backend: &fakeBackend{}, KV: kvOf(&fakeBackend{}), Logger: slog.New(slog.DiscardHandler)})
	s.Stop()
	s.Stop()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is not closed: %v", err)
	}
}

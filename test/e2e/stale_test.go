package e2e

import (
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/faultnet"
	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

const (
	// staleFor is how long reads go on while the replica is cut off: some bounds pass meanwhile.
	staleFor = 4 * time.Second
	// staleTimeout is the nodes' request timeout: reads that only wait end several times within staleFor.
	staleTimeout = "1s"
)

// staleRead is one kind of read at the cut replica.
type staleRead struct {
	level string
	// token says that it brings the token of the last write. Without one it belongs to a session that has seen nothing.
	token bool
}

// staleReads are all kinds. Each has a client of its own.
var staleReads = []staleRead{
	{"strong", false},
	{"strong replica", false},
	{"session", true},
	{"session", false},
	{"bounded 300ms", false},
	{"bounded 2s", false},
	{"bounded 1h", false},
	{"eventual", false},
}

func (r staleRead) String() string {
	if r.token {
		return r.level + " with a token"
	}
	return r.level
}

// mayBeOld reports whether an answer may hold what was overwritten so long ago.
func (r staleRead) mayBeOld(ago time.Duration) bool {
	c, err := katakv.ParseConsistency(r.level)
	switch {
	case err != nil || c.Level == katakv.LevelStrong || r.token:
		return false
	case c.Level == katakv.LevelBounded:
		return ago <= c.Bound
	default:
		return true
	}
}

// TestStaleReplica cuts a replica off from its leader, who goes on with the others. What the replica then shows is old
// only where that was asked for, and says how old.
func TestStaleReplica(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	network := newNetwork(t, 3)
	options := localcluster.Options{ServeArgs: []string{"--request-timeout", staleTimeout}}
	for id := 1; id <= network.Nodes(); id++ {
		options.Hosts = append(options.Hosts, network.Addr(id).String())
	}
	options.Wrap = func(n *localcluster.Node, cmd *exec.Cmd) error { return network.Wrap(cmd, n.ID) }
	s := &staleStage{cluster: start(t, options), tallies: map[staleRead]*staleTally{}}
	for _, read := range staleReads {
		s.tallies[read] = &staleTally{}
	}
	for i, cut := range []struct {
		name string
		make func(leader, replica int) error
	}{
		{"one way", network.CutOneWay},
		{"both ways", network.Cut},
		{"from all", func(_, replica int) error { return network.Isolate(replica) }},
	} {
		s.choose(t, fmt.Sprint("stale:", i))
		s.prepare(t)
		if err := cut.make(s.leader.ID, s.replica.ID); err != nil {
			t.Fatal(err)
		}
		s.write(t, "new")
		s.readForAWhile(t, cut.name)
		s.judgeLeader(t)
		if err := network.Heal(); err != nil {
			t.Fatal(err)
		}
		s.converge(t)
	}
	sameChecksums(t, s.cluster)
	for _, read := range staleReads {
		y := s.tallies[read]
		t.Logf("%v: %d old, %d current of the replica, %d of others, %d refused", read, y.old, y.current, y.forwarded, y.refused)
	}
	t.Log(figures.Line("reads that were judged", float64(s.judged), ""))
	t.Log(figures.Line("old answers where they were asked for", float64(s.old), ""))
	t.Log(figures.Line("old answers at strong, at session with a token, or beyond a bound", float64(s.wrong), ""))
	t.Log(figures.Line("old answers that claimed to be younger", float64(s.lies), ""))
	t.Log(figures.Line("leaders that the cut replica deposed", float64(s.deposed), ""))
}

// newNetwork makes a network, which is removed when the test and the processes in it have ended.
func newNetwork(t *testing.T, nodes int) *faultnet.Network {
	t.Helper()
	require.Root(t)
	for _, tool := range []string{"ip", "nft", "nsenter"} {
		require.Tool(t, tool)
	}
	require.Available(t, faultnet.Available(t.Context()))
	network, err := faultnet.New(t.Context(), faultnet.Options{Nodes: nodes, Seed: require.Seed(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	return network
}

// staleStage is a cluster with one replica that is to be cut off, and what its readers saw.
type staleStage struct {
	cluster         *localcluster.Cluster
	key             string
	leader, replica *localcluster.Node

	token   string    // holds the last write
	written time.Time // when that had been acknowledged

	mu                       sync.Mutex // guards tallies and counts while readers run
	tallies                  map[staleRead]*staleTally
	judged, old, wrong, lies int

	deposed int
}

// staleTally is what became of the reads of one kind.
type staleTally struct{ old, current, forwarded, refused int }

// choose takes a key, the node that leads it, and another one.
func (s *staleStage) choose(t *testing.T, key string) {
	t.Helper()
	s.key = key
	leader := s.leading(t, s.cluster.Nodes[0])
	s.leader, s.replica = s.cluster.Nodes[leader-1], s.cluster.Nodes[leader%len(s.cluster.Nodes)]
	t.Logf("%s: node %d leads, node %d is cut off", s.key, s.leader.ID, s.replica.ID)
}

// leading returns the node that leads the key's shard: who answers a strong read.
func (s *staleStage) leading(t *testing.T, asked *localcluster.Node) int {
	t.Helper()
	leader := 0
	eventually(t, func() error {
		a, err := s.read(asked, "strong", "")
		if err != nil {
			return err
		}
		if leader, err = strconv.Atoi(a.header.Get("Kata-Node")); err != nil {
			return fmt.Errorf("a strong read: %d %s", a.status, a.body)
		}
		return nil
	})
	return leader
}

// prepare writes what will be old, and lets the replica show it and learn how old its state is.
func (s *staleStage) prepare(t *testing.T) {
	t.Helper()
	s.write(t, "old")
	eventually(t, func() error {
		a, err := s.read(s.replica, "bounded 10s", "")
		if err == nil && (string(a.body) != "old" || a.header.Get("Kata-Node") != strconv.Itoa(s.replica.ID)) {
			err = fmt.Errorf("node %s answers %d %q", a.header.Get("Kata-Node"), a.status, a.body)
		}
		return err
	})
}

// write writes through the leader, which must acknowledge it.
func (s *staleStage) write(t *testing.T, value string) {
	t.Helper()
	eventually(t, func() error {
		a, err := httpDo("PUT", s.leader.HTTP, keyPath(s.key), []byte(value))
		if err == nil && a.status != 200 {
			err = fmt.Errorf("PUT: %d %s", a.status, a.body)
		}
		s.token, s.written = a.header.Get("Kata-Session"), time.Now()
		return err
	})
}

func (s *staleStage) read(n *localcluster.Node, level, token string) (httpAnswer, error) {
	headers := []string{"Kata-Consistency", level}
	if token != "" {
		headers = append(headers, "Kata-Session", token)
	}
	return httpDo("GET", n.HTTP, keyPath(s.key), nil, headers...)
}

// readForAWhile reads at the cut replica at every level at once.
func (s *staleStage) readForAWhile(t *testing.T, cut string) {
	t.Helper()
	before := s.old
	var group sync.WaitGroup
	for _, r := range staleReads {
		token := ""
		if r.token {
			token = s.token
		}
		group.Go(func() {
			for begun := time.Now(); time.Since(begun) < staleFor; {
				sent := time.Now()
				a, err := s.read(s.replica, r.level, token)
				if err != nil {
					t.Errorf("cut %s, %v: %v", cut, r, err)
					return
				}
				s.judge(t, r, &a, sent)
				time.Sleep(5 * time.Millisecond) // the other readers want the machine too
			}
		})
	}
	group.Wait()
	if s.old == before {
		t.Errorf("cut %s: the replica never showed an old value, so nothing is shown by this test", cut)
	}
}

// judge looks at an answer to a read that was sent at a time.
func (s *staleStage) judge(t *testing.T, read staleRead, a *httpAnswer, sent time.Time) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judged++
	tally, value := s.tallies[read], string(a.body)
	code, outcome := a.problem()
	switch {
	case a.status == 503 && code == "cluster-down" && outcome == "not-applied":
		tally.refused++
	case a.status == 200 && value == "new" && a.header.Get("Kata-Node") == strconv.Itoa(s.replica.ID):
		tally.current++
	case a.status == 200 && value == "new":
		tally.forwarded++
	case a.status == 200 && value == "old":
		tally.old++
		s.old++
		s.judgeOld(t, read, a, sent.Sub(s.written))
	default:
		t.Errorf("%v: got %d %q", read, a.status, a.body)
	}
}

// judgeOld looks at an answer that holds what was overwritten at least so long ago: that must have been asked for, and
// its age must reach back to before that. The caller holds mu.
func (s *staleStage) judgeOld(t *testing.T, read staleRead, a *httpAnswer, ago time.Duration) {
	t.Helper()
	if !read.mayBeOld(ago) {
		s.wrong++
		t.Errorf("%v: the value is old, %v after another one was written: %v", read, ago, a.header)
	}
	ms, err := strconv.Atoi(a.header.Get("Kata-Age-Ms"))
	if age := time.Duration(ms) * time.Millisecond; err != nil || age < ago { // it is known: prepare saw to that
		s.lies++
		t.Errorf("%v: the value was overwritten %v ago, and is said to be %q ms old", read, ago, a.header.Get("Kata-Age-Ms"))
	}
}

// judgeLeader looks whether the shard is still led by whom it was.
func (s *staleStage) judgeLeader(t *testing.T) {
	t.Helper()
	if leader := s.leading(t, s.leader); leader != s.leader.ID {
		s.deposed++
		t.Logf("%s: node %d leads now", s.key, leader)
	}
}

// converge waits until the replica shows the new value at every level, by itself.
func (s *staleStage) converge(t *testing.T) {
	t.Helper()
	healed := time.Now()
	for _, r := range staleReads {
		eventually(t, func() error {
			a, err := s.read(s.replica, r.level, s.token)
			if err == nil && string(a.body) != "new" {
				err = fmt.Errorf("%s: %d %s", r.level, a.status, a.body)
			}
			return err
		})
	}
	t.Logf("%s: new at every level %v after the cut was healed", s.key, time.Since(healed).Round(time.Millisecond))
}

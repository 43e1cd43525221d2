package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/localcluster"
)

const (
	// clientCounters are how many goroutines count through each client.
	clientCounters = 4
	// clientKills are how often a node is killed meanwhile: each of three twice.
	clientKills = 6
)

// open opens a client of some ports.
func open(t *testing.T, addrs []string, options ...client.Option) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Open(ctx, client.Config{Addresses: addrs, CallTimeout: patience, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// ports returns one port of each node.
func ports(c *localcluster.Cluster, of func(*localcluster.Node) string) []string {
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, of(n))
	}
	return addrs
}

func clusterPort(n *localcluster.Node) string { return n.Cluster }
func plainPort(n *localcluster.Node) string   { return n.Plain }

// tally is what a counting goroutine was told.
type tally struct {
	key                                string
	applied, notApplied, unknown, asks int
	shared                             []int64
}

// TestClientCountsThroughKilledLeaders kills and stops nodes under clients that count. With request ids every count is
// acknowledged and exact; without, the doubtful ones are named as such, and nothing else is in doubt.
func TestClientCountsThroughKilledLeaders(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	clients := map[string]*client.Client{
		"cluster": open(t, ports(c, clusterPort)),
		"plain":   open(t, ports(c, plainPort)),
		"one":     open(t, ports(c, clusterPort)[:1]), // the others are found
		"no-id":   open(t, ports(c, clusterPort), client.WithoutRequestID()),
	}
	var stop atomic.Bool
	var group sync.WaitGroup
	var tallies []*tally
	for name, through := range clients {
		for i := range clientCounters {
			w := &tally{key: fmt.Sprintf("count:%s:%d", name, i)}
			tallies = append(tallies, w)
			group.Go(func() {
				for !stop.Load() {
					w.count(t, through, name != "no-id")
				}
			})
		}
	}
	for i := range clientKills {
		time.Sleep(time.Second)
		killAndRestart(t, c.Nodes[i%len(c.Nodes)])
	}
	for _, n := range c.Nodes { // one that hangs keeps its connections
		hang(t, n)
	}
	stop.Store(true)
	group.Wait()

	reader := open(t, ports(c, plainPort))
	var shared []int64
	asks := 0
	for _, w := range tallies {
		got, err := reader.Get(t.Context(), w.key)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(got))
		if n < w.applied || n > w.applied+w.unknown || w.applied == 0 {
			t.Errorf("%s is %d: %d were acknowledged, %d unknown, %d not applied", w.key, n, w.applied, w.unknown, w.notApplied)
		}
		shared = append(shared, w.shared...)
		asks += w.asks
	}
	got, err := reader.Get(t.Context(), "count:all")
	if err != nil || string(got) != fmt.Sprint(len(shared)) {
		t.Errorf("count:all is %q, %v: %d were acknowledged", got, err, len(shared))
	}
	slices.Sort(shared)
	if different := len(slices.Compact(shared)); different != asks {
		t.Errorf("%d increments were answered %d different counts", asks, different)
	}
	sameChecksums(t, c)
	t.Logf("%d increments of the shared key", asks)
}

// count adds one to the own key and, with ids, to the one that all share.
func (w *tally) count(t *testing.T, through *client.Client, ids bool) {
	before := w.applied
	n, err := through.Incr(t.Context(), w.key)
	switch {
	case err == nil:
		w.applied++
		if ids && n != int64(before)+1 {
			t.Errorf("%s: increment %d was answered %d", w.key, before+1, n)
		}
	case ids:
		t.Errorf("%s: %v", w.key, err)
	case errors.Is(err, client.ErrUnknown):
		w.unknown++
	case errors.Is(err, client.ErrNotApplied):
		w.notApplied++
	default:
		t.Errorf("%s: an error without an outcome: %v", w.key, err)
	}
	if !ids {
		return
	}
	w.asks++
	all, err := through.Incr(t.Context(), "count:all")
	if err != nil {
		t.Errorf("count:all: %v", err)
	}
	w.shared = append(w.shared, all)
}

// killAndRestart kills a node, lets the others take over, and waits until it is back.
func killAndRestart(t *testing.T, n *localcluster.Node) {
	t.Helper()
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	restart(t, n)
}

// hang stops a node's process for longer than the others wait for it.
func hang(t *testing.T, n *localcluster.Node) {
	t.Helper()
	if err := n.Pause(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := n.Resume(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

func restart(t *testing.T, n *localcluster.Node) {
	t.Helper()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestClientSessions: what a session wrote, it reads through every node, when the node that took the writes is dead, and
// when it is back; and so does whoever has its token.
func TestClientSessions(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	everywhere := open(t, ports(c, clusterPort))
	s := everywhere.NewSession()
	for round := range 3 {
		victim, value := c.Nodes[round], fmt.Sprint("round ", round)
		for i := range manyKeys {
			if err := s.Set(t.Context(), key(i), []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		if err := victim.Kill(); err != nil {
			t.Fatal(err)
		}
		wantSession(t, s, value)
		for _, n := range c.Nodes {
			if n != victim {
				wantToken(t, n, s.Token(), value)
			}
		}
		value += " later"
		for i := range manyKeys {
			if err := s.Set(t.Context(), key(i), []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		restart(t, victim)
		wantToken(t, victim, s.Token(), value)
		wantSession(t, s, value)
	}
}

// wantToken reads every key through one node alone, in a session that has nothing but the token.
func wantToken(t *testing.T, n *localcluster.Node, token, want string) {
	t.Helper()
	do(t, dial(t, n.Plain), "KATA", "SESSION", token) // any Redis client may have it, too
	s, err := open(t, []string{n.Plain}).ParseSession(token)
	if err != nil {
		t.Fatal(err)
	}
	wantSession(t, s, want)
}

// wantSession reads every key one by one, and in a batch.
func wantSession(t *testing.T, s *client.Session, want string) {
	t.Helper()
	var batch client.Batch
	var results []*client.Result[[]byte]
	for i := range manyKeys {
		got, err := s.Get(t.Context(), key(i))
		if err != nil || string(got) != want {
			t.Fatalf("GET %s is %q, %v; want %q", key(i), got, err, want)
		}
		results = append(results, batch.Get(key(i)))
	}
	if err := s.Run(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	for i, result := range results {
		if got, err := result.Value(); err != nil || string(got) != want {
			t.Fatalf("GET %s in a batch is %q, %v; want %q", key(i), got, err, want)
		}
	}
}

// TestClientLevels: each level is answered as it promises, also by nodes that do not lead, and connections that are shared
// remember nothing of it.
func TestClientLevels(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	through := open(t, ports(c, clusterPort))
	s := through.NewSession()
	var served []katakv.Served
	nodes := map[katakv.Level]map[katakv.NodeID]bool{}
	for round := range 40 {
		value := fmt.Sprint(round)
		if err := s.Set(t.Context(), "level", []byte(value)); err != nil {
			t.Fatal(err)
		}
		for _, level := range []client.Option{
			client.Strong(), client.StrongReplica(), client.At(katakv.Consistency{Level: katakv.LevelSession}),
			client.Bounded(2 * time.Second), client.Eventual(),
		} {
			got, err := s.With(level, client.Tell(&served)).Get(t.Context(), "level")
			if err != nil || len(served) != 1 {
				t.Fatalf("got %q, %v, %v", got, served, err)
			}
			answer := served[0]
			if answer.Level <= katakv.LevelSession && string(got) != value {
				t.Errorf("at level %v: got %q, want %q", answer.Level, got, value)
			}
			if answer.Level == katakv.LevelBounded && (answer.Age < 0 || answer.Age > 2*time.Second) {
				t.Errorf("an answer within 2s is said to be %v old", answer.Age)
			}
			if nodes[answer.Level] == nil {
				nodes[answer.Level] = map[katakv.NodeID]bool{}
			}
			nodes[answer.Level][answer.Node] = true
		}
		// Through the same connections, without a level: strong.
		if got, err := through.Get(t.Context(), "level"); err != nil || string(got) != value {
			t.Errorf("got %q, %v, want %q", got, err, value)
		}
	}
	for level := katakv.LevelStrong; level.Valid(); level++ {
		if len(nodes[level]) < 2 {
			t.Errorf("level %v was answered by the nodes %v only", level, nodes[level])
		}
	}
}

// TestClientCompareAndSet: many add to one record, none is lost.
func TestClientCompareAndSet(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	through := open(t, ports(c, clusterPort))
	const writers, rounds = 4, 10
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for round := 0; round < rounds; {
				record, err := through.GetRecord(t.Context(), "list")
				if err != nil {
					t.Error(err)
					return
				}
				next := append(record.Value, byte('a'+i))
				change, err := through.SetIf(t.Context(), "list", next, client.IfRevision(record.Revision))
				if err != nil {
					t.Error(err)
					return
				}
				if change.Applied {
					round++
				} else if change.Revision == record.Revision {
					t.Errorf("not applied, though the revision is still %v", change.Revision)
					return
				}
			}
		})
	}
	group.Wait()
	record, err := through.GetRecord(t.Context(), "list")
	if err != nil || len(record.Value) != writers*rounds {
		t.Errorf("got %d bytes, %v, want %d", len(record.Value), err, writers*rounds)
	}
	if no, err := through.DeleteIf(t.Context(), "list", client.IfRevision(record.Revision+1)); err != nil || no.Applied || no.Revision != record.Revision {
		t.Errorf("got %+v, %v", no, err)
	}
	if no, err := through.DeleteIf(t.Context(), "nothing", client.IfPresent()); err != nil || no.Applied || no.Revision != 0 {
		t.Errorf("got %+v, %v", no, err)
	}
	if _, err := through.DeleteIf(t.Context(), "list", client.IfAbsent()); !errors.Is(err, client.ErrNotApplied) {
		t.Errorf("got %v", err)
	}
	if gone, err := through.DeleteIf(t.Context(), "list", client.IfRevision(record.Revision)); err != nil || !gone.Applied {
		t.Errorf("got %+v, %v", gone, err)
	}
	// A request that is sent again is answered as the first time, through whichever door, though its condition has failed.
	var answers []client.Change
	for _, door := range []*client.Client{through, open(t, ports(c, plainPort))} {
		change, err := door.With(client.RequestID("lock-1")).SetIf(t.Context(), "lock", []byte("me"), client.IfAbsent())
		if err != nil || !change.Applied {
			t.Errorf("got %+v, %v", change, err)
		}
		answers = append(answers, change)
	}
	if other, err := through.SetIf(t.Context(), "lock", []byte("you"), client.IfAbsent()); err != nil || other.Applied ||
		other.Revision != answers[0].Revision || answers[1] != answers[0] {
		t.Errorf("got %+v, %v after %+v", other, err, answers)
	}
	if again, err := through.DeleteIf(t.Context(), "list", client.IfRevision(record.Revision)); err != nil || again.Applied || again.Revision != 0 {
		t.Errorf("got %+v, %v", again, err)
	}
}

// TestClientManyKeys: commands over all slots, in one exchange a node.
func TestClientManyKeys(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	for name, addrs := range map[string][]string{"cluster": ports(c, clusterPort), "plain": ports(c, plainPort)} {
		through := open(t, addrs)
		values := map[string][]byte{}
		var keys []string
		for i := range 1500 {
			k := fmt.Sprintf("%s:%d", name, i)
			keys = append(keys, k)
			values[k] = []byte(k)
		}
		if err := through.MSet(t.Context(), values); err != nil {
			t.Fatal(err)
		}
		got, err := through.MGet(t.Context(), append(keys, name+":absent")...)
		if err != nil || len(got) != len(keys)+1 || got[len(keys)] != nil {
			t.Fatalf("%s: got %d values, %v", name, len(got), err)
		}
		for i, k := range keys {
			if string(got[i]) != k {
				t.Errorf("%s: got %q", k, got[i])
			}
		}
		if n, err := through.Exists(t.Context(), append(keys, keys[0], name+":absent")...); n != int64(len(keys))+1 || err != nil {
			t.Errorf("%s: EXISTS counts %d, %v", name, n, err)
		}
		if n, err := through.Delete(t.Context(), append(keys, name+":absent")...); n != int64(len(keys)) || err != nil {
			t.Errorf("%s: DEL counts %d, %v", name, n, err)
		}
	}
}

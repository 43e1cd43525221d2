package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/localcluster"
)

const (
	// onceCounters are how many clients count, each on a key of its own and all on a shared one.
	onceCounters = 8
	// oncePatience is how long a client waits for one attempt: shorter than an election, so that attempts overlap.
	oncePatience = 400 * time.Millisecond
	// onceKills are how often a node is killed meanwhile.
	onceKills = 6
)

// onceCounter is a client that retries every INCR with its request id until it has an answer.
type onceCounter struct {
	number             int
	addrs              []string
	at                 int // the node that it asks
	conn               *client.Conn
	requests, attempts int
	shared             []int64 // what it was told of the shared key
}

// TestOnceThroughKilledLeaders kills nodes under clients that count, and the counters are exact in the end.
func TestOnceThroughKilledLeaders(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	var stop atomic.Bool
	var group sync.WaitGroup
	counters := make([]*onceCounter, onceCounters)
	for i := range counters {
		counter := &onceCounter{number: i, at: i}
		for _, n := range c.Nodes {
			counter.addrs = append(counter.addrs, n.Plain)
		}
		counters[i] = counter
		group.Go(func() {
			for !stop.Load() && counter.count(t) {
			}
		})
	}
	for i := range onceKills {
		victim := c.Nodes[i%len(c.Nodes)]
		time.Sleep(time.Second)
		if err := victim.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := victim.WaitReady(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	group.Wait()
	requests, attempts := 0, 0
	var shared []int64
	for _, counter := range counters {
		wantGet(t, c.Nodes[0].Plain, counter.key(), fmt.Sprint(counter.requests))
		requests, attempts = requests+counter.requests, attempts+counter.attempts
		shared = append(shared, counter.shared...)
	}
	wantGet(t, c.Nodes[1].Plain, "once:all", fmt.Sprint(requests))
	slices.Sort(shared)
	if different := len(slices.Compact(shared)); different != requests {
		t.Errorf("%d requests were answered %d different counts", requests, different)
	}
	t.Logf("%d requests took %d attempts", 2*requests, attempts)
	if attempts <= 2*requests {
		t.Error("nothing was ever retried: the test shows nothing")
	}
	sameChecksums(t, c)
}

func (o *onceCounter) key() string { return fmt.Sprintf("once:%d", o.number) }

// count adds one to both keys and reports whether the test goes on.
func (o *onceCounter) count(t *testing.T) bool {
	id := fmt.Sprintf("%d-%d", o.number, o.requests)
	own, ok := o.request(t, id, o.key())
	if !ok {
		return false
	}
	o.requests++
	if own != int64(o.requests) {
		t.Errorf("%s: increment %d was answered %d", o.key(), o.requests, own)
	}
	all, ok := o.request(t, id+"-all", "once:all")
	o.shared = append(o.shared, all)
	return ok
}

// request sends an INCR through one node after the other until it is answered.
func (o *onceCounter) request(t *testing.T, id, key string) (int64, bool) {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		o.attempts++
		if value, err := o.try(t.Context(), id, key); err == nil {
			return value, true
		}
		if o.conn != nil {
			_ = o.conn.Close()
			o.conn = nil
		}
		o.at++
	}
	t.Errorf("%s: request %s has no answer after %v", key, id, patience)
	return 0, false
}

func (o *onceCounter) try(ctx context.Context, id, key string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, oncePatience)
	defer cancel()
	if o.conn == nil {
		conn, err := client.Dial(ctx, o.addrs[o.at%len(o.addrs)], client.Options{})
		if err != nil {
			return 0, err
		}
		o.conn = conn
	}
	value, err := o.conn.Do(ctx, "KATA", "ONCE", id, "INCR", key)
	if err != nil {
		return 0, err
	}
	return value.Int, nil
}

// TestOnceByHand does what docs/api.md shows, on both ports.
func TestOnceByHand(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	for _, step := range []struct {
		port string
		args []string
		want string
	}{
		{c.Nodes[0].Plain, []string{"KATA", "ONCE", "order-17", "INCRBY", "stock", "-1"}, "-1"},
		{c.Nodes[1].Plain, []string{"KATA", "ONCE", "order-17", "INCRBY", "stock", "-1"}, "-1"},
		{c.Nodes[2].Cluster, []string{"-c", "KATA", "ONCE", "order-17", "INCRBY", "stock", "-1"}, "-1"},
		{c.Nodes[2].Plain, []string{"GET", "stock"}, "-1"},
		{
			c.Nodes[0].Plain,
			[]string{"KATA", "ONCE", "order-17", "INCRBY", "stock", "-2"},
			"ERR this request id was used for another command: nothing was changed; choose a new id for each command\n",
		},
		{c.Nodes[0].Plain, []string{"KATA", "ONCE", "m-1", "MSET", "a", "1", "b", "2", "c", "3"}, "OK"},
		{c.Nodes[0].Plain, []string{"KATA", "ONCE", "m-2", "DEL", "a", "b", "c", "d"}, "3"},
		{c.Nodes[0].Plain, []string{"SET", "b", "new"}, "OK"},
		{c.Nodes[1].Plain, []string{"KATA", "ONCE", "m-2", "DEL", "a", "b", "c", "d"}, "3"},
		{c.Nodes[1].Plain, []string{"GET", "b"}, "new"},
	} {
		if got := redisCLI(t, step.port, step.args...); got != step.want {
			t.Errorf("%v: got %q, want %q", step.args, got, step.want)
		}
	}
}

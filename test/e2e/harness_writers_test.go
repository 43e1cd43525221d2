package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/admin"
)

const (
	// writerCount is what the issue asks for; with 48 shards every shard has a writer and some have two.
	writerCount = 64

	// retryPause keeps a writer that meets a dead node from spinning.
	retryPause = 10 * time.Millisecond

	// recordBytes is the length of what one APPEND adds: an attempt's number and a semicolon.
	recordBytes = 9
)

// writeCommand is the command that a writer repeats. Each proves something else about attempts that were
// acknowledged, refused or of unknown fate.
type writeCommand int

const (
	// setNumber stores the attempt's number: which attempt came last.
	setNumber writeCommand = iota
	// increment counts: how many attempts took effect.
	increment
	// appendRecord adds the attempt's number: which attempts took effect, how often and in which order.
	appendRecord
	writeCommands
)

// writer is a client that writes one key, one attempt after another through any node, and remembers what it was
// told. Its fields belong to its goroutine while it runs, except acked.
type writer struct {
	key     string
	shard   katakv.ShardID
	command writeCommand

	acked    atomic.Int64      // acknowledged attempts
	outcomes []katakv.Outcome  // by attempt; attempts count from 1
	replies  map[int]int64     // of acknowledged attempts: the count, or the length
	errors   map[string]int    // how often each kind of failure was met
	examples map[string]string // one text of each
}

// writers are clients on keys that are spread over all shards.
type writers struct {
	all    []*writer
	addrs  []string
	pulses map[katakv.ShardID]*pulse
	stop   chan struct{}
	group  sync.WaitGroup
}

// newWriters makes writers on fresh keys; prefix tells the keys of several tests apart.
func newWriters(view *admin.ClusterView, prefix string) *writers {
	ws := &writers{pulses: map[katakv.ShardID]*pulse{}}
	for _, n := range view.Nodes {
		ws.addrs = append(ws.addrs, n.Addresses.Plain)
	}
	var shards []admin.ShardRow
	for _, s := range view.Shards {
		if s.Slots != nil {
			shards = append(shards, s)
			ws.pulses[s.ID] = &pulse{}
		}
	}
	for i := range writerCount {
		s := shards[i%len(shards)]
		ws.all = append(ws.all, &writer{
			key: s.Slots.Key(fmt.Sprintf("%s:%d", prefix, i)), shard: s.ID,
			command: writeCommand((i + i/len(shards)) % int(writeCommands)), // two writers of a shard differ
			replies: map[int]int64{}, errors: map[string]int{}, examples: map[string]string{},
		})
	}
	return ws
}

// avoid keeps writers that have not started from one address.
func (ws *writers) avoid(addr string) {
	ws.addrs = slices.DeleteFunc(ws.addrs, func(a string) bool { return a == addr })
}

// failures counts the attempts that were not acknowledged; the writers have been halted.
func (ws *writers) failures() int {
	n := 0
	for _, w := range ws.all {
		n += len(w.outcomes) - int(w.acked.Load())
	}
	return n
}

// start lets all writers write until halt. It may be called again after that.
func (ws *writers) start() {
	ws.stop = make(chan struct{})
	for i, w := range ws.all {
		ws.group.Go(func() { w.run(ws.addrs, i, ws.pulses[w.shard], ws.stop) })
	}
}

// halt lets every writer finish its attempt and waits for all. It does nothing while they stand still.
func (ws *writers) halt() {
	if ws.stop != nil {
		close(ws.stop)
		ws.group.Wait()
		ws.stop = nil
	}
}

// waitProgress waits until every writer has had count more acknowledgements.
func (ws *writers) waitProgress(t *testing.T, count int64) {
	t.Helper()
	want := make([]int64, len(ws.all))
	for i, w := range ws.all {
		want[i] = w.acked.Load() + count
	}
	eventually(t, func() error {
		for i, w := range ws.all {
			if got := w.acked.Load(); got < want[i] {
				return fmt.Errorf("the writer of %s in shard %v has %d acknowledgements, want %d", w.key, w.shard, got, want[i])
			}
		}
		return nil
	})
}

// run writes until stop is closed. The writer starts with the node of its number and turns to the next one
// whenever its connection ends.
func (w *writer) run(addrs []string, number int, shard *pulse, stop <-chan struct{}) {
	ctx := context.Background() // an attempt is never cut off: it ends by itself
	var conn *client.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for turn := number; ; {
		select {
		case <-stop:
			return
		default:
		}
		if conn == nil {
			var err error
			if conn, err = client.Dial(ctx, addrs[turn%len(addrs)], client.Options{}); err != nil {
				turn++
				conn = nil
				pause(stop)
				continue
			}
		}
		if err := w.attempt(ctx, conn); err == nil {
			shard.beat(time.Now())
		} else if conn.Err() == nil {
			pause(stop)
		} else {
			turn++
			conn = nil
		}
	}
}

// pause waits a moment, or until stop is closed.
func pause(stop <-chan struct{}) {
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-stop:
	case <-timer.C:
	}
}

// attempt writes once and notes the outcome.
func (w *writer) attempt(ctx context.Context, conn *client.Conn) error {
	number := len(w.outcomes) + 1
	var value client.Value
	var err error
	switch w.command {
	case setNumber:
		value, err = conn.Do(ctx, "SET", w.key, number)
	case increment:
		value, err = conn.Do(ctx, "INCR", w.key)
	case appendRecord:
		value, err = conn.Do(ctx, "APPEND", w.key, record(number))
	}
	w.outcomes = append(w.outcomes, client.OutcomeOf(err))
	if err != nil {
		w.note(err)
		return err
	}
	w.replies[number] = value.Int
	w.acked.Add(1)
	return nil
}

func record(number int) string { return fmt.Sprintf("%0*d;", recordBytes-1, number) }

// note counts a failure by its kind.
func (w *writer) note(err error) {
	kind := "connection"
	if reply := (*client.ReplyError)(nil); errors.As(err, &reply) {
		kind = reply.Prefix
	}
	w.errors[kind]++
	w.examples[kind] = err.Error()
}

// check reads every key through every node and judges it; the writers have been halted.
func (ws *writers) check(t *testing.T) {
	t.Helper()
	for _, addr := range ws.addrs {
		conn := dial(t, addr)
		for _, w := range ws.all {
			if err := w.check(do(t, conn, "GET", w.key)); err != nil {
				t.Errorf("read through %s: %v", addr, err)
			}
		}
	}
	ws.checkErrors(t)
}

// checkErrors reports the failures that the writers met. A node that names an internal failure has a fault.
func (ws *writers) checkErrors(t *testing.T) {
	t.Helper()
	counts, examples := map[string]int{}, map[string]string{}
	var acked int64
	for _, w := range ws.all {
		acked += w.acked.Load()
		for kind, count := range w.errors {
			counts[kind] += count
		}
		maps.Copy(examples, w.examples)
	}
	t.Logf("%d writes acknowledged, failures: %v", acked, counts)
	for _, kind := range slices.Sorted(maps.Keys(examples)) {
		t.Logf("such as: %s", examples[kind])
	}
	if text, ok := examples["ERR"]; ok {
		t.Errorf("a node answered with a failure of its own: %s", text)
	}
}

// pulse notes when writes of one shard succeed.
type pulse struct {
	mu struct {
		sync.Mutex
		last    time.Time
		longest time.Duration
	}
}

func (p *pulse) beat(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.last.IsZero() {
		p.mu.longest = max(p.mu.longest, now.Sub(p.mu.last))
	}
	p.mu.last = now
}

// take returns the longest time without a success since the last call.
func (p *pulse) take() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := p.mu.longest
	p.mu.longest = 0
	return longest
}

// takeGaps returns the longest gap of each shard since the last call.
func (ws *writers) takeGaps() map[katakv.ShardID]time.Duration {
	gaps := map[katakv.ShardID]time.Duration{}
	for id, p := range ws.pulses {
		gaps[id] = p.take()
	}
	return gaps
}

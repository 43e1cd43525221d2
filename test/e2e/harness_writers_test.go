package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/slot"
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
	broken   error             // a reply that contradicts an earlier one
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
			key: keyWithin(*s.Slots, fmt.Sprintf("%s:%d", prefix, i)), shard: s.ID,
			command: writeCommand((i + i/len(shards)) % int(writeCommands)), // two writers of a shard differ
			replies: map[int]int64{}, errors: map[string]int{}, examples: map[string]string{},
		})
	}
	return ws
}

// keyWithin returns a key of the slots.
func keyWithin(slots slot.Range, prefix string) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("%s:%d", prefix, i); slots.Contains(slot.Of([]byte(key))) {
			return key
		}
	}
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

// check judges what is stored under the key at the end.
func (w *writer) check(value client.Value) error {
	var acked, unknown, last int
	for i, outcome := range w.outcomes {
		switch outcome {
		case katakv.OutcomeApplied:
			acked++
			last = i + 1
		case katakv.OutcomeUnknown:
			unknown++
		}
	}
	switch w.command {
	case setNumber:
		return w.checkSet(value, last)
	case increment:
		return w.checkCount(value, acked, unknown)
	default:
		return w.checkRecords(value)
	}
}

// checkSet wants the last acknowledged attempt, or one of unknown fate: such a one may take effect late.
func (w *writer) checkSet(value client.Value, last int) error {
	if value.IsNull() {
		if last > 0 {
			return fmt.Errorf("%s is missing, and attempt %d was acknowledged", w.key, last)
		}
		return nil
	}
	number, err := strconv.Atoi(value.Text())
	if err != nil || number < 1 || number > len(w.outcomes) {
		return fmt.Errorf("%s holds %v, which nobody wrote", w.key, value)
	}
	if number != last && w.outcomes[number-1] != katakv.OutcomeUnknown {
		return fmt.Errorf("%s holds attempt %d, whose outcome is %v, and attempt %d was acknowledged last",
			w.key, number, outcomeName(w.outcomes[number-1]), last)
	}
	return nil
}

// checkCount wants every acknowledged attempt counted once, and no refused one.
func (w *writer) checkCount(value client.Value, acked, unknown int) error {
	count, err := strconv.Atoi(value.Text())
	if value.IsNull() {
		count, err = 0, nil
	}
	if err != nil || count < acked || count > acked+unknown {
		return fmt.Errorf("%s counts %v: %d attempts were acknowledged and %d are of unknown fate", w.key, value, acked, unknown)
	}
	previous := int64(0)
	for _, number := range slices.Sorted(maps.Keys(w.replies)) {
		if w.replies[number] <= previous || w.replies[number] > int64(count) {
			return fmt.Errorf("%s: attempt %d was told the count %d, the acknowledged one before it %d; in the end it is %d",
				w.key, number, w.replies[number], previous, count)
		}
		previous = w.replies[number]
	}
	return nil
}

// checkRecords wants the record of each acknowledged attempt where its reply said, one record at most of each
// attempt of unknown fate, and no other.
func (w *writer) checkRecords(value client.Value) error {
	text := value.Text()
	seen := map[int]bool{}
	for at := 0; at < len(text); at += recordBytes {
		end := at + recordBytes
		number, err := strconv.Atoi(strings.TrimSuffix(text[at:min(end, len(text))], ";"))
		if err != nil || number < 1 || number > len(w.outcomes) || end > len(text) {
			return fmt.Errorf("%s holds %q at byte %d, which nobody wrote", w.key, text[at:min(end, len(text))], at)
		}
		outcome := w.outcomes[number-1]
		switch {
		case seen[number]:
			return fmt.Errorf("%s holds attempt %d twice", w.key, number)
		case outcome == katakv.OutcomeNotApplied:
			return fmt.Errorf("%s holds attempt %d, whose reply said that it was not applied", w.key, number)
		case outcome == katakv.OutcomeApplied && w.replies[number] != int64(end):
			return fmt.Errorf("%s holds attempt %d up to byte %d, and its reply said %d", w.key, number, end, w.replies[number])
		}
		seen[number] = true
	}
	for number := range w.replies {
		if !seen[number] {
			return fmt.Errorf("%s lost attempt %d, which was acknowledged", w.key, number)
		}
	}
	return nil
}

func outcomeName(o katakv.Outcome) string {
	return [...]string{"not applied", "applied", "unknown"}[o]
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

// TestWritersAreJudged plants each contradiction that check must find.
func TestWritersAreJudged(t *testing.T) {
	t.Parallel()
	const applied, refused, unknown = katakv.OutcomeApplied, katakv.OutcomeNotApplied, katakv.OutcomeUnknown
	text := func(s string) client.Value { return client.Value{Kind: client.KindBulk, Bytes: []byte(s)} }
	tests := []struct {
		name     string
		command  writeCommand
		outcomes []katakv.Outcome
		replies  map[int]int64
		value    client.Value
		want     string // a part of the complaint; empty means none
	}{
		{"last acknowledged", setNumber, []katakv.Outcome{applied, applied}, nil, text("2"), ""},
		{"unknown came last", setNumber, []katakv.Outcome{applied, unknown}, nil, text("2"), ""},
		{"unknown never came", setNumber, []katakv.Outcome{applied, unknown}, nil, text("1"), ""},
		{"lost", setNumber, []katakv.Outcome{applied, applied}, nil, text("1"), "attempt 2 was acknowledged last"},
		{"all lost", setNumber, []katakv.Outcome{applied}, nil, client.Value{}, "is missing"},
		{"refused, but there", setNumber, []katakv.Outcome{applied, refused}, nil, text("2"), "not applied"},
		{"never sent", setNumber, []katakv.Outcome{applied}, nil, text("7"), "nobody wrote"},

		{"counted once each", increment, []katakv.Outcome{applied, refused, applied}, map[int]int64{1: 1, 3: 2}, text("2"), ""},
		{"unknown counts or not", increment, []katakv.Outcome{applied, unknown, applied}, map[int]int64{1: 1, 3: 3}, text("3"), ""},
		{"one lost", increment, []katakv.Outcome{applied, applied}, map[int]int64{1: 1, 2: 2}, text("1"), "2 attempts were acknowledged"},
		{"refused, but counted", increment, []katakv.Outcome{applied, refused}, map[int]int64{1: 1}, text("2"), "counts"},
		{"two with one count", increment, []katakv.Outcome{applied, applied}, map[int]int64{1: 1, 2: 1}, text("2"), "was told"},

		{"in order", appendRecord, []katakv.Outcome{applied, refused, applied}, map[int]int64{1: 9, 3: 18}, text(record(1) + record(3)), ""},
		{"late unknown", appendRecord, []katakv.Outcome{unknown, applied}, map[int]int64{2: 9}, text(record(2) + record(1)), ""},
		{"record lost", appendRecord, []katakv.Outcome{applied, applied}, map[int]int64{1: 9, 2: 18}, text(record(1)), "lost attempt 2"},
		{"twice", appendRecord, []katakv.Outcome{unknown}, nil, text(record(1) + record(1)), "twice"},
		{"refused, but recorded", appendRecord, []katakv.Outcome{refused}, nil, text(record(1)), "not applied"},
		{"out of place", appendRecord, []katakv.Outcome{unknown, applied}, map[int]int64{2: 9}, text(record(1) + record(2)), "its reply said 9"},
		{"torn", appendRecord, []katakv.Outcome{applied}, map[int]int64{1: 9}, text("000"), "nobody wrote"},
	}
	for _, test := range tests {
		w := &writer{key: "k", command: test.command, outcomes: test.outcomes, replies: test.replies}
		err := w.check(test.value)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/clock"
)

const (
	// streamsPerKind is how many counters there are, and how many logs of appends.
	streamsPerKind = 4

	// streamPause is between two writes of a stream: its key lives as long as the run.
	streamPause = 60 * time.Millisecond

	// streamTokenBytes is the length of what an APPEND adds: its number and a semicolon.
	streamTokenBytes = 8
)

// stream is one client that writes one key for the whole run, alone: a counter that it increments, or a log that it
// appends tokens to. In the end each acknowledged write must be there once, each refused one not at all.
type stream struct {
	key     string
	kind    check.Kind // IncrBy or Append
	door    door
	rng     *rand.Rand
	history check.History // belongs to the goroutine while it runs
}

func newStreams(c *workloadConfig, plain []string) []*stream {
	var streams []*stream
	for i := range 2 * streamsPerKind {
		kind, name := check.IncrBy, "counter"
		if i%2 == 1 {
			kind, name = check.Append, "log"
		}
		shard := c.shards[i%len(c.shards)]
		streams = append(streams, &stream{
			key: shard.slots.Key(fmt.Sprintf("%s:%d", name, i)), kind: kind,
			door: &plainDoor{addrs: plain, turn: i, options: client.Options{Timeout: clientTimeouts[1]}, tally: c.tally},
			rng:  rand.New(rand.NewPCG(c.seed, 1<<32+uint64(i))),
		})
	}
	return streams
}

func (s *stream) run(w *workload) {
	ctx := context.Background() // as with workers
	defer s.door.close()
	for number := 1; w.wait(time.Duration(s.rng.Int64N(int64(2 * streamPause)))); {
		op := operation(s.kind, []string{s.key}, fmt.Sprintf("%0*d;", streamTokenBytes-1, number))
		if s.kind == check.IncrBy {
			op = add([]string{s.key}, 1)
		}
		op.Client = streamClient
		c := &call{op: op}
		if !s.door.exchange(ctx, []*call{c}) {
			if !w.wait(retryPause) {
				return
			}
			continue
		}
		settle(c, w.tally)
		s.history = append(s.history, c.op)
		number++
	}
}

// Numbers of clients beside the workers, in histories.
const (
	streamClient = 1_000
	finalClient  = 2_000
)

// readThrough reads keys through one node's plain port, until each is answered or ctx ends. It returns what was
// read, in the order of the keys.
func readThrough(ctx context.Context, addr string, keys []string, clientNumber int) (check.History, error) {
	const depth = 64
	d := &plainDoor{addrs: []string{addr}, options: client.Options{}, tally: newTally()}
	defer d.close()
	var read check.History
	for len(keys) > 0 {
		part := keys[:min(depth, len(keys))]
		calls := make([]*call, len(part))
		for i, key := range part {
			calls[i] = &call{op: operation(check.Get, []string{key})}
			calls[i].op.Client = clientNumber
		}
		sent := d.exchange(ctx, calls)
		var failed error
		for _, c := range calls {
			if failed = c.err; !sent || failed != nil {
				break
			}
			settle(c, d.tally)
			read = append(read, c.op)
			keys = keys[1:]
		}
		if sent && failed == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return read, fmt.Errorf("read %s through %s: %w", keys[0], addr, errOr(failed, ctx.Err()))
		case <-clock.After(retryPause):
		}
	}
	return read, nil
}

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

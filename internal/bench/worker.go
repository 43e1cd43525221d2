package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/slot"
)

const (
	// keyDigits and keyPrefix form "key:000000000042".
	keyDigits = 12
	keyPrefix = "key:"

	// valueBlockBytes of random bytes supply each worker's values, cut at random places: cheaper than fresh
	// bytes, and as hard to compress.
	valueBlockBytes = 64 << 10

	// errorPause follows a round in which nothing succeeded.
	errorPause = 10 * time.Millisecond
)

var (
	wordGet  = []byte("GET")
	wordSet  = []byte("SET")
	wordWait = []byte("WAIT")
	wordZero = []byte("0")
)

// operation is one GET or SET.
type operation struct {
	key  int64
	read bool
}

// part is one node's share of a round.
type part struct {
	conn   *client.Conn
	ops    []operation
	writes int
	sent   bool
}

// worker is one closed loop.
type worker struct {
	run   *run
	index int

	random *rand.Rand
	block  []byte
	key    []byte
	wait   []byte

	parts   []part // by node
	touched []int  // nodes with a part in this round
	retry   []operation

	tally     *tally
	succeeded int  // operations of this round
	counted   bool // what this round does belongs to the measured operations, whenever it ends
	lastError string

	sequence    int64     // the next key of Fill
	lastSuccess time.Time // of any operation, or the worker's start
}

func newWorker(r *run, index int) *worker {
	w := &worker{
		run: r, index: index, tally: &tally{}, lastSuccess: clock.Wall(),
		random: rand.New(rand.NewPCG(r.config.Seed, uint64(index))),
		block:  make([]byte, valueBlockBytes+r.config.ValueBytes),
		key:    append([]byte(keyPrefix), make([]byte, keyDigits)...),
		wait:   strconv.AppendInt(nil, int64(r.config.WaitReplicas), 10),
	}
	for i := range w.block {
		w.block[i] = byte(w.random.Uint32())
	}
	return w
}

// loop runs rounds until the run's end, the context's, or the work's.
func (w *worker) loop(ctx context.Context) {
	defer w.close()
	for ctx.Err() == nil {
		fresh := w.run.draw(w)
		if fresh == 0 && len(w.retry) == 0 {
			return
		}
		w.round(ctx, fresh)
		if w.succeeded == 0 && !w.run.rest(ctx, w) {
			return
		}
	}
}

func (w *worker) close() {
	for i := range w.parts {
		w.drop(i)
	}
}

// round sends what must be tried again and fresh new operations, and takes the replies.
func (w *worker) round(ctx context.Context, fresh int) {
	slots := w.run.topology.current.Load()
	for len(w.parts) < len(slots.nodes) {
		w.parts = append(w.parts, part{})
	}
	w.touched, w.succeeded = w.touched[:0], 0
	again := w.retry
	w.retry = nil
	for _, op := range again {
		w.assign(slots, op)
	}
	for range fresh {
		w.assign(slots, w.run.next(w))
	}
	start := clock.Wall()
	for _, node := range w.touched {
		w.send(ctx, node, slots.nodes[node])
	}
	for _, node := range w.touched {
		if w.parts[node].sent {
			w.receive(ctx, node, start)
		}
	}
}

// assign adds an operation to the part of the node that owns its slot.
func (w *worker) assign(slots *slotMap, op operation) {
	node := w.index % len(slots.nodes)
	if w.run.config.Cluster {
		node = int(slots.owner[slot.Of(w.keyOf(op.key))])
	}
	p := &w.parts[node]
	if len(p.ops) == 0 {
		p.writes, p.sent = 0, false
		w.touched = append(w.touched, node)
	}
	p.ops = append(p.ops, op)
	if !op.read {
		p.writes++
	}
}

// keyOf formats a key; it is valid until the next call.
func (w *worker) keyOf(number int64) []byte {
	for i := len(w.key) - 1; i >= len(keyPrefix); i-- {
		w.key[i] = byte('0' + number%10)
		number /= 10
	}
	return w.key
}

func (w *worker) send(ctx context.Context, node int, addr string) {
	p := &w.parts[node]
	if p.conn == nil {
		conn, err := client.Dial(ctx, addr, w.run.options)
		if err != nil {
			w.broken(ctx, node, 0, err)
			return
		}
		p.conn = conn
	}
	var err error
	for _, op := range p.ops {
		if err != nil {
			break
		}
		if op.read {
			err = p.conn.SendBytes(wordGet, w.keyOf(op.key))
			continue
		}
		from := w.random.IntN(valueBlockBytes)
		err = p.conn.SendBytes(wordSet, w.keyOf(op.key), w.block[from:from+w.run.config.ValueBytes])
	}
	if err == nil && p.writes > 0 && w.run.config.WaitReplicas > 0 {
		err = p.conn.SendBytes(wordWait, w.wait, wordZero)
	}
	if err == nil {
		err = p.conn.Flush(ctx)
	}
	if err != nil {
		w.broken(ctx, node, 0, err)
		return
	}
	p.sent = true
}

// receive takes the replies of one part. Its operations share the moment at which the last reply had come.
func (w *worker) receive(ctx context.Context, node int, start time.Time) {
	p := &w.parts[node]
	reads, writes, misses := 0, 0, 0
	for i, op := range p.ops {
		value, err := p.conn.Receive(ctx)
		switch {
		case err != nil:
			var reply *client.ReplyError
			if !errors.As(err, &reply) {
				w.count(start, reads, 0, misses)
				if p.writes == 0 || w.run.config.WaitReplicas == 0 {
					w.count(start, 0, writes, 0)
				}
				w.broken(ctx, node, i, err)
				return
			}
			w.refused(ctx, op, reply)
		case op.read:
			reads++
			if value.IsNull() {
				misses++
			}
		default:
			writes++
		}
	}
	if p.writes > 0 && w.run.config.WaitReplicas > 0 {
		value, err := p.conn.Receive(ctx)
		if err != nil || value.Int < int64(w.run.config.WaitReplicas) {
			w.fail("WAIT", waitProblem(value, err), writes)
			writes = 0
			if p.conn.Err() != nil {
				w.drop(node)
			}
		}
	}
	w.count(start, reads, writes, misses)
	p.ops = p.ops[:0]
}

func waitProblem(value client.Value, err error) string {
	if err != nil {
		return err.Error()
	}
	return "WAIT answered " + value.Text()
}

// count records operations that have succeeded just now.
func (w *worker) count(start time.Time, reads, writes, misses int) {
	if reads+writes == 0 {
		return
	}
	now := clock.Wall()
	w.succeeded += reads + writes
	w.lastSuccess = now
	if !w.counted && !w.run.measuring(now) {
		return
	}
	took := now.Sub(start)
	if reads > 0 {
		w.tally.reads.Record(took, reads)
		w.tally.misses += int64(misses)
	}
	if writes > 0 {
		w.tally.writes.Record(took, writes)
	}
}

// refused handles an error reply: a redirect is followed in the next round.
func (w *worker) refused(ctx context.Context, op operation, reply *client.ReplyError) {
	if slot, addr, ok := reply.Moved(); ok && w.run.config.Cluster {
		w.run.topology.moved(ctx, slot, addr)
		w.retry = append(w.retry, op)
		if w.counted || w.run.measuring(clock.Wall()) {
			w.tally.redirects++
		}
		return
	}
	w.fail(reply.Prefix, reply.Text, 1)
	if w.run.fill {
		w.retry = append(w.retry, op)
	}
}

// broken gives up a connection, and the operations of its part from the one at index on.
func (w *worker) broken(ctx context.Context, node, index int, err error) {
	p := &w.parts[node]
	kind := "CONNECTION"
	var conn *client.ConnError
	if errors.As(err, &conn) && conn.Timeout() {
		kind = "TIMEOUT"
	}
	w.fail(kind, err.Error(), len(p.ops)-index)
	if w.run.fill {
		w.retry = append(w.retry, p.ops[index:]...)
	}
	w.drop(node)
	p.ops = p.ops[:0]
	if w.run.config.Cluster && ctx.Err() == nil {
		w.run.topology.refresh(ctx)
	}
}

func (w *worker) drop(node int) {
	if conn := w.parts[node].conn; conn != nil {
		_ = conn.Close()
		w.parts[node].conn = nil
	}
}

func (w *worker) fail(kind, text string, n int) {
	if n == 0 {
		return
	}
	w.lastError = text
	if w.counted || w.run.measuring(clock.Wall()) {
		w.tally.fail(kind, text, n)
	}
}

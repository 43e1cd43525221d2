package transport

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/katakv/katakv/internal/wire"
)

// queue holds what waits for one lane, encoded:
//
//	enqueue ──> pending ──take──> being written ──written──> spare ──> pending ...
//
// Two buffers change places, so that in steady state nothing is allocated, and everything that came while one
// was being written goes out together.
type queue struct {
	maxBytes, maxMessages int

	wake chan struct{} // has room for one: there may be something pending

	mu struct {
		sync.Mutex
		state   state
		conn    net.Conn // while up
		address string   // of conn

		// Invariant: pending and being written together are within maxBytes and maxMessages, or one message.
		pending         []byte // whole frames
		pendingMessages int
		writingBytes    int
		writingMessages int
		spare           []byte
	}

	counters struct{ sent, dropped, bytes, writes, connects atomic.Uint64 }
}

// state says whether messages are accepted.
type state uint8

const (
	// stateFresh is before the outcome of the first attempt to connect: messages may wait for it.
	stateFresh state = iota
	stateUp
	// stateDown refuses messages: when the connection is back they would be old.
	stateDown
)

func newQueue(maxBytes, maxMessages int) queue {
	return queue{maxBytes: maxBytes, maxMessages: maxMessages, wake: make(chan struct{}, 1)}
}

// Why enqueue drops a message, beside wire.ErrTooLarge.
var (
	errFull = errors.New("the queue is full")
	errDown = errors.New("there is no connection")
)

// enqueue adds a message, or drops it, counts it and says why.
func (q *queue) enqueue(m wire.Message) error {
	if err := q.add(m); err != nil {
		q.counters.dropped.Add(1)
		return err
	}
	select {
	case q.wake <- struct{}{}:
	default: // it will be woken anyway
	}
	return nil
}

func (q *queue) add(m wire.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.state == stateDown {
		return errDown
	}
	messages := q.mu.pendingMessages + q.mu.writingMessages
	before := len(q.mu.pending)
	held := before + q.mu.writingBytes
	if messages >= q.maxMessages || held >= q.maxBytes {
		return errFull
	}
	var err error
	if q.mu.pending, err = wire.AppendFrames(q.mu.pending, m); err != nil {
		return err
	}
	if added := len(q.mu.pending) - before; held > 0 && held+added > q.maxBytes {
		q.mu.pending = q.mu.pending[:before]
		return errFull
	}
	q.mu.pendingMessages++
	return nil
}

// take returns all that is pending, or nil. It must be handed back to written.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.mu.pending) == 0 {
		return nil
	}
	batch := q.mu.pending
	q.mu.pending, q.mu.spare = q.mu.spare, nil
	q.mu.writingBytes, q.mu.writingMessages = len(batch), q.mu.pendingMessages
	q.mu.pendingMessages = 0
	return batch
}

// written says that batch is on its way and its memory free.
func (q *queue) written(batch []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counters.sent.Add(uint64(q.mu.writingMessages))
	q.counters.bytes.Add(uint64(len(batch)))
	q.mu.writingBytes, q.mu.writingMessages = 0, 0
	if cap(batch) <= keptBytes {
		q.mu.spare = batch[:0]
	}
}

func (q *queue) up(conn net.Conn, address string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.state, q.mu.conn, q.mu.address = stateUp, conn, address
	q.counters.connects.Add(1)
}

// down empties the queue and refuses messages from now on; it reports whether it did not before.
func (q *queue) down() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.mu.state
	q.mu.state, q.mu.conn = stateDown, nil
	q.counters.dropped.Add(uint64(q.mu.pendingMessages + q.mu.writingMessages))
	q.mu.pending, q.mu.spare, q.mu.pendingMessages = nil, nil, 0
	q.mu.writingBytes, q.mu.writingMessages = 0, 0
	return was != stateDown
}

func (q *queue) isDown() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.state == stateDown
}

// connection returns the present connection and its address; nil when there is none.
func (q *queue) connection() (net.Conn, string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.conn, q.mu.address
}

// stats fills in the sending half of s.
func (q *queue) stats(s *PeerStats) {
	q.mu.Lock()
	s.Connected = q.mu.state == stateUp
	s.Address = q.mu.address
	s.QueuedBytes = len(q.mu.pending) + q.mu.writingBytes
	q.mu.Unlock()
	s.Sent, s.Dropped = q.counters.sent.Load(), q.counters.dropped.Load()
	s.SentBytes, s.Writes = q.counters.bytes.Load(), q.counters.writes.Load()
	s.Connects = q.counters.connects.Load()
}

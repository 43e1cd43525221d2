package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/katakv/katakv"
)

const (
	// maxWaveCommands and maxWaveBytes bound what is sent to one node before its replies are read: the bytes fit into the
	// buffers of the sockets between, so that a server that waits to send replies never waits for us, who still send. One
	// command always fits.
	maxWaveCommands = 1000
	maxWaveBytes    = 64 << 10

	// maxDoublings bounds how often an attempt's timeout doubles.
	maxDoublings = 5
)

// errForgotten ends a call whose requests the cluster may have forgotten.
var errForgotten = errors.New("too much time has passed since the first attempt: the cluster may have forgotten the request")

// flight is calls on their way, each sent again until it is settled, in waves: of what is left, as much as fits goes out
// to all nodes at once, and all of it comes back before the next wave.
type flight struct {
	client  *Client
	set     settings
	started time.Time

	routes    *routes // by which the wave was sent
	redirects int     // waves in a row in which nothing worse was answered than redirects
	pause     time.Duration
}

// bundle is the calls of a wave for one node.
type bundle struct {
	node  *node
	calls []*call
	bytes int
	worst verdict
	stale bool // the map may be
}

// run executes calls; each has a value or an error when it returns. It waits no longer than ctx.
func (c *Client) run(ctx context.Context, set settings, calls []*call) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	f := flight{client: c, set: set, started: time.Now(), pause: firstBackoff}
	c.catchUp(ctx)
	left := calls
	for {
		if ended := f.ended(ctx); ended != nil {
			for _, k := range left {
				k.fail(k.last, ended)
			}
			return
		}
		wave := f.wave(left)
		f.fly(ctx, wave)
		if left = undone(left); len(left) == 0 {
			return
		}
		f.regroup(ctx, wave)
	}
}

// undone returns the calls that are not settled; it leaves the slice alone, which is the caller's.
func undone(calls []*call) []*call {
	var left []*call
	for _, k := range calls {
		if !k.done {
			left = append(left, k)
		}
	}
	return left
}

// ended returns why no further attempt may be made. The wall clock counts as well as the monotonic one, which stands
// still while the machine sleeps: the cluster's clock does not.
func (f *flight) ended(ctx context.Context) error {
	select {
	case <-f.client.closed:
		return ErrClosed
	default:
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	now := time.Now()
	if now.Sub(f.started) > MaxCallTimeout || now.Round(0).Sub(f.started.Round(0)) > MaxCallTimeout {
		return errForgotten
	}
	return nil
}

// wave sorts as many calls by node as may be sent now. A node takes them in order.
func (f *flight) wave(left []*call) []*bundle {
	f.routes = f.client.routes.Load()
	prefix := f.prefixBytes()
	var wave []*bundle
	for _, k := range left {
		n := f.target(k)
		i := slices.IndexFunc(wave, func(b *bundle) bool { return b.node == n })
		if i < 0 {
			i = len(wave)
			wave = append(wave, &bundle{node: n})
		}
		b, size := wave[i], prefix+k.size()
		if len(b.calls) > 0 && (len(b.calls) == maxWaveCommands || b.bytes+size > maxWaveBytes) {
			b.bytes = maxWaveBytes // nothing overtakes it
			continue
		}
		k.redirect = ""
		b.calls, b.bytes = append(b.calls, k), b.bytes+size
	}
	return wave
}

// prefixBytes is roughly what stands before each command.
func (f *flight) prefixBytes() int {
	const words = 128
	if f.set.session == nil {
		return words
	}
	return words + len(f.set.session.Token())
}

// size is roughly what the command itself takes on the wire.
func (k *call) size() int {
	n := 0
	for _, arg := range k.args {
		n += 16 + len(arg)
	}
	return n
}

// target chooses the node for a call: where it was redirected, the leader of its slot, or for reads that any replica may
// answer one of them by lot. A replica that failed a moment ago is passed over if there are others.
func (f *flight) target(k *call) *node {
	c := f.client
	switch {
	case k.redirect != "":
		return c.node(k.redirect)
	case f.routes == nil || k.slot == noSlot:
		return c.anyNode()
	}
	held := &f.routes.ranges[f.routes.find(katakv.Slot(k.slot))]
	if k.writes || !f.set.anywhere() {
		return c.node(held.Leader)
	}
	count := 1 + len(held.Followers)
	first := c.dice.below(count)
	for i := range count {
		if n := c.node(held.replica((first + i) % count)); !n.avoided() {
			return n
		}
	}
	return c.node(held.replica(first))
}

// fly sends a wave and waits for its replies.
func (f *flight) fly(ctx context.Context, wave []*bundle) {
	if len(wave) == 1 {
		f.exchange(ctx, wave[0])
		return
	}
	var group sync.WaitGroup
	for _, b := range wave {
		group.Go(func() { f.exchange(ctx, b) })
	}
	group.Wait()
}

// exchange sends a batch over one connection and receives its replies.
func (f *flight) exchange(ctx context.Context, b *bundle) {
	timeout, careful := f.timeout(b.calls)
	conn, err := b.node.take(ctx, timeout, careful)
	if err != nil {
		if ctx.Err() == nil {
			b.node.avoid()
		}
		f.answerAll(b, b.calls, err)
		return
	}
	defer b.node.put(conn)
	var token []byte
	if f.set.session != nil {
		token = []byte(f.set.session.Token())
	}
	var args [][]byte
	for _, k := range b.calls {
		args = k.frame(args[:0], &f.set, token)
		if err := conn.SendBytes(args...); err != nil {
			f.answerAll(b, b.calls, err) // closed meanwhile, and nothing has left
			return
		}
	}
	if err := conn.Flush(ctx); err != nil {
		f.answerAll(b, b.calls, err)
		return
	}
	for i, k := range b.calls {
		value, err := conn.Receive(ctx)
		if conn.Err() != nil {
			f.answerAll(b, b.calls[i:], err)
			return
		}
		f.answer(b, k, value, err)
	}
}

// timeout is how long the attempt may take. One that cannot be made again may take all the time of its call, and a
// connection that can be trusted.
func (f *flight) timeout(calls []*call) (timeout time.Duration, careful bool) {
	doublings := 0
	for _, k := range calls {
		if !k.repeatable() {
			return -1, true
		}
		doublings = max(doublings, k.timeouts)
	}
	return f.client.config.AttemptTimeout << min(doublings, maxDoublings), false
}

func (f *flight) answerAll(b *bundle, calls []*call, err error) {
	for _, k := range calls {
		f.answer(b, k, Value{}, err)
	}
}

// answer notes an answer, or an error, to a call.
func (f *flight) answer(b *bundle, k *call, value Value, err error) {
	v := k.answered(value, err, &f.set)
	b.worst = max(b.worst, v)
	var reply *ReplyError
	switch {
	case v == settled:
		f.set.session.see(k.served, k.epoch)
		f.client.noteEpoch(k.epoch)
	case v != elsewhere:
		b.stale = true
	case errors.As(err, &reply):
		slot, addr, ok := reply.Moved()
		if ok {
			k.redirect = addr
			f.client.learn(slot, addr)
		}
		// A replica that redirects a read is none any more; a leader has only changed.
		b.stale = b.stale || !ok || !k.writes && f.set.anywhere()
	}
}

// regroup waits as long as the answers of a wave advise, and brings the map up to date. It returns early when there is no
// going on.
func (f *flight) regroup(ctx context.Context, wave []*bundle) {
	worst, stale := settled, false
	for _, b := range wave {
		worst, stale = max(worst, b.worst), stale || b.stale
	}
	switch worst {
	case settled: // there was more than fits into one wave
		f.redirects, f.pause = 0, firstBackoff
		return
	case elsewhere:
		f.redirects++
	default:
		f.redirects = 0
	}
	misled := f.redirects > maxRedirects
	if stale || misled {
		f.client.refresh(ctx, f.routes, minRefresh)
	}
	if worst == elsewhere && !misled {
		return
	}
	if err := f.client.sleep(ctx, f.pause); err == nil {
		f.pause = min(2*f.pause, lastBackoff)
	}
}

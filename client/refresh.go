package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/session"
)

const (
	// askTimeout bounds how long one node may take to tell the map.
	askTimeout = time.Second

	// maxAsked is how many nodes are asked for the map in one refresh: as many may be down at a time, and more.
	maxAsked = 5

	// minRefresh is the least time between two refreshes, whoever wants one: a thousand calls that fail together ask once.
	minRefresh = 50 * time.Millisecond

	// catchUpAfter is the least time between two refreshes that nothing but a newer epoch asks for.
	catchUpAfter = time.Second
)

// told is what a node tells of its cluster.
type told struct {
	cluster katakv.ClusterID
	routes  *routes // nil on a plain port
}

// ask asks a node which cluster it belongs to, and for the map.
func (n *node) ask(ctx context.Context) (told, error) {
	conn, err := n.take(ctx, askTimeout, false)
	if err != nil {
		n.avoid()
		return told{}, err
	}
	defer n.put(conn)
	for _, words := range [][]any{{"KATA", "SESSION"}, {"CLUSTER", "INFO"}, {"CLUSTER", "SLOTS"}} {
		if err := conn.Send(words...); err != nil {
			return told{}, err
		}
	}
	if err := conn.Flush(ctx); err != nil {
		return told{}, err
	}
	token, err1 := conn.Receive(ctx)
	info, err2 := conn.Receive(ctx)
	slots, err3 := conn.Receive(ctx)
	plain := isPlain(err3)
	if err := errors.Join(err1, err2); err != nil || err3 != nil && !plain {
		return told{}, fmt.Errorf("ask %s for the map: %w", n.addr, errors.Join(err, err3))
	}
	return n.hear(token, info, slots, plain)
}

// isPlain recognises the answer of a plain port to CLUSTER SLOTS, whose words are Redis's.
func isPlain(err error) bool {
	var reply *ReplyError
	return errors.As(err, &reply) && strings.Contains(reply.Text, "cluster support disabled")
}

// hear checks what the node told.
func (n *node) hear(token, info, slots Value, plain bool) (told, error) {
	cluster, err := session.ClusterOf(token.Bytes)
	if err != nil {
		return told{}, fmt.Errorf("the answer of %s to KATA SESSION: %w", n.addr, err)
	}
	if plain {
		return told{cluster: cluster}, nil
	}
	ranges, failure := newSlotRanges(slots, n.addr)
	if failure != nil {
		return told{}, fmt.Errorf("the cluster's slots from %s: %w", n.addr, failure)
	}
	epoch, failure := epochIn(info.Text())
	if failure != nil {
		return told{}, fmt.Errorf("the answer of %s to CLUSTER INFO: %w", n.addr, failure)
	}
	return told{cluster: cluster, routes: newRoutes(epoch, ranges)}, nil
}

// epochIn finds the epoch of the map in a reply to CLUSTER INFO.
func epochIn(info string) (katakv.Epoch, error) {
	const name = "cluster_current_epoch:"
	for line := range strings.Lines(info) {
		if digits, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 64)
			return katakv.Epoch(n), err
		}
	}
	return 0, errors.New("it tells no epoch")
}

// refresh fetches the map anew, unless that was done since known was the newest; one caller does it for all that wait.
// It does its best: without an answer, or if the last refresh was less than gap ago, the routes stay as they are.
func (c *Client) refresh(ctx context.Context, known *routes, gap time.Duration) {
	if known == nil {
		return // plain ports forward
	}
	c.mu.Lock()
	if c.routes.Load().fetched != known.fetched || time.Since(c.mu.refreshed) < gap {
		c.mu.Unlock()
		return
	}
	if running := c.mu.refreshing; running != nil {
		c.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
		}
		return
	}
	done := make(chan struct{})
	c.mu.refreshing, c.mu.refreshed = done, time.Now()
	c.mu.Unlock()

	fresh := c.fetch(ctx)

	c.mu.Lock()
	c.mu.refreshing = nil
	if fresh != nil {
		fresh.fetched = c.routes.Load().fetched + 1
		c.routes.Store(fresh)
	}
	c.mu.Unlock()
	close(done)
	if fresh != nil {
		c.forgetNodes(fresh)
	}
}

// noteEpoch notes the epoch of a map by which a node answered.
func (c *Client) noteEpoch(epoch katakv.Epoch) {
	for heard := c.heard.Load(); uint64(epoch) > heard; heard = c.heard.Load() {
		c.heard.CompareAndSwap(heard, uint64(epoch))
	}
}

// catchUp fetches the map if a node has answered by a newer one.
func (c *Client) catchUp(ctx context.Context) {
	if known := c.routes.Load(); known != nil && uint64(known.epoch) < c.heard.Load() {
		c.refresh(ctx, known, catchUpAfter)
	}
}

// fetch asks one node after the other for a map that is no older than the one known; nil when none tells one.
func (c *Client) fetch(ctx context.Context) *routes {
	for _, n := range c.candidates() {
		heard, err := n.ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		known := c.routes.Load()
		if err == nil && heard.routes != nil && heard.cluster == c.cluster && heard.routes.epoch >= known.epoch {
			return heard.routes
		}
	}
	return nil
}

// candidates are nodes to ask, in random order; those that failed a moment ago last.
func (c *Client) candidates() []*node {
	var good, bad []*node
	for _, addr := range c.knownAddrs() {
		n := c.node(addr)
		if n.avoided() {
			bad = append(bad, n)
		} else {
			good = append(good, n)
		}
	}
	for _, list := range [][]*node{good, bad} {
		for i := len(list) - 1; i > 0; i-- {
			j := c.dice.below(i + 1)
			list[i], list[j] = list[j], list[i]
		}
	}
	all := append(good, bad...)
	return all[:min(len(all), maxAsked)]
}

// learn notes a redirect.
func (c *Client) learn(slot katakv.Slot, addr string) {
	c.mu.Lock()
	known := c.routes.Load()
	if known != nil {
		known = known.learn(slot, addr)
		c.routes.Store(known)
	}
	crowded := len(c.mu.nodes) > len(c.config.Addresses)+katakv.MaxNodes
	c.mu.Unlock()
	if known != nil && crowded {
		c.forgetNodes(known)
	}
}

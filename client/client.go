package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv"
)

// Client executes commands on a cluster: it finds the node for each, keeps connections, and sends again what failed and
// may be sent again. It may be used from any goroutine, and has none of its own.
type Client struct {
	// Commands are what it can do, with the options of the [Config].
	Commands

	config  Config
	cluster katakv.ClusterID
	ids     *requestIDs
	dice    *dice
	closed  chan struct{}
	turn    atomic.Uint64 // counts what any node can do
	heard   atomic.Uint64 // the newest epoch by which a node answered
	// routes is nil while only plain ports are known. It is stored under mu.
	routes atomic.Pointer[routes]

	mu struct {
		sync.Mutex
		closed     bool
		nodes      map[string]*node
		refreshing chan struct{} // closed when the refresh that runs has ended; nil when none runs
		refreshed  time.Time
	}
}

// Open finds the cluster and returns a client of it, to be closed. It waits until a node answers, as far as ctx and
// config.CallTimeout allow; the error then tells what each address answered.
func Open(ctx context.Context, config Config) (*Client, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("open client: %w", err)
	}
	config.Addresses = slices.Clone(config.Addresses)
	c := &Client{config: config, ids: newRequestIDs(), dice: newDice(), closed: make(chan struct{})}
	c.mu.nodes = map[string]*node{}
	c.Commands = Commands{client: c}.With(config.Options...)
	if err := c.open(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("open client: %w", err)
	}
	return c, nil
}

// open asks the addresses, round after round, until one tells of its cluster.
func (c *Client) open(ctx context.Context) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	failures := map[string]error{}
	for pause := firstBackoff; ; pause = min(2*pause, lastBackoff) {
		for _, n := range c.candidates() {
			heard, err := n.ask(ctx)
			if err == nil {
				c.cluster = heard.cluster
				c.routes.Store(heard.routes)
				return nil
			}
			if failures[n.addr] == nil || ctx.Err() == nil { // the end of the context explains nothing
				failures[n.addr] = err
			}
		}
		if err := c.sleep(ctx, pause); err != nil {
			return errors.Join(append(slices.Collect(maps.Values(failures)), err)...)
		}
	}
}

// Close ends all connections, and with them all calls. It may be called more than once.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return
	}
	c.mu.closed = true
	close(c.closed)
	for _, n := range c.mu.nodes {
		n.close() // its lock is below this one
	}
}

// Cluster returns the id of the cluster.
func (c *Client) Cluster() katakv.ClusterID { return c.cluster }

// bound returns ctx with the end that every call has.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := MaxCallTimeout
	if deadline, ok := ctx.Deadline(); !ok {
		limit = c.config.CallTimeout
	} else if time.Until(deadline) <= MaxCallTimeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// node returns the node at an address.
func (c *Client) node(addr string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.mu.nodes[addr]
	if n == nil {
		n = newNode(addr, &c.config)
		n.mu.closed = c.mu.closed
		c.mu.nodes[addr] = n
	}
	return n
}

// forgetNodes closes the connections to nodes that are in no map any more, so that their number is bounded.
func (c *Client) forgetNodes(fresh *routes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for addr, n := range c.mu.nodes {
		if _, known := slices.BinarySearch(fresh.addrs, addr); !known && !slices.Contains(c.config.Addresses, addr) {
			delete(c.mu.nodes, addr)
			n.retire()
		}
	}
}

// knownAddrs are those that were named and those of the map.
func (c *Client) knownAddrs() []string {
	addrs := slices.Clone(c.config.Addresses)
	if known := c.routes.Load(); known != nil {
		addrs = append(addrs, known.addrs...)
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

// anyNode returns a node for what any node can do: each in turn, but for those that failed a moment ago. Where there is a
// map, addresses beside it are not asked: they may be another door to the same nodes.
func (c *Client) anyNode() *node {
	addrs := c.config.Addresses
	if known := c.routes.Load(); known != nil {
		addrs = known.addrs
	}
	turn := int(c.turn.Add(1) % uint64(len(addrs)))
	for i := range addrs {
		if n := c.node(addrs[(turn+i)%len(addrs)]); !n.avoided() {
			return n
		}
	}
	return c.node(addrs[turn])
}

package client

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Limits and defaults of a [Client].
const (
	// DefaultCallTimeout ends a call whose context has no deadline: longer than any failover takes, retries included.
	DefaultCallTimeout = 30 * time.Second

	// MaxCallTimeout ends every call, whatever its context says. A write is sent again under its request id, and a
	// cluster may have forgotten one after half of the ten minutes for which it remembers them.
	MaxCallTimeout = 4 * time.Minute

	// DefaultAttemptTimeout ends one attempt of a command that can be sent again: longer than a busy node takes, and as
	// long as a node that hangs holds a call up.
	DefaultAttemptTimeout = 2 * time.Second

	// DefaultMaxConns bounds the connections to one node: more commands at a time than that are better sent as a batch.
	DefaultMaxConns = 32

	// maxAddresses bounds the list of a Config; a few are enough to find the others.
	maxAddresses = 1024
)

// Config says how to reach a cluster. Only Addresses must be set.
type Config struct {
	// Addresses are ports of some nodes, "host:port". One is enough; more of them let Open succeed while a node is down.
	// Name cluster ports where you can: the client then knows all nodes and asks the right one. With plain ports it asks
	// only those that are named, which forward. All must be of one kind.
	Addresses []string

	// CallTimeout ends a call whose context has no deadline. Zero means [DefaultCallTimeout]; at most [MaxCallTimeout],
	// which also holds for a context with a later deadline.
	CallTimeout time.Duration

	// AttemptTimeout ends one attempt of a command that can be sent again; each that was ended so doubles it for the next,
	// so that large values arrive over slow networks too. Zero means [DefaultAttemptTimeout].
	AttemptTimeout time.Duration

	// MaxConns bounds the connections to each node. A call for which there is none waits. Zero means [DefaultMaxConns].
	MaxConns int

	// Options hold for every call that does not choose otherwise; see [Commands.With].
	Options []Option
}

// check fills in defaults and refuses what cannot work.
func (c *Config) check() error {
	if len(c.Addresses) == 0 {
		return errors.New("no addresses: name the cluster port of at least one node")
	}
	if len(c.Addresses) > maxAddresses {
		return fmt.Errorf("%d addresses: name at most %d, the others are found", len(c.Addresses), maxAddresses)
	}
	for _, addr := range c.Addresses {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("address %q: %w: write host:port", addr, err)
		}
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = DefaultCallTimeout
	}
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = DefaultAttemptTimeout
	}
	if c.MaxConns == 0 {
		c.MaxConns = DefaultMaxConns
	}
	switch {
	case c.CallTimeout < 0 || c.CallTimeout > MaxCallTimeout:
		return fmt.Errorf("a call timeout of %v: choose more than zero and at most %v", c.CallTimeout, MaxCallTimeout)
	case c.AttemptTimeout < 0:
		return fmt.Errorf("an attempt timeout of %v: choose more than zero", c.AttemptTimeout)
	case c.MaxConns < 0:
		return fmt.Errorf("at most %d connections: choose more than zero", c.MaxConns)
	}
	return nil
}

package faultnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"sync/atomic"
)

// Host is the number of the machine itself among the nodes: where clients live that the parent process runs.
const Host = 0

// MaxNodes is how many nodes a network holds. Their addresses end in their number; more have no use on one machine.
const MaxNodes = 50

// Options say what to make.
type Options struct {
	// Nodes is how many namespaces there are for nodes, numbered from 1.
	Nodes int
	// Name is what everything that is made is named after: lower-case letters and digits, and dashes between them,
	// thirteen at most. It is for one network at a time. Empty means one derived from the process id and a count, by
	// which SweepStale tells those of ended processes.
	Name string
	// Subnet is the network of the addresses, a /24. The zero value takes the first free one from 10.77.0.0/24 on.
	Subnet netip.Prefix
	// Switched joins the cables with a switch in this process instead of a bridge, so that SetLink works.
	Switched bool
	// Seed is for the draws of the switch.
	Seed uint64
}

// namePattern is what a name may be: with two characters more it names an interface, which has fifteen at most.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,12}$`)

func (o *Options) check() error {
	switch {
	case o.Nodes < 1 || o.Nodes > MaxNodes:
		return fmt.Errorf("%d nodes: want 1 to %d", o.Nodes, MaxNodes)
	case !namePattern.MatchString(o.Name):
		return fmt.Errorf("name %q: want lower-case letters, digits and dashes, 13 at most", o.Name)
	case o.Subnet.IsValid() && (!o.Subnet.Addr().Is4() || o.Subnet.Bits() != subnetBits):
		return fmt.Errorf("subnet %v: want an IPv4 network of %d bits", o.Subnet, subnetBits)
	}
	return nil
}

// Network is a network that New made.
type Network struct {
	name     string
	nodes    int
	subnet   netip.Prefix
	crossbar *crossbar // nil with a bridge

	// mu is held while the kernel is told, so that what it was told last is what the faults are.
	mu struct {
		sync.Mutex
		faults  faults
		applied map[int]string // node to its rules
		closed  bool
	}
}

// made counts the networks of this process, for their names.
var made atomic.Uint32

// Available returns nil if networks can be made here, and otherwise says in one sentence why not.
func Available(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("making network namespaces needs the superuser")
	}
	for _, tool := range []string{"ip", "nft", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed", tool)
		}
	}
	if err := run(exec.CommandContext(ctx, "nft", "list", "tables")); err != nil {
		return fmt.Errorf("the kernel has no nftables: %w", err)
	}
	return nil
}

// New makes a network. Whatever a killed run of the same name left is removed first. On failure nothing is left.
func New(ctx context.Context, options Options) (*Network, error) {
	if options.Name == "" {
		options.Name = fmt.Sprintf("%s%d-%d", namePrefix, os.Getpid(), made.Add(1))
	}
	if err := options.check(); err != nil {
		return nil, err
	}
	n := &Network{name: options.Name, nodes: options.Nodes}
	n.mu.faults = newFaults()
	n.mu.applied = map[int]string{}
	if err := remove(n.name); err != nil {
		return nil, err
	}
	err := n.build(ctx, options)
	if err == nil && options.Switched {
		n.crossbar, err = newCrossbar(n, options.Seed)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make network %s: %w", n.name, err), n.Close())
	}
	return n, nil
}

// Close removes the network. Processes that live in it should have ended; those that have not lose their cable.
// It may be called again.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.closed {
		return nil
	}
	n.mu.closed = true
	if n.crossbar != nil {
		n.crossbar.stop()
	}
	return remove(n.name)
}

// Nodes returns how many nodes there are.
func (n *Network) Nodes() int { return n.nodes }

// Addr returns the address of a node, 1 to Nodes; of the Host the address by which nodes reach the parent.
func (n *Network) Addr(node int) netip.Addr {
	last := byte(node)
	if node == Host {
		last = hostNumber
	}
	a := n.subnet.Addr().As4()
	a[3] = last
	return netip.AddrFrom4(a)
}

// HostAddr is Addr(Host).
func (n *Network) HostAddr() netip.Addr { return n.Addr(Host) }

// valid returns an error unless every number is that of a node or, if host is set, of the Host.
func (n *Network) valid(host bool, numbers ...int) error {
	first := 1
	if host {
		first = Host
	}
	for _, number := range numbers {
		if number < first || number > n.nodes {
			return fmt.Errorf("no node %d in network %s: want %d to %d", number, n.name, first, n.nodes)
		}
	}
	return nil
}

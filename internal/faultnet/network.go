package faultnet

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"time"
)

// Host is the number of the machine itself among the nodes: where clients live that the parent process runs.
const Host = 0

// MaxNodes is how many nodes a network holds: the addresses and ports of more would need no other idea, only
// more patience.
const MaxNodes = 50

// Options say what to make.
type Options struct {
	// Nodes is how many namespaces there are for nodes, numbered from 1.
	Nodes int
	// Name is what everything that is made is named after; lower-case letters and digits, ten at most. Empty
	// means one derived from the process id and a count, which SweepStale can tell from those of living runs.
	Name string
	// Subnet is the network of the addresses, a /24. The zero value takes the first free one from 10.77.0.0/24 on.
	Subnet netip.Prefix
	// Switched joins the cables with a switch in this process instead of a bridge, so that SetLink works.
	Switched bool
	// Seed is for the draws of the switch.
	Seed uint64
}

// Link is what the switch does to frames in one direction between two ends. The zero value is a plain wire.
type Link struct {
	// Delay is added to each frame, and a further time from 0 to Jitter. Frames keep their order.
	Delay, Jitter time.Duration
	// Loss, Duplicate and Reorder are how probable it is, from 0 to 1, that a frame is lost, is delivered twice,
	// or is held back so that those after it overtake it.
	Loss, Duplicate, Reorder float64
}

// Available returns nil if networks can be made here, and otherwise says in one sentence why not.
func Available(ctx context.Context) error { return errors.ErrUnsupported }

// New makes a network. Whatever a killed run of the same name left is removed first. On failure nothing is left.
func New(ctx context.Context, options Options) (*Network, error) { return nil, errors.ErrUnsupported }

// SweepStale removes the networks with names from New whose process no longer lives.
func SweepStale(ctx context.Context) error { return errors.ErrUnsupported }

// Network is a network that New made.
type Network struct{}

// Close removes the network. Processes that live in it should have ended; those that have not lose their cable.
// It may be called again.
func (n *Network) Close() error { return nil }

// Nodes returns how many nodes there are.
func (n *Network) Nodes() int { return 0 }

// Addr returns the address of a node, 1 to Nodes; of the Host the address by which nodes reach the parent.
func (n *Network) Addr(node int) netip.Addr { return netip.Addr{} }

// HostAddr is Addr(Host).
func (n *Network) HostAddr() netip.Addr { return n.Addr(Host) }

// Namespace returns the name of a node's namespace, as in `ip netns exec NAME`.
func (n *Network) Namespace(node int) string { return "" }

// Wrap changes a command that was not started yet so that its process lives in the network of a node. The process
// keeps its own id, mounts and parent-death signal: the helper that enters the namespace becomes the program.
func (n *Network) Wrap(cmd *exec.Cmd, node int) error { return nil }

// Command returns a command to run in the network of a node; ctx ends it as in exec.CommandContext.
func (n *Network) Command(ctx context.Context, node int, name string, args ...string) *exec.Cmd {
	return nil
}

// In calls f on a thread that is in the network of a node: sockets that f opens and processes that it starts
// itself live there, goroutines that it starts do not. It is called on the caller's thread.
func (n *Network) In(node int, f func() error) error { return nil }

// Cut lets nothing pass between a and b, either of which may be the Host.
func (n *Network) Cut(a, b int) error { return nil }

// CutOneWay lets nothing pass that from sends to to.
func (n *Network) CutOneWay(from, to int) error { return nil }

// Mend undoes what Cut, CutOneWay, Isolate, IsolateAll and Partition did between a and b.
func (n *Network) Mend(a, b int) error { return nil }

// Isolate cuts a node from all other nodes, but not from the Host, where clients are.
func (n *Network) Isolate(node int) error { return nil }

// IsolateAll cuts a node from everyone.
func (n *Network) IsolateAll(node int) error { return nil }

// Partition cuts every node of a group from every node outside of it. It does not mend other cuts.
func (n *Network) Partition(group ...int) error { return nil }

// Reject makes a node's firewall reset every TCP connection with the given ends, or with all including the Host
// if none is given: those that are open as soon as a packet arrives, and those that are tried at once.
func (n *Network) Reject(node int, ends ...int) error { return nil }

// Loss loses a share of the packets that a node receives and that other nodes receive from it, in per cent; 0 ends it.
func (n *Network) Loss(node, percent int) error { return nil }

// SetLink sets what the switch does to frames from one end to another. It fails without Options.Switched.
func (n *Network) SetLink(from, to int, link Link) error { return nil }

// SetLinks is SetLink for every direction between nodes, and with the Host too if host is set.
func (n *Network) SetLinks(link Link, host bool) error { return nil }

// Heal ends all faults, those of links too.
func (n *Network) Heal() error { return nil }

// Counters are what the switch has done so far; all zero with a bridge.
func (n *Network) Counters() Counters { return Counters{} }

// Counters count frames.
type Counters struct {
	Forwarded, Lost, Duplicated, Reordered, Overflowed uint64
}

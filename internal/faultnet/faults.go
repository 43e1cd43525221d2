package faultnet

import (
	"errors"
	"fmt"
	"slices"
)

// faults are what is wrong with the network, as far as firewalls do it.
type faults struct {
	cut   map[direction]bool
	loss  map[int]int   // node to per cent
	reset map[int][]int // node to ends, none for all
}

// direction is from one end to another.
type direction struct{ from, to int }

func newFaults() faults {
	return faults{cut: map[direction]bool{}, loss: map[int]int{}, reset: map[int][]int{}}
}

// change changes the faults and tells the kernel.
func (n *Network) change(change func(*faults)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.closed {
		return fmt.Errorf("network %s is closed", n.name)
	}
	change(&n.mu.faults)
	var failed error
	for node := 1; node <= n.nodes; node++ {
		rules := n.rules(node, &n.mu.faults)
		if rules == n.mu.applied[node] {
			continue
		}
		if err := n.apply(node, rules); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		n.mu.applied[node] = rules
	}
	return failed
}

// Cut lets nothing pass between a and b, either of which may be the Host.
func (n *Network) Cut(a, b int) error {
	if err := n.valid(true, a, b); err != nil {
		return err
	}
	return n.change(func(f *faults) { f.cutBoth(a, b) })
}

func (f *faults) cutBoth(a, b int) {
	if a != b {
		f.cut[direction{a, b}], f.cut[direction{b, a}] = true, true
	}
}

// CutOneWay lets nothing pass that from sends to to.
func (n *Network) CutOneWay(from, to int) error {
	if err := n.valid(true, from, to); err != nil {
		return err
	}
	return n.change(func(f *faults) {
		if from != to {
			f.cut[direction{from, to}] = true
		}
	})
}

// Mend undoes what Cut, CutOneWay, Isolate, IsolateAll and Partition did between a and b.
func (n *Network) Mend(a, b int) error {
	if err := n.valid(true, a, b); err != nil {
		return err
	}
	return n.change(func(f *faults) {
		delete(f.cut, direction{a, b})
		delete(f.cut, direction{b, a})
	})
}

// Isolate cuts a node from all other nodes, but not from the Host, where clients are.
func (n *Network) Isolate(node int) error { return n.Partition(node) }

// IsolateAll cuts a node from everyone.
func (n *Network) IsolateAll(node int) error {
	if err := n.valid(false, node); err != nil {
		return err
	}
	return n.change(func(f *faults) {
		for other := Host; other <= n.nodes; other++ {
			f.cutBoth(node, other)
		}
	})
}

// Partition cuts every node of a group from every node outside of it. It does not mend other cuts.
func (n *Network) Partition(group ...int) error {
	if err := n.valid(false, group...); err != nil {
		return err
	}
	return n.change(func(f *faults) {
		for other := 1; other <= n.nodes; other++ {
			if slices.Contains(group, other) {
				continue
			}
			for _, member := range group {
				f.cutBoth(member, other)
			}
		}
	})
}

// Reject makes a node's firewall reset every TCP connection with the given ends, or with all including the Host
// if none is given: those that are open as soon as a packet arrives, and those that are tried at once.
func (n *Network) Reject(node int, ends ...int) error {
	if err := errors.Join(n.valid(false, node), n.valid(true, ends...)); err != nil {
		return err
	}
	return n.change(func(f *faults) { f.reset[node] = slices.Clone(ends) })
}

// Loss loses a share of the packets that a node receives and that other nodes receive from it, in per cent; 0 ends
// it.
func (n *Network) Loss(node, percent int) error {
	if err := n.valid(false, node); err != nil {
		return err
	}
	if percent < 0 || percent > 100 {
		return fmt.Errorf("a loss of %d per cent: want 0 to 100", percent)
	}
	return n.change(func(f *faults) {
		if percent == 0 {
			delete(f.loss, node)
		} else {
			f.loss[node] = percent
		}
	})
}

// Heal ends all faults, those of links too.
func (n *Network) Heal() error {
	if n.crossbar != nil {
		n.crossbar.heal()
	}
	return n.change(func(f *faults) { *f = newFaults() })
}

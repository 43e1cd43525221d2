package faultnet

import (
	"fmt"
	"os/exec"
	"strings"
)

// table is the name of the table of rules in a node's namespace.
const table = "katakv"

// Resets themselves pass in both directions, or those that the rules make would meet the rules.
const (
	resetIn  = "tcp flags & rst != rst ip saddr @resets reject with tcp reset\n"
	resetOut = "tcp flags & rst != rst ip daddr @resets reject with tcp reset\n"
)

// rules returns the rules of a node as a script of nft that replaces those before in one step:
//
//	set cut_in / cut_out      ends that it does not hear, and to which it cannot send
//	set resets                ends whose connections it resets
//	chain input, output       what comes and goes; what goes to itself is left alone
//
// Packets are dropped where they arrive, so that their sender learns nothing. Only what goes to the host is dropped
// on leaving: the host's own firewall is nobody's business.
func (n *Network) rules(node int, f *faults) string {
	var cutIn, cutOut []string
	for other := Host; other <= n.nodes; other++ {
		if f.cut[direction{other, node}] {
			cutIn = append(cutIn, n.Addr(other).String())
		}
	}
	if f.cut[direction{node, Host}] {
		cutOut = append(cutOut, n.HostAddr().String())
	}
	ends, resets := f.reset[node]
	if resets && len(ends) == 0 {
		for end := Host; end <= n.nodes; end++ {
			ends = append(ends[:len(ends):len(ends)], end)
		}
	}
	reset := make([]string, len(ends))
	for i, end := range ends {
		reset[i] = n.Addr(end).String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s\ndelete table inet %[1]s\ntable inet %[1]s {\n", table)
	writeSet(&b, "cut_in", cutIn)
	writeSet(&b, "cut_out", cutOut)
	writeSet(&b, "resets", reset)
	b.WriteString("chain input { type filter hook input priority filter; policy accept;\n")
	b.WriteString("iifname \"lo\" accept\nip saddr @cut_in drop\n")
	for sender := 1; sender <= n.nodes; sender++ {
		if f.loss[sender] == 0 {
			continue
		}
		if sender != node { // what this one receives is lost whoever sent it
			fmt.Fprintf(&b, "ip saddr %s ", n.Addr(sender))
		}
		fmt.Fprintf(&b, "numgen random mod 100 < %d drop\n", f.loss[sender])
	}
	b.WriteString(resetIn + "}\n")
	b.WriteString("chain output { type filter hook output priority filter; policy accept;\n")
	b.WriteString("oifname \"lo\" accept\nip daddr @cut_out drop\n" + resetOut + "}\n}\n")
	return b.String()
}

// writeSet writes a set of addresses, which may be empty.
func writeSet(b *strings.Builder, name string, addresses []string) {
	fmt.Fprintf(b, "set %s { type ipv4_addr; ", name)
	if len(addresses) > 0 {
		fmt.Fprintf(b, "elements = { %s }; ", strings.Join(addresses, ", "))
	}
	b.WriteString("}\n")
}

// apply puts rules in the place of those of a node.
func (n *Network) apply(node int, rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if err := n.In(node, func() error { return run(cmd) }); err != nil {
		return fmt.Errorf("change the firewall of node %d: %w", node, err)
	}
	return nil
}

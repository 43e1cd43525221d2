package faultnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// namePrefix starts the names that New derives: the process id follows.
	namePrefix = "kkv"

	// namespaceDir is where `ip netns` keeps the names of namespaces.
	namespaceDir = "/run/netns"
)

// closet returns the name of the namespace that holds the far ends of all cables.
func closet(name string) string { return name + "-sw" }

// hostEnd returns the name of the host's end of its cable.
func hostEnd(name string) string { return name + "-h" }

// Namespace returns the name of a node's namespace, as in `ip netns exec NAME`.
func (n *Network) Namespace(node int) string { return fmt.Sprintf("%s-%d", n.name, node) }

// build makes the namespaces, the cables and what joins them.
func (n *Network) build(ctx context.Context, options Options) error {
	spaces := []string{closet(n.name)}
	for node := 1; node <= n.nodes; node++ {
		spaces = append(spaces, n.Namespace(node))
	}
	var script strings.Builder
	for _, space := range spaces {
		fmt.Fprintf(&script, "netns add %s\n", space)
	}
	fmt.Fprintf(&script, "link add %s address %s type veth peer name p0 netns %s\n", hostEnd(n.name), mac(Host), closet(n.name))
	if err := batch(ctx, "", script.String()); err != nil {
		return err
	}
	if err := n.wire(ctx, options.Switched); err != nil {
		return err
	}
	for node := 1; node <= n.nodes; node++ {
		// Without a route to anywhere else.
		end := endScript("eth0", options.Switched) + "link set lo up\n"
		if err := batch(ctx, n.Namespace(node), end); err != nil {
			return err
		}
	}
	return n.address(ctx, options)
}

// wire makes the nodes' cables, and joins them in the closet.
func (n *Network) wire(ctx context.Context, switched bool) error {
	var script strings.Builder
	if !switched {
		script.WriteString("link add br0 type bridge\nlink set br0 addrgenmode none up\n")
	}
	for node := Host; node <= n.nodes; node++ {
		if node != Host {
			fmt.Fprintf(&script, "link add p%d type veth peer name eth0 address %s netns %s\n", node, mac(node), n.Namespace(node))
		}
		if !switched {
			fmt.Fprintf(&script, "link set p%d master br0\n", node)
		}
		fmt.Fprintf(&script, "link set p%d addrgenmode none up\n", node)
	}
	return batch(ctx, closet(n.name), script.String())
}

// endScript brings up an end of a cable. Before a switch the sender cuts its data into frames as they go over a
// real wire, so that a lost frame is one and not the sixty that the kernel hands on together.
func endScript(link string, switched bool) string {
	script := fmt.Sprintf("link set %s addrgenmode none up\n", link)
	if switched {
		script += fmt.Sprintf("link set %s gso_max_segs 1\n", link)
	}
	return script
}

// address chooses the subnet and gives the addresses. Other runs choose theirs after the host's end has its
// address, and see it.
func (n *Network) address(ctx context.Context, options Options) error {
	unlock, err := lockSubnets()
	if err != nil {
		return err
	}
	defer unlock()
	n.subnet = options.Subnet.Masked()
	if !options.Subnet.IsValid() {
		if n.subnet, err = freeSubnet(); err != nil {
			return err
		}
	}
	host := fmt.Sprintf("addr add %s/%d dev %s\n", n.HostAddr(), subnetBits, hostEnd(n.name))
	if err := batch(ctx, "", host+endScript(hostEnd(n.name), options.Switched)); err != nil {
		return err
	}
	for node := 1; node <= n.nodes; node++ {
		if err := batch(ctx, n.Namespace(node), fmt.Sprintf("addr add %s/%d dev eth0\n", n.Addr(node), subnetBits)); err != nil {
			return err
		}
	}
	return nil
}

// mac returns the address of an end on its wire. Different networks share no wire.
func mac(node int) string { return fmt.Sprintf("02:6b:6b:00:00:%02x", node) }

// batch runs a script of `ip` in a namespace, or here if space is empty.
func batch(ctx context.Context, space, script string) error {
	args := []string{"-batch", "-"}
	if space != "" {
		args = append([]string{"-n", space}, args...)
	}
	cmd := exec.CommandContext(ctx, "ip", args...)
	cmd.Stdin = strings.NewReader(script)
	return run(cmd)
}

// run runs a command and returns what it said if it fails.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// remove removes everything of a network by its name, whoever made it.
func remove(name string) error {
	ctx := context.Background() // what was begun is ended
	var failed error
	if _, err := os.Stat(filepath.Join("/sys/class/net", hostEnd(name))); err == nil {
		failed = run(exec.CommandContext(ctx, "ip", "link", "del", hostEnd(name)))
	}
	spaces, err := namespaces()
	if err != nil {
		return errors.Join(failed, err)
	}
	for _, space := range spaces {
		if networkOf(space) == name {
			failed = errors.Join(failed, run(exec.CommandContext(ctx, "ip", "netns", "del", space)))
		}
	}
	return failed
}

// namespaces returns the names of all namespaces of the machine.
func namespaces() ([]string, error) {
	entries, err := os.ReadDir(namespaceDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// networkOf returns the name of the network that a namespace of this name belongs to, or "".
func networkOf(space string) string {
	dash := strings.LastIndexByte(space, '-')
	if dash < 0 {
		return ""
	}
	if _, err := strconv.ParseUint(space[dash+1:], 10, 16); err != nil && space[dash+1:] != "sw" {
		return ""
	}
	return space[:dash]
}

// SweepStale removes the networks with names from New whose process no longer lives.
func SweepStale(ctx context.Context) error {
	spaces, err := namespaces()
	if err != nil {
		return err
	}
	var failed error
	for _, space := range spaces {
		name := networkOf(space)
		owner, _, ok := strings.Cut(strings.TrimPrefix(name, namePrefix), "-")
		pid, err := strconv.Atoi(owner)
		if !ok || err != nil || !strings.HasPrefix(name, namePrefix) {
			continue
		}
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) && ctx.Err() == nil {
			failed = errors.Join(failed, remove(name))
		}
	}
	return errors.Join(failed, ctx.Err())
}

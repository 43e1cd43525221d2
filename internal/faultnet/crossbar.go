package faultnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// offloadBytes is the header that the kernel puts before each frame and takes back (struct virtio_net_hdr):
	// it says which checksums the sender left for the hardware to fill in, so that the receiver, which has none
	// either, does not check them. Without it the checksums in the frames would be wrong.
	offloadBytes = 10

	// frameBytes is room for the largest frame, one that was left for the hardware to cut.
	frameBytes = offloadBytes + 14 + 64<<10

	// receiveBytes is how much the kernel keeps for a port that is not read fast enough.
	receiveBytes = 4 << 20
)

// crossbar is the switch: it reads frames from the far end of each cable and passes each on over the link
// to the end that it is for, or over the links to all others.
type crossbar struct {
	ports   []*port // by node, the host first
	stopped chan struct{}
	group   sync.WaitGroup
}

// port is the far end of a cable.
type port struct {
	node   int
	socket *os.File
	links  []*link // to each port by node, nil to itself
}

// newCrossbar starts a switch.
func newCrossbar(n *Network, seed uint64) (*crossbar, error) {
	x := &crossbar{stopped: make(chan struct{})}
	for node := Host; node <= n.nodes; node++ {
		socket, err := openPort(closet(n.name), fmt.Sprintf("p%d", node))
		if err != nil {
			x.stop()
			return nil, fmt.Errorf("open port p%d: %w", node, err)
		}
		x.ports = append(x.ports, &port{node: node, socket: socket})
	}
	for _, from := range x.ports {
		from.links = make([]*link, len(x.ports))
		for _, to := range x.ports {
			if to != from {
				random := rand.New(rand.NewPCG(seed, uint64(from.node)<<32|uint64(to.node)))
				l := newLink(to.socket, random, x.stopped)
				from.links[to.node] = l
				x.group.Go(l.deliver)
			}
		}
	}
	for _, p := range x.ports {
		x.group.Go(p.forward)
	}
	return x, nil
}

// stop closes the ports and waits until nothing runs.
func (x *crossbar) stop() {
	close(x.stopped)
	for _, p := range x.ports {
		_ = p.socket.Close()
	}
	x.group.Wait()
}

// heal makes all links plain wires. Frames that are on their way arrive when they were due.
func (x *crossbar) heal() {
	for _, from := range x.ports {
		for _, l := range from.links {
			if l != nil {
				l.set(Link{})
			}
		}
	}
}

// forward passes on what arrives at a port until its socket is closed.
func (p *port) forward() {
	frame := make([]byte, frameBytes)
	for {
		n, err := p.socket.Read(frame)
		if errors.Is(err, unix.ENETDOWN) { // once, when the other end went away
			continue
		}
		if err != nil {
			return
		}
		if n < offloadBytes+14 {
			continue
		}
		target := target(frame[offloadBytes : offloadBytes+6])
		for node, l := range p.links {
			if l != nil && (target == broadcast || target == node) {
				l.send(frame[:n])
			}
		}
	}
}

// broadcast is the target of frames for all.
const broadcast = -1

// target returns the node that an address on the wire is of, as mac gives them, or broadcast.
func target(address []byte) int {
	if address[0] == 0x02 && address[1] == 'k' && address[2] == 'k' {
		return int(address[5])
	}
	return broadcast
}

// openPort opens a socket that reads and writes the frames of an interface.
func openPort(space, name string) (socket *os.File, err error) {
	err = within(space, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := bindPort(fd, name); err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		socket = os.NewFile(uintptr(fd), name)
		return nil
	})
	return socket, err
}

func bindPort(fd int, name string) error {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return err
	}
	for _, option := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBytes},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, receiveBytes},
	} {
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			return err
		}
	}
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // in the network's order of bytes
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: int(request.Uint32())})
}

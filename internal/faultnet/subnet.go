package faultnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	// subnetBits is the size of a network's subnet, hostNumber the last byte of the host's address in it.
	subnetBits = 24
	hostNumber = 254

	// subnetLock orders the choices of all processes.
	subnetLock = "/run/katakv-faultnet.lock"

	// routeTable is where the kernel lists the routes of IPv4.
	routeTable = "/proc/self/net/route"
)

// subnetPools are where subnets are taken from, the first that is free. All are for private use.
var subnetPools = []netip.Prefix{
	netip.MustParsePrefix("10.77.0.0/16"),
	netip.MustParsePrefix("172.28.0.0/16"),
	netip.MustParsePrefix("192.168.0.0/16"),
}

// lockSubnets waits until no other process chooses a subnet.
func lockSubnets() (unlock func(), err error) {
	f, err := os.OpenFile(subnetLock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", subnetLock, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// freeSubnet returns a subnet that this machine has no route into, the default route apart.
func freeSubnet() (netip.Prefix, error) {
	table, err := os.ReadFile(routeTable)
	if err != nil {
		return netip.Prefix{}, err
	}
	taken, err := parseRoutes(string(table))
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("read %s: %w", routeTable, err)
	}
	return chooseSubnet(taken)
}

// chooseSubnet returns the first subnet that overlaps with none that is taken.
func chooseSubnet(taken []netip.Prefix) (netip.Prefix, error) {
	for _, pool := range subnetPools {
		for third := range 256 {
			a := pool.Addr().As4()
			a[2] = byte(third)
			subnet := netip.PrefixFrom(netip.AddrFrom4(a), subnetBits)
			if !overlaps(subnet, taken) {
				return subnet, nil
			}
		}
	}
	return netip.Prefix{}, errors.New("no subnet is free")
}

func overlaps(subnet netip.Prefix, taken []netip.Prefix) bool {
	for _, other := range taken {
		if subnet.Overlaps(other) {
			return true
		}
	}
	return false
}

// parseRoutes reads the kernel's table of routes without the default ones. Its numbers are hexadecimal, in the
// machine's order of bytes:
//
//	Iface  Destination  Gateway   Flags RefCnt Use Metric Mask     ...
//	eth0   000200C0     00000000  0001  0      0   0      00FFFFFF
func parseRoutes(table string) ([]netip.Prefix, error) {
	var routes []netip.Prefix
	first := true
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if first || len(fields) < 8 {
			first = false
			continue
		}
		destination, err := strconv.ParseUint(fields[1], 16, 32)
		if err != nil {
			return nil, err
		}
		mask, err := strconv.ParseUint(fields[7], 16, 32)
		if err != nil {
			return nil, err
		}
		if mask == 0 {
			continue
		}
		var a [4]byte
		binary.NativeEndian.PutUint32(a[:], uint32(destination))
		routes = append(routes, netip.PrefixFrom(netip.AddrFrom4(a), bits.OnesCount32(uint32(mask))))
	}
	return routes, nil
}

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/katakv/katakv/internal/placement"
)

// validateAddresses checks every address and what they are together.
func (c *Config) validateAddresses() []error {
	var errs []error
	taken := map[string]string{}
	for _, door := range []struct{ name, listen, advertise string }{
		{"peer", c.Listen.Peer, c.Advertise.Peer},
		{"cluster", c.Listen.Cluster, c.Advertise.Cluster},
		{"plain", c.Listen.Plain, c.Advertise.Plain},
		{"http", c.Listen.HTTP, c.Advertise.HTTP},
	} {
		host, port, err := splitAddress(door.listen)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s-listen: %w", door.name, err))
			continue
		}
		if err := c.checkExposure(door.name, host, door.listen); err != nil {
			errs = append(errs, err)
		}
		if other, ok := taken[door.listen]; ok && port != 0 {
			errs = append(errs, fmt.Errorf("%s-listen and %s-listen are both %s: give each a port of its own", other, door.name, door.listen))
		}
		taken[door.listen] = door.name
		if err := checkAdvertised(host, door.listen, door.advertise); err != nil {
			errs = append(errs, fmt.Errorf("advertise-%s: %w", door.name, err))
		}
	}
	return errs
}

// checkExposure refuses to listen beyond loopback unless the operator said so.
func (c *Config) checkExposure(name, host, address string) error {
	if c.InsecureListen || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("%s-listen: %s can be reached from other machines, and there are no users and no TLS yet, so anyone "+
		"who connects could read and change everything: listen on 127.0.0.1, or, in a network that you trust, add --insecure-listen",
		name, address)
}

// checkAdvertised checks an advertised address, or that the one listened on can stand in for it.
func checkAdvertised(listenHost, listen, advertised string) error {
	if advertised == "" {
		if isUnspecified(listenHost) {
			return fmt.Errorf("others cannot dial %s: say how they reach this node, HOST:PORT", listen)
		}
		return nil
	}
	host, port, err := splitAddress(advertised)
	switch {
	case err != nil:
		return err
	case isUnspecified(host) || port == 0:
		return fmt.Errorf("others cannot dial %s: give a host and a port", advertised)
	}
	return nil
}

// splitAddress takes "host:port" apart.
func splitAddress(address string) (host string, port uint16, err error) {
	if len(address) > placement.MaxAddressBytes {
		return "", 0, fmt.Errorf("%d bytes are more than an address has", len(address))
	}
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", 0, fmt.Errorf("%q has no port: write it like 127.0.0.1:7100", address)
	}
	host = address[:i]
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	} else if strings.ContainsRune(host, ':') {
		return "", 0, fmt.Errorf("%q: put the IPv6 address in brackets, like [::1]:7100", address)
	}
	if strings.ContainsAny(host, " \t\r\n/@") {
		return "", 0, errors.New("a host name holds no blanks, slashes or @: write HOST:PORT")
	}
	n, err := strconv.ParseUint(address[i+1:], 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port between 0 and 65535", address)
	}
	return host, uint16(n), nil
}

// isLoopback reports whether only this machine reaches host. A name other than localhost may mean anything.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func isUnspecified(host string) bool {
	if host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsUnspecified()
}

package localcluster

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

const (
	// firstPort leaves the ports of well-known services alone.
	firstPort = 10_000
	// defaultEphemeral is where Linux begins to number outgoing connections unless configured.
	defaultEphemeral = 32_768
	// portAttempts bounds the search; most ports are free.
	portAttempts = 1000
)

// freePorts returns ports that nothing listens on at the moment. They are drawn at random from below the range
// that the kernel numbers outgoing connections from: a port of that range could be taken by a connection while its
// node is down.
func freePorts(count int) ([]int, error) {
	width := ephemeralStart() - firstPort
	held := make([]net.Listener, 0, count) // until all are found, so that none is found twice
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	ports := make([]int, 0, count)
	for range portAttempts + count {
		if len(ports) == count {
			return ports, nil
		}
		port := 0 // the kernel's choice, where its range begins too low
		if width > 1000 {
			port = firstPort + randomBelow(width)
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return nil, errors.New("found too few free ports on 127.0.0.1")
}

func ephemeralStart() int {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return defaultEphemeral
	}
	fields := strings.Fields(string(data))
	if len(fields) == 0 {
		return defaultEphemeral
	}
	start, err := strconv.Atoi(fields[0])
	if err != nil {
		return defaultEphemeral
	}
	return start
}

func randomBelow(n int) int {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return int(binary.LittleEndian.Uint32(b[:]) % uint32(n))
}

func tryListen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("try to listen: %w", err)
	}
	return l.Close()
}

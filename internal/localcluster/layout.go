package localcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/katakv/katakv/internal/placement"
)

const (
	layoutName = "cluster.json"
	lockName   = "lock"

	// layoutFormat is the version of cluster.json.
	layoutFormat = 1
)

// layout is cluster.json.
type layout struct {
	Format int          `json:"format"`
	Nodes  []layoutNode `json:"nodes"`
}

type layoutNode struct {
	ID int `json:"id"`
	placement.Addresses
}

// lockDir takes the directory for this process, creating it when absent.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create %s: %w", dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of %s: %w", dir, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another local cluster runs in %s: stop it, or choose another directory", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return lock, nil
}

// readLayout returns what is in dir, or nil when nothing is.
func readLayout(dir string) (*layout, error) {
	path := filepath.Join(dir, layoutName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the local cluster: %w", err)
	}
	l := &layout{}
	if err := json.Unmarshal(data, l); err != nil {
		return nil, fmt.Errorf("decode %s: %w", path, err)
	}
	if l.Format != layoutFormat || len(l.Nodes) == 0 {
		return nil, fmt.Errorf("%s has format %d and %d nodes, and this program reads format %d: choose another directory",
			path, l.Format, len(l.Nodes), layoutFormat)
	}
	return l, nil
}

// write replaces cluster.json.
func (l *layout) write(dir string) error {
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the local cluster: %w", err)
	}
	path := filepath.Join(dir, layoutName)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the local cluster: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the local cluster: %w", err)
	}
	return nil
}

// newLayout gives count nodes ports of their own, on the hosts named and else on loopback. A port that is free on
// loopback is taken to be free on an address that was made for the cluster.
func newLayout(count int, hosts []string) (*layout, error) {
	ports, err := freePorts(doors * count)
	if err != nil {
		return nil, err
	}
	l := &layout{Format: layoutFormat}
	for i := range count {
		p, host := ports[doors*i:], nth(hosts, i+1, loopbackHost)
		at := func(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
		l.Nodes = append(l.Nodes, layoutNode{ID: i + 1, Addresses: placement.Addresses{
			Peer: at(p[0]), Cluster: at(p[1]), Plain: at(p[2]), HTTP: at(p[3]),
		}})
	}
	return l, nil
}

// members returns the nodes as a cluster map has them.
func (l *layout) members() []placement.Node {
	nodes := make([]placement.Node, len(l.Nodes))
	for i, n := range l.Nodes {
		nodes[i].Addresses = n.Addresses
	}
	return nodes
}

// doors is how many ports a node has.
const doors = 4

const loopbackHost = "127.0.0.1"

func loopback(port int) string { return net.JoinHostPort(loopbackHost, strconv.Itoa(port)) }

// onLoopback reports whether an address is of this machine only.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// checkFree reports a kept address that something else listens on. Other hosts than loopback belong to the nodes
// alone, and this process may be unable to listen there.
func (l *layout) checkFree() error {
	for _, n := range l.Nodes {
		for _, address := range []string{n.Peer, n.Cluster, n.Plain, n.HTTP} {
			if !onLoopback(address) {
				continue
			}
			if err := tryListen(address); err != nil {
				return fmt.Errorf("node %d needs %s as before, but cannot listen there (%w): stop what uses it, "+
					"or start a new cluster in another directory", n.ID, address, err)
			}
		}
	}
	return nil
}

package localcluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/bootstrap"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/transport"
)

const (
	// DefaultNodes is the smallest number that survives the loss of one.
	DefaultNodes = 3

	// stopTimeout is how long Stop waits for nodes to hand their leadership away and close, before it kills.
	stopTimeout = 15 * time.Second

	// startAttempts bounds how often Start tries other ports when something takes one in between.
	startAttempts = 5

	// createTimeout bounds the creation of the cluster once all nodes answer.
	createTimeout = time.Minute

	// restartDelay keeps a node that dies at once from spinning.
	restartDelay = time.Second
)

// Options say what to start.
type Options struct {
	// Binary is the katakv executable.
	Binary string
	// Dir holds the cluster. It is created when absent and resumed when not.
	Dir string
	// Nodes, Shards, Replicas and MaxValueBytes shape a new cluster; zero means the default. For one that is
	// resumed they must be zero or what it has.
	Nodes, Shards, Replicas, MaxValueBytes int
	// StrongReads is how leaders answer strong reads, likewise.
	StrongReads placement.StrongReads
	// ServeArgs are added to each node's command line.
	ServeArgs []string
	// Hosts are the addresses that the nodes listen on, by number; where none is named, 127.0.0.1. A node on an
	// address beyond loopback is told --insecure-listen: it should be one of a network made for the cluster.
	Hosts []string
	// DataDirs are the nodes' data directories, by number; where none is named, one within Dir.
	DataDirs []string
	// Wrap, if not nil, may change the command of a node's process before it starts, for example so that it runs
	// in a network namespace. What it runs must become the node by exec: signals go to the process itself.
	Wrap func(n *Node, cmd *exec.Cmd) error
	// Restart starts nodes again that ended without Kill, Terminate or Stop.
	Restart bool
	// OnEvent, if not nil, hears of processes that end or are started again; it must not block.
	OnEvent func(Event)
}

// Event is something that happened to a node's process.
type Event struct {
	Node *Node
	// Started says that Options.Restart started the node; otherwise its process ended, as Err says.
	Started bool
	Err     error
	// Meant says that the process was ended through this package.
	Meant bool
}

// Cluster is a running local cluster.
type Cluster struct {
	// Nodes are all nodes, by number: Nodes[0] is node 1.
	Nodes []*Node
	// Resumed says that the directory held the cluster before.
	Resumed bool

	options Options
	lock    *os.File
	spawner *spawner
	group   sync.WaitGroup
	stopped chan struct{}
	once    sync.Once
}

// Start starts a process for every node and returns once they are one cluster. On failure nothing is left running.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", options.Dir, err)
	}
	options.Dir = dir
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	kept, err := readLayout(dir)
	if err == nil && kept != nil && options.Nodes != 0 && options.Nodes != len(kept.Nodes) {
		err = fmt.Errorf("%s holds a cluster of %d nodes, not %d: leave the number out, or choose another directory",
			dir, len(kept.Nodes), options.Nodes)
	}
	if err == nil && kept != nil {
		options.Nodes = len(kept.Nodes)
		err = kept.checkFree()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	for attempt := 1; ; attempt++ {
		c, err := start(ctx, options, kept)
		if err == nil {
			c.lock = lock
			return c, nil
		}
		if kept != nil || attempt == startAttempts || !errors.Is(err, errPortTaken) {
			return nil, errors.Join(err, lock.Close())
		}
	}
}

// errPortTaken is how a first start fails when something else took a port after it was chosen.
var errPortTaken = errors.New("a port was taken meanwhile")

func start(ctx context.Context, options Options, kept *layout) (*Cluster, error) {
	l := kept
	if l == nil {
		if options.Nodes == 0 {
			options.Nodes = DefaultNodes
		}
		if options.Nodes < 1 || options.Nodes > katakv.MaxNodes {
			return nil, fmt.Errorf("%d nodes: want 1 to %d", options.Nodes, katakv.MaxNodes)
		}
		var err error
		if l, err = newLayout(options.Nodes, options.Hosts); err != nil {
			return nil, err
		}
		// Find out before anything is started or written.
		if _, err := bootstrap.Plan(l.members(), options.bootstrap()); err != nil {
			return nil, fmt.Errorf("plan the cluster: %w", err)
		}
	}
	c := &Cluster{options: options, Resumed: kept != nil, spawner: newSpawner(), stopped: make(chan struct{})}
	for _, n := range l.Nodes {
		dir := filepath.Join(options.Dir, fmt.Sprintf("node-%d", n.ID))
		c.Nodes = append(c.Nodes, &Node{
			ID: n.ID, Addresses: n.Addresses, cluster: c, Log: filepath.Join(dir, "log"),
			Data: nth(options.DataDirs, n.ID, filepath.Join(dir, "data")),
		})
	}
	err := c.startNodes(ctx)
	if err == nil && kept == nil {
		err = l.write(options.Dir)
	}
	if err == nil {
		err = c.create(ctx)
	}
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// nth returns the entry of a node, which counts from 1, or the default where there is none.
func nth(list []string, id int, otherwise string) string {
	if id > len(list) || list[id-1] == "" {
		return otherwise
	}
	return list[id-1]
}

// startNodes starts every process and waits until each answers.
func (c *Cluster) startNodes(ctx context.Context) error {
	for _, n := range c.Nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	for _, n := range c.Nodes {
		if err := n.WaitAnswering(ctx); err != nil {
			return err
		}
	}
	return nil
}

// create makes the nodes one cluster, or finds that they are.
func (c *Cluster) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	options := c.options.bootstrap()
	for _, n := range c.Nodes {
		options.Peers = append(options.Peers, n.Peer)
	}
	if _, err := bootstrap.Create(ctx, transport.Ask, options); err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	return nil
}

// bootstrap returns the options of the cluster itself, without its nodes.
func (o *Options) bootstrap() bootstrap.Options {
	return bootstrap.Options{
		Cluster: NewClusterID(), Shards: o.Shards, Replicas: o.Replicas, MaxValueBytes: o.MaxValueBytes,
		StrongReads: o.StrongReads,
	}
}

// NewClusterID draws an id for a new cluster.
func NewClusterID() katakv.ClusterID {
	for {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		if id := binary.LittleEndian.Uint64(b[:]); id != 0 {
			return katakv.ClusterID(id)
		}
	}
}

// exited hears from each process that has ended.
func (c *Cluster) exited(n *Node, p *process, meant bool) {
	if c.stopping() {
		return
	}
	c.tell(Event{Node: n, Err: p.err, Meant: meant})
	if c.options.Restart && !meant {
		c.group.Go(func() { c.restart(n) })
	}
}

func (c *Cluster) restart(n *Node) {
	select {
	case <-time.After(restartDelay):
	case <-c.stopped:
		return
	}
	if err := n.Start(); err == nil {
		c.tell(Event{Node: n, Started: true})
	}
}

func (c *Cluster) tell(e Event) {
	if c.options.OnEvent != nil {
		c.options.OnEvent(e)
	}
}

func (c *Cluster) stopping() bool {
	select {
	case <-c.stopped:
		return true
	default:
		return false
	}
}

// Stop asks every process to stop, kills those that take too long, and waits until all have ended. It may be
// called again.
func (c *Cluster) Stop() {
	c.once.Do(func() {
		close(c.stopped)
		for _, n := range c.Nodes {
			n.mu.Lock() // a Start that is under way ends first, and later ones are refused
			p := n.mu.process
			n.mu.Unlock()
			if p != nil && !p.ended() {
				_ = p.cmd.Process.Signal(syscall.SIGTERM)
				_ = p.cmd.Process.Signal(syscall.SIGCONT)
			}
		}
		deadline := time.After(stopTimeout)
		for _, n := range c.Nodes {
			p := n.last()
			if p == nil {
				continue
			}
			select {
			case <-p.done:
			case <-deadline:
				c.killAll()
				<-p.done
			}
		}
		c.group.Wait()
		c.spawner.stop()
		if c.lock != nil {
			_ = c.lock.Close()
		}
	})
}

func (c *Cluster) killAll() {
	for _, n := range c.Nodes {
		if p := n.last(); p != nil && !p.ended() {
			_ = p.cmd.Process.Kill()
		}
	}
}

// spawner starts processes from one thread: the kernel sends the parent-death signal when the thread that started
// a process ends, not when its whole process does.
type spawner struct {
	work chan func()
	done chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{work: make(chan func()), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(s.done)
		for f := range s.work {
			f()
		}
	}()
	return s
}

// run calls f on the thread and returns what it returned.
func (s *spawner) run(f func() error) error {
	result := make(chan error, 1)
	s.work <- func() { result <- f() }
	return <-result
}

func (s *spawner) stop() {
	close(s.work)
	<-s.done
}

// exitError says how the node's process ended and what it said last.
func (n *Node) exitError(p *process) error {
	tail := strings.TrimSpace(n.LogTail())
	if strings.Contains(tail, syscall.EADDRINUSE.Error()) {
		return fmt.Errorf("node %d: %w: %s", n.ID, errPortTaken, tail)
	}
	if p.err == nil { // it stopped in order, which was not asked for
		return fmt.Errorf("node %d stopped; the end of its log %s:\n%s", n.ID, n.Log, tail)
	}
	return fmt.Errorf("node %d ended (%w); the end of its log %s:\n%s", n.ID, p.err, n.Log, tail)
}

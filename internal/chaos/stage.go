package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/katakv/katakv/internal/faultfs"
	"github.com/katakv/katakv/internal/faultnet"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/powercut"
)

// chaosShards are few enough that each is asked often, and many enough to have leaders everywhere.
const chaosShards = 12

// diskMiB is the size of a disk that can lose power: room for a node's preallocated log, and little to fill.
const diskMiB = 512

// stage is where a scenario plays: a cluster, and what its nodes stand on.
type stage struct {
	scenario *Scenario
	dir      string
	cluster  *localcluster.Cluster
	network  *faultnet.Network // nil on loopback
	disks    []*powercut.Disk  // by node, none with other storage
	mounts   []*faultfs.FS     // by node, none with other storage
	faults   *faultLog
	tally    *tally

	mu struct {
		sync.Mutex
		condition map[int]*condition // by node
	}
}

// condition is how a node is while it is hurt.
type condition struct {
	excused bool   // it may end by itself: its disk fails, or is full
	dark    bool   // its disk is without power
	lost    bool   // it cannot come back
	end     func() // notes the end of what keeps it down; nil while it is up
}

// openStage builds everything and waits until the cluster is ready. On failure nothing is left.
func openStage(ctx context.Context, s *Scenario, o *Options, dir string, faults *faultLog, tally *tally) (*stage, error) {
	st := &stage{scenario: s, dir: dir, faults: faults, tally: tally}
	st.mu.condition = map[int]*condition{}
	nodes := max(o.Nodes, s.nodes)
	options := localcluster.Options{
		Binary: o.Binary, Dir: filepath.Join(dir, "cluster"), Nodes: nodes, Shards: chaosShards, Replicas: s.replicas,
		OnEvent: st.hear,
	}
	for id := 1; id <= nodes; id++ {
		st.mu.condition[id] = &condition{}
	}
	err := errors.Join(st.openNetwork(ctx, o, &options), st.openDisks(o, &options))
	if err == nil {
		st.cluster, err = localcluster.Start(ctx, options)
	}
	if err == nil {
		err = st.cluster.WaitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build the cluster of scenario %s: %w", s.Name, err), st.close())
	}
	return st, nil
}

func (st *stage) openNetwork(ctx context.Context, o *Options, options *localcluster.Options) error {
	if st.scenario.wire == loopback {
		return nil
	}
	network, err := faultnet.New(ctx, faultnet.Options{
		Nodes: options.Nodes, Switched: st.scenario.wire == switched, Seed: o.Seed,
	})
	if err != nil {
		return fmt.Errorf("make a network: %w", err)
	}
	st.network = network
	for id := 1; id <= options.Nodes; id++ {
		options.Hosts = append(options.Hosts, network.Addr(id).String())
	}
	options.Wrap = func(n *localcluster.Node, cmd *exec.Cmd) error { return network.Wrap(cmd, n.ID) }
	return nil
}

func (st *stage) openDisks(o *Options, options *localcluster.Options) error {
	if st.scenario.storage == plainDisk {
		return nil
	}
	for id := 1; id <= options.Nodes; id++ {
		at := filepath.Join(st.dir, fmt.Sprintf("disk-%d", id))
		if err := st.openDisk(o, id, at); err != nil {
			return fmt.Errorf("make the disk of node %d: %w", id, err)
		}
		options.DataDirs = append(options.DataDirs, filepath.Join(at, "data"))
	}
	return nil
}

func (st *stage) openDisk(o *Options, id int, at string) error {
	if st.scenario.storage == powerDisk {
		disk, err := powercut.Create(at, powercut.Options{SizeMiB: diskMiB})
		if err == nil {
			st.disks = append(st.disks, disk)
		}
		return err
	}
	backing := at + ".backing"
	if err := errors.Join(os.MkdirAll(at, 0o700), os.MkdirAll(backing, 0o700)); err != nil {
		return err
	}
	mount, err := faultfs.Mount(backing, at, faultfs.Options{Seed: o.Seed + uint64(id)})
	if err == nil {
		st.mounts = append(st.mounts, mount)
	}
	return err
}

// close stops the nodes and takes everything down. The nodes' logs stay in dir.
func (st *stage) close() error {
	var errs []error
	for _, mount := range st.mounts {
		mount.Clear() // a node that waits for its disk cannot end
	}
	if st.cluster != nil {
		st.cluster.Stop()
	}
	for _, mount := range st.mounts {
		errs = append(errs, mount.Unmount())
	}
	for _, disk := range st.disks {
		errs = append(errs, disk.Close())
	}
	if st.network != nil {
		errs = append(errs, st.network.Close())
	}
	return errors.Join(errs...)
}

// hear notes processes that end by themselves.
func (st *stage) hear(e localcluster.Event) {
	if e.Meant || e.Started {
		return
	}
	st.mu.Lock()
	excused := st.mu.condition[e.Node.ID].excused
	st.mu.Unlock()
	if excused {
		st.faults.say("node %d ended: %v", e.Node.ID, e.Err)
		return
	}
	st.faults.say("VIOLATION: node %d ended by itself: %v", e.Node.ID, e.Err)
	st.tally.violate("node %d ended by itself (%v), and nothing that was done to it explains that; the end of its log:\n%s",
		e.Node.ID, e.Err, e.Node.LogTail())
}

// change calls f with the condition of a node under the lock.
func (st *stage) change(id int, f func(c *condition)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f(st.mu.condition[id])
}

// lost reports whether a node cannot come back.
func (st *stage) lost(id int) (lost bool) {
	st.change(id, func(c *condition) { lost = c.lost })
	return lost
}

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/katakv/katakv/internal/faultfs"
	"github.com/katakv/katakv/internal/faultnet"
	"github.com/katakv/katakv/internal/powercut"
)

// wire is what a scenario's nodes are joined by.
type wire int

const (
	loopback wire = iota // this machine's own
	bridged              // namespaces and a bridge, which can be cut
	switched             // namespaces and a switch, which can be slow as well
)

// storage is what a scenario's nodes keep their data on.
type storage int

const (
	plainDisk  storage = iota // a directory
	powerDisk                 // a disk that can lose its power, or be full
	faultyDisk                // one whose syncs can fail or hang
)

// Scenario is a way to hurt a cluster.
type Scenario struct {
	// Name is what it is chosen by, Title a sentence about it.
	Name, Title string

	nodes    int // the least number; more may be asked for
	replicas int // zero is the default of a cluster
	wire     wire
	storage  storage
	nemesis  nemesis
}

// scenarios is the table of all.
var scenarios = []*Scenario{
	{
		Name: "kill", Title: "kill -9 of random nodes",
		nemesis: repeat(killOne, 0.5, 3),
	},
	{
		Name: "kill-leaders", Title: "kill -9 of whoever leads one shard, again and again",
		nemesis: repeat(killLeader, 0.3, 2),
	},
	{
		Name: "kill-all", Title: "kill -9 of all nodes at once",
		nemesis: repeat(killAll, 3, 8),
	},
	{
		Name: "pause", Title: "leaders stand still (SIGSTOP) for up to 8 seconds",
		nemesis: repeat(pauseLeader, 0.5, 3),
	},
	{
		Name: "rolling", Title: "one node after the other is restarted in order (SIGTERM)",
		nemesis: repeat(rollingRestart, 1, 3),
	},
	{
		Name: "cut", Title: "pairs of nodes do not hear each other",
		wire: bridged, nemesis: repeat(cutPair, 0.5, 3),
	},
	{
		Name: "one-way", Title: "nodes hear others that do not hear them",
		wire: bridged, nemesis: repeat(cutOneWay, 0.5, 3),
	},
	{
		Name: "isolate", Title: "a leader is cut off from the other nodes, or from clients too",
		wire: bridged, nemesis: repeat(isolateLeader, 0.5, 3),
	},
	{
		Name: "flap", Title: "links flap, connections are reset",
		wire: bridged, nemesis: repeat(flap, 0.3, 1.5),
	},
	{
		Name: "bad-network", Title: "delay, jitter, loss, duplicates, reordering",
		wire: switched, nemesis: repeat(degrade, 0.2, 2),
	},
	{
		Name: "power", Title: "one node after the other loses power and what it had not synced",
		storage: powerDisk, nemesis: repeat(cutPowerOfOne, 0.5, 3),
	},
	{
		Name: "power-all", Title: "all nodes lose power at once",
		storage: powerDisk, nemesis: repeat(cutPowerOfAll, 3, 8),
	},
	{
		Name: "fsync", Title: "a sync fails on two of five nodes: each stops for good and says what to do",
		nodes: 5, replicas: 5, storage: faultyDisk, nemesis: failSyncs,
	},
	{
		Name: "full-disk", Title: "the disk of one node is full for a while",
		storage: powerDisk, nemesis: repeat(fillDisk, 1, 4),
	},
	{
		Name: "slow-disk", Title: "syncs are slow or hang",
		storage: faultyDisk, nemesis: repeat(slowDisk, 0.5, 3),
	},
	{
		Name: "mixed", Title: "processes, disks and network of five nodes, all at once",
		nodes: 5, wire: switched, storage: powerDisk, nemesis: mixed,
	},
}

// Scenarios returns all scenarios.
func Scenarios() []*Scenario { return append([]*Scenario(nil), scenarios...) }

// Find returns the scenarios of the given names; "all" stands for every one.
func Find(names ...string) ([]*Scenario, error) {
	var found []*Scenario
	for _, name := range names {
		if name == "all" {
			found = append(found, scenarios...)
			continue
		}
		at := len(found)
		for _, s := range scenarios {
			if s.Name == name {
				found = append(found, s)
			}
		}
		if len(found) == at {
			return nil, fmt.Errorf("there is no scenario %q; there are: %s", name, strings.Join(Names(), ", "))
		}
	}
	return found, nil
}

// Names returns the names of all scenarios.
func Names() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.Name
	}
	return names
}

// Missing returns nil if the scenario can run here, and otherwise says why not: some need the superuser's rights
// and tools of the system.
func (s *Scenario) Missing(ctx context.Context) error {
	var network, disk error
	if s.wire != loopback {
		if err := faultnet.Available(ctx); err != nil {
			network = fmt.Errorf("networks that can be cut: %w", err)
		}
	}
	switch s.storage {
	case powerDisk:
		if err := powercut.Available(); err != nil {
			disk = fmt.Errorf("disks that can lose power: %w", err)
		}
	case faultyDisk:
		if err := faultfs.Available(); err != nil {
			disk = fmt.Errorf("disks whose syncs fail: %w", err)
		}
	}
	return errors.Join(network, disk)
}

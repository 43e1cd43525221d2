package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/wire"
)

// DefaultReplicas is the number of voters of each shard, when there are as many nodes: one node may be lost.
const DefaultReplicas = 3

// Ask sends one request to the node at a peer address and returns its answer, as transport.Ask does.
type Ask func(ctx context.Context, address string, request wire.Message) (wire.Message, error)

// Options say what to create.
type Options struct {
	// Peers are the peer addresses of all nodes, in the order of their numbers.
	Peers []string
	// Cluster is the new cluster's id: random, not zero. It is not used when a creation is resumed.
	Cluster katakv.ClusterID
	// Shards, Replicas and MaxValueBytes are settings of the cluster; zero means the default. A creation that is
	// resumed keeps those of its first run, and refuses others.
	Shards, Replicas, MaxValueBytes int
	// Consistency is what reads ask for by default, likewise.
	Consistency katakv.Consistency
	// RequestRetention is how long requests with an id are remembered, likewise; zero means the default.
	RequestRetention time.Duration
	// StrongReads is how leaders answer strong reads, likewise.
	StrongReads placement.StrongReads
}

// Result says what is there now.
type Result struct {
	// Map is the cluster's map: the first, or a newer one when the cluster existed.
	Map *placement.Map
	// Existed says that these nodes were this cluster already, and nothing was done.
	Existed bool
	// Resumed says that an earlier creation was finished.
	Resumed bool
}

// Create makes one cluster of the nodes, or finishes an earlier attempt to. When it fails some nodes may have
// prepared or even taken part; repeating it is harmless and goes on from there.
func Create(ctx context.Context, ask Ask, options Options) (*Result, error) {
	nodes, err := survey(ctx, ask, options.Peers)
	if err != nil {
		return nil, err
	}
	result, err := decide(nodes, options)
	if err != nil || result.Existed {
		return result, err
	}
	encoded := result.Map.Encode()
	for _, activate := range []bool{false, true} {
		for i := range nodes {
			if nodes[i].status.Active || !activate && !nodes[i].status.Empty {
				continue
			}
			request := &wire.BootstrapRequest{Node: katakv.NodeID(i + 1), Map: encoded, Activate: activate}
			if err := bootstrapNode(ctx, ask, nodes[i].peer, request); err != nil {
				return nil, fmt.Errorf("%w; repeat the command to go on", err)
			}
		}
	}
	return result, nil
}

// surveyed is a node and what it said about itself.
type surveyed struct {
	peer   string
	status *wire.NodeStatus
}

// survey asks every node who it is.
func survey(ctx context.Context, ask Ask, peers []string) ([]surveyed, error) {
	if len(peers) == 0 {
		return nil, errors.New("name at least one node by its peer address")
	}
	if len(peers) > katakv.MaxNodes {
		return nil, fmt.Errorf("%d nodes are more than the %d a cluster can have", len(peers), katakv.MaxNodes)
	}
	seen := make(map[string]bool, len(peers))
	nodes := make([]surveyed, len(peers))
	for i, peer := range peers {
		if seen[peer] {
			return nil, fmt.Errorf("%s is named twice", peer)
		}
		seen[peer] = true
		answer, err := ask(ctx, peer, &wire.NodeStatusRequest{})
		if err != nil {
			return nil, fmt.Errorf("%w; start the node with katakv serve, and give its peer address", err)
		}
		status, ok := answer.(*wire.NodeStatus)
		if !ok {
			return nil, fmt.Errorf("node at %s answered %T instead of its status", peer, answer)
		}
		nodes[i] = surveyed{peer, status}
	}
	return nodes, nil
}

func bootstrapNode(ctx context.Context, ask Ask, peer string, request *wire.BootstrapRequest) error {
	answer, err := ask(ctx, peer, request)
	if err != nil {
		return err
	}
	reply, ok := answer.(*wire.BootstrapReply)
	switch {
	case !ok:
		return fmt.Errorf("node at %s answered %T to a bootstrap request", peer, answer)
	case reply.Error != "":
		return fmt.Errorf("node at %s refused: %s", peer, reply.Error)
	}
	return nil
}

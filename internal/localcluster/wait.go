package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/katakv/katakv/internal/transport"
	"github.com/katakv/katakv/internal/wire"
)

const (
	// pollInterval is short beside an election and long beside a process's start.
	pollInterval = 20 * time.Millisecond

	// askTimeout bounds one question to a node that may be paused.
	askTimeout = 2 * time.Second

	// maxReasonBytes is what is read of a node's reason for not being ready.
	maxReasonBytes = 4 << 10
)

// WaitAnswering waits until the node's process answers on its peer port. It fails when the process ends.
func (n *Node) WaitAnswering(ctx context.Context) error {
	return n.poll(ctx, func(ctx context.Context) error {
		_, err := transport.Ask(ctx, n.Peer, &wire.NodeStatusRequest{})
		return err
	})
}

// WaitReady waits until the node knows a leader for every shard. It fails when the process ends.
func (n *Node) WaitReady(ctx context.Context) error { return n.poll(ctx, n.Ready) }

// Ready asks the node once whether it is ready, and returns why not.
func (n *Node) Ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.HTTP+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	reason, err := io.ReadAll(io.LimitReader(response.Body, maxReasonBytes))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("node %d is not ready: %s", n.ID, reason)
	}
	return err
}

// httpClient keeps no connections: the nodes come and go.
var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// WaitReady waits until every running node is ready.
func (c *Cluster) WaitReady(ctx context.Context) error {
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// poll repeats try until it succeeds, ctx ends, or the node's process does.
func (n *Node) poll(ctx context.Context, try func(context.Context) error) error {
	p := n.last()
	if p == nil {
		return fmt.Errorf("node %d does not run", n.ID)
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, askTimeout)
		err := try(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return n.exitError(p)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pollInterval):
		}
	}
}

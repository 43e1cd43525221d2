package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/localcluster"
)

const (
	// watchInterval is how often the local cluster is looked at.
	watchInterval = 500 * time.Millisecond

	// watchTimeout bounds one look at a node that may be paused.
	watchTimeout = 400 * time.Millisecond
)

// watch writes a line whenever something changes, until ctx ends.
func watch(ctx context.Context, w io.Writer, c *localcluster.Cluster, events <-chan localcluster.Event) {
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(w, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
	}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			say("%s", describe(e))
		case <-ticker.C:
			if now := look(ctx, c); now != said && ctx.Err() == nil {
				say("%s", now)
				said = now
			}
		}
	}
}

func describe(e localcluster.Event) string {
	switch {
	case e.Started:
		return fmt.Sprintf("node n%d was started again as process %d", e.Node.ID, e.Node.PID())
	case e.Err != nil:
		return fmt.Sprintf("node n%d ended: %v (log: %s)", e.Node.ID, e.Err, e.Node.Log)
	default:
		return fmt.Sprintf("node n%d stopped", e.Node.ID)
	}
}

// look describes the cluster in one line, as the first node that answers knows it. Nodes that were started again
// by hand answer like any other.
func look(ctx context.Context, c *localcluster.Cluster) string {
	for _, n := range c.Nodes {
		view, ok := ask(ctx, n)
		if !ok {
			continue
		}
		leaders := make([]string, len(view.Nodes))
		for i, row := range view.Nodes {
			leaders[i] = fmt.Sprintf("%v %d", row.ID, row.Leads)
		}
		state := "ready"
		if !view.Ready {
			state = view.Problem
		}
		return fmt.Sprintf("%s; leaders: %s; epoch %d", state, strings.Join(leaders, ", "), view.Epoch)
	}
	return "no node answers"
}

func ask(ctx context.Context, n *localcluster.Node) (*admin.ClusterView, bool) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	view := &admin.ClusterView{}
	return view, admin.Fetch(ctx, n.HTTP, "/v1/cluster", view) == nil
}

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/katakv/katakv/internal/localcluster"
)

// readyLine is the one line of `katakv up --json`. Scripts rely on its form.
type readyLine struct {
	Ready bool        `json:"ready"`
	Nodes []readyNode `json:"nodes"`
}

type readyNode struct {
	ID      int      `json:"id"`
	PID     int      `json:"pid"`
	Peer    string   `json:"peer"`
	Cluster string   `json:"cluster"`
	Plain   string   `json:"plain"`
	HTTP    string   `json:"http"`
	Data    string   `json:"data"`
	Args    []string `json:"args"` // start the node again by hand
}

func newReadyLine(c *localcluster.Cluster) readyLine {
	line := readyLine{Ready: true}
	for _, n := range c.Nodes {
		line.Nodes = append(line.Nodes, readyNode{
			ID: n.ID, PID: n.PID(), Peer: n.Peer, Cluster: n.Cluster, Plain: n.Plain, HTTP: n.HTTP, Data: n.Data, Args: n.Args(),
		})
	}
	return line
}

// writeReady tells a person what is there and what to try.
func writeReady(w io.Writer, c *localcluster.Cluster, took time.Duration) error {
	what := "created"
	if c.Resumed {
		what = "resumed"
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "The cluster is %s and ready after %.1f s.\n\n", what, took.Seconds())
	_, _ = fmt.Fprintln(t, "NODE\tPID\tPLAIN\tCLUSTER\tHTTP\tPEER\tLOG")
	for _, n := range c.Nodes {
		_, _ = fmt.Fprintf(t, "n%d\t%d\t%s\t%s\t%s\t%s\t%s\n", n.ID, n.PID(), n.Plain, n.Cluster, n.HTTP, n.Peer, n.Log)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the nodes: %w", err)
	}
	first, last := c.Nodes[0], c.Nodes[len(c.Nodes)-1]
	_, err := fmt.Fprintf(w, `
Try:
  redis-cli -p %s SET user:101 '{"name":"Alice"}'    # any key through any node's plain port
  redis-cli -p %s GET user:101
  redis-cli -c -p %s                                 # as a Redis Cluster
  katakv get user:101 --addr %s
  katakv cluster status --addr %s
  curl http://%s/readyz
  kill -9 %d                                          # and watch the others take over
Ctrl-C stops all nodes.

`, port(first.Plain), port(last.Plain), port(first.Cluster), last.Plain, first.HTTP, first.HTTP, last.PID())
	return err
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

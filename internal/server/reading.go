package server

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/session"
)

// reading is how a connection reads, and what it has read.
type reading struct {
	// chosen is what KATA CONSISTENCY chose; without explicit the cluster's default holds.
	chosen   katakv.Consistency
	explicit bool
	session  session.Session
	// last tells how the last data command was answered, by shard; empty when it was refused.
	last []katakv.Served
}

// answered notes how a call was answered.
func (g *reading) answered(call *router.Call) {
	g.last = append(g.last[:0], call.Parts...)
	if call.Served.Index != 0 {
		g.last = append(g.last, call.Served)
	}
}

// consistency is what the connection's reads ask for. READONLY alone lets replicas answer as fresh as the leader: a stale
// answer is always something that somebody asked for.
func (c *conn) consistency(topology *router.Topology) katakv.Consistency {
	read := katakv.Consistency{}
	switch {
	case c.reading.explicit:
		return c.reading.chosen
	case topology.Map != nil:
		read = topology.Map.Settings.Consistency
	}
	if c.readOnly && read.Level == katakv.LevelStrong {
		read.Replica = true
	}
	return read
}

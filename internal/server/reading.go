package server

import (
	"strings"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/session"
)

// reading is how a connection reads, and what it has read.
type reading struct {
	// chosen is what KATA CONSISTENCY chose; without explicit the default holds.
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

// consistency is what the connection's reads ask for. READONLY alone lets replicas answer, and none of them stale: that
// is always something that the caller asked for.
func (c *conn) consistency() katakv.Consistency {
	switch {
	case c.reading.explicit:
		return c.reading.chosen
	case c.readOnly:
		return katakv.Consistency{Level: katakv.LevelStrong, Replica: true}
	default:
		return katakv.Consistency{}
	}
}

const consistencyUsage = "KATA CONSISTENCY takes STRONG, STRONG REPLICA, SESSION, BOUNDED <age>, EVENTUAL or DEFAULT"

// parseConsistency reads the words after KATA CONSISTENCY, in any case; message is the error, if any.
func parseConsistency(args [][]byte) (c katakv.Consistency, message string) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = strings.ToLower(printable(arg))
	}
	name, rest := words[0], words[1:]
	switch name {
	case "strong":
	case "session":
		c.Level = katakv.LevelSession
	case "eventual":
		c.Level = katakv.LevelEventual
	case "bounded":
		c.Level = katakv.LevelBounded
		if len(rest) == 0 {
			return c, "BOUNDED needs the greatest age of an answer, such as BOUNDED 500ms"
		}
		if c.Bound, message = parseBound(rest[0]); message != "" {
			return c, message
		}
		rest = rest[1:]
	default:
		return c, "'" + name + "' is no level: " + consistencyUsage
	}
	switch {
	case len(rest) == 0:
	case len(rest) == 1 && rest[0] == "replica":
		c.Replica = c.Level == katakv.LevelStrong // the others may be answered by any replica anyway
	default:
		return c, "'" + rest[0] + "' does not belong there: " + consistencyUsage
	}
	return c, ""
}

// parseBound reads a duration such as 500ms or 2s; a plain number counts milliseconds.
func parseBound(word string) (bound time.Duration, message string) {
	if n, ok := command.ParseInt([]byte(word)); ok && n >= 0 && n <= katakv.MaxBound.Milliseconds() {
		bound = time.Duration(n) * time.Millisecond
	} else if d, err := time.ParseDuration(word); err == nil {
		bound = d
	}
	if bound < katakv.MinBound || bound > katakv.MaxBound {
		return 0, "'" + word + "' is no age between 1ms and 1h: write milliseconds, or a duration such as 500ms or 2s"
	}
	return bound, ""
}

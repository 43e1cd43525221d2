package server

import (
	"bytes"
	"strings"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/session"
)

// kataConsistency is KATA CONSISTENCY [level ...].
func (r *request) kataConsistency() {
	args := r.args[2:]
	if len(args) == 0 {
		r.w.BulkString(r.consistency(r.topology).String())
		return
	}
	if len(args) == 1 && strings.EqualFold(string(args[0]), "default") {
		r.reading.explicit = false
		r.ok()
		return
	}
	chosen, err := katakv.ParseConsistency(printable(bytes.Join(args, []byte{' '})))
	if err != nil {
		r.fail("KATA CONSISTENCY: " + err.Error())
		return
	}
	r.reading.chosen, r.reading.explicit = chosen, true
	r.ok()
}

// kataSession is KATA SESSION [token].
func (r *request) kataSession() {
	cluster := r.topology.Map.Cluster
	switch len(r.args) {
	case 2:
		r.reading.session.SeeEpoch(r.topology.Map.Epoch)
		r.w.BulkString(r.reading.session.Token(cluster))
	case 3:
		other, err := session.Parse(r.args[2], cluster)
		if err != nil {
			writeError(r.w, r.topology, err)
			return
		}
		r.reading.session.Merge(other)
		r.ok()
	default:
		r.fail("wrong number of arguments for 'kata|session' command")
	}
}

// kataLast is KATA LAST: one map for each shard that took part in the last answer.
func (r *request) kataLast() {
	r.w.ArrayHeader(len(r.reading.last))
	for i := range r.reading.last {
		a := &r.reading.last[i]
		r.w.MapHeader(5)
		r.w.BulkString("shard")
		r.w.Int(int64(a.Shard))
		r.w.BulkString("index")
		r.w.Int(int64(a.Index))
		r.w.BulkString("node")
		r.w.Int(int64(a.Node))
		r.w.BulkString("level")
		r.w.BulkString(a.Level.String())
		r.w.BulkString("age-ms")
		r.w.Int(ageMilliseconds(a.Age))
	}
}

// ageMilliseconds rounds up, because it is a bound; -1 if nothing is known.
func ageMilliseconds(age time.Duration) int64 {
	if age == katakv.UnknownAge {
		return -1
	}
	return int64((age + time.Millisecond - 1) / time.Millisecond)
}

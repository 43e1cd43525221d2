package server

import (
	"bytes"
	"strings"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/resp"
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
func (r *request) kataLast() { writeServed(r.w, r.reading.last) }

// writeServed writes one map for each shard that took part in an answer.
func writeServed(w *resp.Writer, parts []katakv.Served) {
	w.ArrayHeader(len(parts))
	for i := range parts {
		a := &parts[i]
		w.MapHeader(5)
		w.BulkString("shard")
		w.Int(int64(a.Shard))
		w.BulkString("index")
		w.Int(int64(a.Index))
		w.BulkString("node")
		w.Int(int64(a.Node))
		w.BulkString("level")
		w.BulkString(a.Level.String())
		w.BulkString("age-ms")
		w.Int(ageMilliseconds(a.Age))
	}
}

// ageMilliseconds rounds up, because it is a bound; -1 if nothing is known.
func ageMilliseconds(age time.Duration) int64 {
	if age == katakv.UnknownAge {
		return -1
	}
	return int64((age + time.Millisecond - 1) / time.Millisecond)
}

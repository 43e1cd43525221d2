package server

import (
	"path"
	"sort"
	"strconv"
	"strings"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
)

func (r *request) time() {
	now := r.server.config.Now()
	r.w.ArrayHeader(2)
	r.w.BulkString(strconv.FormatInt(now.Unix(), 10))
	r.w.BulkString(strconv.Itoa(now.Nanosecond() / 1000))
}

// wait answers at once: every write that was acknowledged on any connection is on the disks of a majority, so on
// at least the replicas of a majority besides the leader.
func (r *request) wait() {
	replicas, ok1 := command.ParseInt(r.args[1])
	timeout, ok2 := command.ParseInt(r.args[2])
	switch {
	case !ok1 || !ok2:
		r.fail("value is not an integer or out of range")
	case replicas < 0 || timeout < 0:
		r.fail("timeout is negative")
	default:
		r.w.Int(int64(r.topology.Map.Settings.Replicas / 2))
	}
}

// dbSize counts the keys of the slots that this node leads, as a Redis Cluster node would; on the plain port of
// all slots. They are counted a few slots at a time: a snapshot of nothing, as in Redis Cluster.
func (r *request) dbSize() {
	total := int64(0)
	calls := make([]router.Call, 0, countSlots)
	for slot := katakv.Slot(0); slot < katakv.SlotCount; slot++ {
		_, leader := r.topology.ShardAt(slot)
		if !r.server.clustered() || leader == r.topology.Self {
			calls = append(calls, router.Call{
				Operation: command.Operation{Kind: command.KindCountKeysInSlot, Delta: int64(slot)},
			})
		}
		if len(calls) == countSlots || slot == katakv.SlotCount-1 {
			n, err := r.count(calls)
			if err != nil {
				writeError(r.w, r.topology, err)
				return
			}
			total += n
			calls = calls[:0]
		}
	}
	r.w.Int(total)
}

// count runs calls that answer integers and adds them up.
func (r *request) count(calls []router.Call) (int64, *katakv.Error) {
	if len(calls) == 0 {
		return 0, nil
	}
	r.server.config.Backend.Execute(r.server.ctx, router.Forward, calls) // Wherever the slots are led.
	total := int64(0)
	for i := range calls {
		if err := calls[i].Reply.Err; err != nil {
			return 0, err
		}
		total += calls[i].Reply.Int
	}
	return total, nil
}

// configGet is CONFIG GET pattern ...: the parameters of Redis that clients and tools look at.
func (r *request) configGet() {
	parameters := r.parameters()
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		for _, pattern := range r.args[2:] {
			if ok, err := path.Match(strings.ToLower(string(pattern)), name); err == nil && ok {
				names = append(names, name)
				break
			}
		}
	}
	sort.Strings(names)
	r.w.MapHeader(len(names))
	for _, name := range names {
		r.w.BulkString(name)
		r.w.BulkString(parameters[name])
	}
}

func (r *request) parameters() map[string]string {
	clusterEnabled := "no"
	if r.server.clustered() {
		clusterEnabled = "yes"
	}
	return map[string]string{
		"appendfsync":            "always",
		"appendonly":             "yes",
		"cluster-enabled":        clusterEnabled,
		"databases":              "1",
		"maxclients":             strconv.Itoa(r.server.config.MaxConnections),
		"maxmemory":              "0",
		"maxmemory-policy":       "noeviction",
		"notify-keyspace-events": "",
		"port":                   strconv.Itoa(r.server.port()),
		"proto-max-bulk-len":     strconv.Itoa(r.limits.MaxValueBytes),
		"requirepass":            "",
		"save":                   "",
		"tcp-keepalive":          "15",
		"timeout":                "0",
	}
}

// port is the port listened on.
func (s *Server) port() int {
	_, port := hostPort(s.Addr().String())
	return port
}
